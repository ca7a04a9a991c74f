# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that ssh and we once judged differently, and judge alike now."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.trust_store import TrustedKey

from .cases import Case, algorithm, meet_by_ssh, meet_by_us
from .generator import SPELLINGS, Target
from .material import Key, Workshop
from .oracle import ssh_keygen

HOST = "alpha.example.com"


def _case(folder: Path, target: Target, key: Key, *lines: str) -> Case:
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return Case(target, [known_hosts], None, [key], [], algorithm(key.blob))


def _both_accept(case: Case) -> TrustedKey | None:
    """Return our verdict, or ``None`` where ssh and we refuse; fails where we disagree."""
    ours, theirs = meet_by_us(case, case.store()), meet_by_ssh(case)
    assert isinstance(ours, TrustedKey) == theirs.accepted, (ours, theirs.transcript)
    return ours if isinstance(ours, TrustedKey) else None


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
def test_a_key_known_without_the_port_stands_in_where_no_key_is_known_with_it(
    first: str, accepted: bool, workshop: Workshop, tmp_path: Path
) -> None:
    key, other = workshop.key("ed25519", "a"), workshop.key("ecdsa256", "a")
    lines = [first.format(host=HOST, other=other.line), f"{HOST} {key.line}"]
    verdict = _both_accept(_case(tmp_path, Target(HOST, 2222), key, *lines))
    assert (verdict is not None) is accepted
    if verdict is not None:
        assert (verdict.trusted_by, verdict.origin) == ("known_hosts", f"{tmp_path}/known_hosts:2")
    assert _both_accept(_case(tmp_path, Target(HOST, 2222), workshop.key("ed25519", "b"), *lines)) is None
    assert _both_accept(_case(tmp_path, Target(HOST, 2222, "alias"), key, *lines)) is None


@pytest.mark.parametrize("port", [22, 2222])
@pytest.mark.parametrize("spelled", SPELLINGS)
def test_an_address_is_known_and_revoked_under_its_canonical_name(
    spelled: str, port: int, workshop: Workshop, tmp_path: Path
) -> None:
    key = workshop.key("ed25519", "a")
    target = Target(spelled, port)
    known, revoked = f"{target.name} {key.line}", f"@revoked {target.name} {key.line}"
    assert _both_accept(_case(tmp_path, target, key, known)) is not None
    assert _both_accept(_case(tmp_path, target, key, f"* {key.line}", revoked)) is None
    hashed = tmp_path / "hashed"
    hashed.write_text(f"{known}\n", encoding="ascii")
    assert ssh_keygen("-H", "-f", hashed).returncode == 0
    line = hashed.read_text(encoding="ascii").strip()
    assert _both_accept(_case(tmp_path, target, key, line)) is not None
    assert _both_accept(_case(tmp_path, target, key, f"* {key.line}", f"@revoked {line}")) is None


@pytest.mark.parametrize("damaged", [False, True])
def test_an_authority_may_live_on_a_hardware_token(damaged: bool, workshop: Workshop, tmp_path: Path) -> None:
    key = workshop.key("ed25519", "a")
    certificate = workshop.certificate_by_token(key, HOST, damaged=damaged)
    case = _case(tmp_path, Target(HOST, 22), key, f"@cert-authority {HOST} {certificate.authority.line}")
    # sshd itself would not load a damaged one.
    if damaged:
        ours = meet_by_us(dataclasses.replace(case, certificates=[certificate]), case.store())
        assert not isinstance(ours, TrustedKey)
        return
    shown = dataclasses.replace(case, certificates=[certificate], algorithms=algorithm(certificate.blob))
    verdict = _both_accept(shown)
    assert verdict is not None
    assert verdict.trusted_by == "certificate"
    other = certificate.authority.blob.replace(b"\0\0\0\x04ssh:", b"\0\0\0\x04web:")
    assert other != certificate.authority.blob
    plain = Key("token", key.path, certificate.authority.key_type, base64.b64encode(other).decode("ascii"))
    elsewhere = _case(tmp_path, Target(HOST, 22), key, f"@cert-authority {HOST} {plain.line}")
    assert _both_accept(dataclasses.replace(shown, known_hosts=elsewhere.known_hosts)) is None


def test_a_revoked_key_is_not_the_one_that_is_asked_for(workshop: Workshop, tmp_path: Path) -> None:
    keys = [workshop.key("ed25519", "a"), workshop.key("rsa2048", "a")]
    known = [f"{HOST} {key.line}" for key in keys]
    case = _case(tmp_path, Target(HOST, 22), keys[0], *known, f"@revoked {HOST} {keys[0].line}")
    verdict = _both_accept(dataclasses.replace(case, keys=keys, algorithms=""))
    assert verdict is not None
    assert verdict.key.key_type == "ssh-rsa"
