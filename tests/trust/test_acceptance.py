# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on which the decisions of ssh and of the trust store once differed, and now agree."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.trust_store import TrustedKey

from .cases import Case, algorithm, decide, run_ssh
from .generator import SPELLINGS, Target
from .material import Key, Workshop
from .oracle import ssh_keygen

HOST = "alpha.example.com"


def _case(folder: Path, target: Target, key: Key, *lines: str) -> Case:
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return Case(target, [known_hosts], None, [key], [], algorithm(key.blob))


def _accepted_by_both(case: Case) -> TrustedKey | None:
    """Return the trusted key, or None when both refuse it. Fails when the decisions differ."""
    decision, expected = decide(case, case.store()), run_ssh(case)
    assert isinstance(decision, TrustedKey) == expected.accepted, (decision, expected.transcript)
    return decision if isinstance(decision, TrustedKey) else None


@pytest.mark.parametrize(
    ("first", "accepted"),
    [
        ("", True),
        ("@revoked [{host}]:2222 {other}", True),
        ("@cert-authority [{host}]:2222 {other}", True),
        ("[{host}]:2223 {other}", True),
        ("[{host}]:2222 {other}", False),
        ("[{host}]:* {other}", False),
    ],
)
def test_a_key_without_port_applies_when_no_key_is_known_with_the_port(
    first: str, accepted: bool, workshop: Workshop, tmp_path: Path
) -> None:
    key, other = workshop.key("ed25519", "a"), workshop.key("ecdsa256", "a")
    lines = [first.format(host=HOST, other=other.line), f"{HOST} {key.line}"]
    trusted = _accepted_by_both(_case(tmp_path, Target(HOST, 2222), key, *lines))
    assert (trusted is not None) is accepted
    if trusted is not None:
        assert (trusted.trusted_by, trusted.origin) == ("known_hosts", f"{tmp_path}/known_hosts:2")
    assert _accepted_by_both(_case(tmp_path, Target(HOST, 2222), workshop.key("ed25519", "b"), *lines)) is None
    assert _accepted_by_both(_case(tmp_path, Target(HOST, 2222, "alias"), key, *lines)) is None


@pytest.mark.parametrize("port", [22, 2222])
@pytest.mark.parametrize("spelled", SPELLINGS)
def test_an_address_is_known_and_revoked_under_its_canonical_name(
    spelled: str, port: int, workshop: Workshop, tmp_path: Path
) -> None:
    key = workshop.key("ed25519", "a")
    target = Target(spelled, port)
    known, revoked = f"{target.name} {key.line}", f"@revoked {target.name} {key.line}"
    assert _accepted_by_both(_case(tmp_path, target, key, known)) is not None
    assert _accepted_by_both(_case(tmp_path, target, key, f"* {key.line}", revoked)) is None
    hashed = tmp_path / "hashed"
    hashed.write_text(f"{known}\n", encoding="ascii")
    assert ssh_keygen("-H", "-f", hashed).returncode == 0
    line = hashed.read_text(encoding="ascii").strip()
    assert _accepted_by_both(_case(tmp_path, target, key, line)) is not None
    assert _accepted_by_both(_case(tmp_path, target, key, f"* {key.line}", f"@revoked {line}")) is None


@pytest.mark.parametrize("damaged", [False, True])
def test_an_authority_may_be_on_a_hardware_token(damaged: bool, workshop: Workshop, tmp_path: Path) -> None:
    key = workshop.key("ed25519", "a")
    certificate = workshop.certificate_by_token(key, HOST, damaged=damaged)
    case = _case(tmp_path, Target(HOST, 22), key, f"@cert-authority {HOST} {certificate.authority.line}")
    # sshd does not load a damaged certificate.
    if damaged:
        decision = decide(dataclasses.replace(case, certificates=[certificate]), case.store())
        assert not isinstance(decision, TrustedKey)
        return
    shown = dataclasses.replace(case, certificates=[certificate], algorithms=algorithm(certificate.blob))
    trusted = _accepted_by_both(shown)
    assert trusted is not None
    assert trusted.trusted_by == "certificate"
    other = certificate.authority.blob.replace(b"\0\0\0\x04ssh:", b"\0\0\0\x04web:")
    assert other != certificate.authority.blob
    plain = Key("token", key.path, certificate.authority.key_type, base64.b64encode(other).decode("ascii"))
    other_application = _case(tmp_path, Target(HOST, 22), key, f"@cert-authority {HOST} {plain.line}")
    assert _accepted_by_both(dataclasses.replace(shown, known_hosts=other_application.known_hosts)) is None


def test_the_type_of_a_revoked_key_is_not_offered(workshop: Workshop, tmp_path: Path) -> None:
    keys = [workshop.key("ed25519", "a"), workshop.key("rsa2048", "a")]
    known = [f"{HOST} {key.line}" for key in keys]
    case = _case(tmp_path, Target(HOST, 22), keys[0], *known, f"@revoked {HOST} {keys[0].line}")
    trusted = _accepted_by_both(dataclasses.replace(case, keys=keys, algorithms=""))
    assert trusted is not None
    assert trusted.key.key_type == "ssh-rsa"
