# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain host keys of a real sshd: several of them, their rotation, pins, aliases and revocations."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, TrustError
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.trust.material import Key, Workshop
from ansible_collections.backhaul.sftp.tests.trust.oracle import ssh_keygen

from .meeting import names, refusal, report_of, trusting
from .sshd import sshd

pytestmark = pytest.mark.integration
KINDS = ("ed25519", "ecdsa256", "rsa2048")


@pytest.fixture(scope="module")
def keys(workshop: Workshop) -> dict[str, Key]:
    """The host keys of the server below, by type."""
    return {kind: workshop.key(kind, "host") for kind in KINDS}


@pytest.fixture(scope="module")
def server(workshop: Workshop, keys: dict[str, Key]) -> t.Iterator[Server]:
    """An sshd with three host keys."""
    with sshd(workshop, keys=list(keys.values())) as running:
        yield running


def fingerprint(key: Key) -> str:
    """Return the key's fingerprint as ssh-keygen prints it."""
    return ssh_keygen("-l", "-f", key.public_path).stdout.split()[1].decode()


def attempts_seen(server: Server) -> int:
    """Return the number of login requests in the server's log."""
    return server.log.read_text().count("userauth-request for user")


@pytest.mark.parametrize("kind", KINDS)
def test_the_known_key_is_the_one_that_is_requested(server: Server, keys: dict[str, Key], kind: str) -> None:
    for trust in (
        {"host_keys": (keys[kind].line,)},
        {"host_keys": (fingerprint(keys[kind]),)},
        {"known_hosts": f"{names(server)}{keys[kind].line}\n"},
    ):
        report = report_of(trusting(server.endpoint(), **trust))
        assert report.host_key_fingerprint == fingerprint(keys[kind])
        assert report.host_key_type == keys[kind].key_type


def test_an_rsa_key_signs_with_sha_512(server: Server, keys: dict[str, Key]) -> None:
    report = report_of(trusting(server.endpoint(), host_keys=(keys["rsa2048"].line,)))
    assert (report.host_key_type, report.host_key_algorithm) == ("ssh-rsa", "rsa-sha2-512")


def test_a_key_is_rotated_without_an_interruption(workshop: Workshop, keys: dict[str, Key]) -> None:
    old, new = keys["ed25519"], workshop.key("ed25519", "next")
    for trust in (
        {"host_keys": (old.line, new.line)},
        {"host_keys": (fingerprint(old), fingerprint(new))},
        {"known_hosts": f"127.0.0.1,[127.0.0.1]:* {old.line}\n127.0.0.1,[127.0.0.1]:* {new.line}\n"},
    ):
        for key, position in ((old, 0), (new, 1)):
            with sshd(workshop, keys=[key]) as server:
                report = report_of(trusting(server.endpoint(), **trust))
                assert report.host_key_fingerprint == fingerprint(key)
                assert str(position) in report.trust_origin or f":{position + 1}" in report.trust_origin


def test_a_key_of_another_type_is_a_mismatch_and_no_password_is_sent(server: Server, workshop: Workshop) -> None:
    stranger = workshop.key("ed25519", "stranger")
    before = attempts_seen(server)
    for trust in (
        {"host_keys": (stranger.line,)},
        {"host_keys": (fingerprint(stranger),)},
        {"known_hosts": f"{names(server)}{stranger.line}\n"},
    ):
        error = refusal(trusting(server.endpoint(), **trust), TrustError, "host_key_mismatch")
        assert fingerprint(stranger) in error.message
    assert attempts_seen(server) == before
    report_of(trusting(server.endpoint(), host_keys=server.host_keys))
    assert attempts_seen(server) > before


def test_nothing_known_is_unknown_and_says_what_was_shown(server: Server, keys: dict[str, Key]) -> None:
    before = attempts_seen(server)
    error = refusal(trusting(server.endpoint()), TrustError, "host_key_unknown")
    assert fingerprint(keys["ed25519"]) in error.message
    assert attempts_seen(server) == before


def test_an_alias_is_looked_up_in_place_of_address_and_port(server: Server, keys: dict[str, Key]) -> None:
    known = f"backup.example {keys['ed25519'].line}\n"
    assert report_of(trusting(server.endpoint(), known_hosts=known, host_key_alias="Backup.Example")).trusted_by == (
        "known_hosts"
    )
    refusal(trusting(server.endpoint(), known_hosts=known), TrustError, "host_key_unknown")
    by_address = f"{names(server)}{keys['ed25519'].line}\n"
    aliased = trusting(server.endpoint(), known_hosts=by_address, host_key_alias="backup.example")
    refusal(aliased, TrustError, "host_key_unknown")


def test_a_revocation_wins_over_every_pin(server: Server, keys: dict[str, Key], tmp_path: Path) -> None:
    pinned = {"host_keys": (keys["ed25519"].line,)}
    file = tmp_path / "known_hosts"
    file.write_text(f"@revoked * {keys['ed25519'].line}\n")
    listed = tmp_path / "revoked"
    listed.write_text(f"# stolen in March\n{keys['ed25519'].line}\n")
    for trust in (
        {"known_hosts": f"@revoked {names(server)}{keys['ed25519'].line}\n"},
        {"known_hosts_files": (str(file),)},
        {"revoked_host_keys": keys["ed25519"].line},
        {"revoked_host_keys": str(listed)},
    ):
        refusal(trusting(server.endpoint(), **pinned, **trust), TrustError, "host_key_revoked")


def test_another_key_of_the_server_survives_the_revocation_of_one(server: Server, keys: dict[str, Key]) -> None:
    revoked = keys["ed25519"].line
    both = (keys["ed25519"], keys["ecdsa256"])
    known = "".join(f"{names(server)}{key.line}\n" for key in both)
    for trust in (
        {"host_keys": (keys["ecdsa256"].line,), "revoked_host_keys": revoked},
        {"host_keys": tuple(key.line for key in both), "revoked_host_keys": revoked},
        {"host_keys": tuple(fingerprint(key) for key in both), "revoked_host_keys": revoked},
        {"known_hosts": known, "revoked_host_keys": revoked},
        {"known_hosts": f"{known}@revoked * {revoked}\n"},
    ):
        assert report_of(trusting(server.endpoint(), **trust)).host_key_type == "ecdsa-sha2-nistp256"
    alone = {"host_keys": (fingerprint(keys["ed25519"]),), "revoked_host_keys": revoked}
    refusal(trusting(server.endpoint(), **alone), TrustError, "host_key_revoked")


def test_a_key_known_without_the_port_is_used_and_the_report_names_its_line(
    server: Server, keys: dict[str, Key]
) -> None:
    known = f"# without a port\n{server.host} {keys['ecdsa256'].line}\n"
    report = report_of(trusting(server.endpoint(), known_hosts=known))
    assert (report.trusted_by, report.trust_origin) == ("known_hosts", "known_hosts:2")
    assert report.host_key_type == "ecdsa-sha2-nistp256"
    both = f"{known}{names(server)}{keys['rsa2048'].line}\n"
    report = report_of(trusting(server.endpoint(), known_hosts=both))
    assert (report.host_key_type, report.trust_origin) == ("ssh-rsa", "known_hosts:3")


@pytest.mark.parametrize("spelled", ["127.1", "0x7f000001", "2130706433", "0177.0.0.01"])
def test_another_spelling_of_the_address_matches_the_same_lines(
    server: Server, keys: dict[str, Key], spelled: str
) -> None:
    endpoint = replace(server.endpoint(), host=spelled)
    key = keys["ed25519"].line
    report = report_of(trusting(endpoint, known_hosts=f"{names(server)}{key}\n"))
    assert (report.address, report.trust_origin) == ("127.0.0.1", "known_hosts:1")
    for revoked in (names(server, "@revoked"), f"@revoked {server.host} "):
        refused = trusting(endpoint, known_hosts=f"* {key}\n{revoked}{key}\n")
        refusal(refused, TrustError, "host_key_revoked")
        refusal(trusting(endpoint, host_keys=(key,), known_hosts=f"{revoked}{key}\n"), TrustError, "host_key_revoked")


def test_a_known_hosts_file_that_others_can_write_is_refused(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(server.known_hosts())
    file.chmod(0o664)
    error = refusal(trusting(server.endpoint(), known_hosts_files=(str(file),)), InputError, "unsafe_path")
    assert "chmod go-w" in error.message
    file.chmod(0o644)
    assert report_of(trusting(server.endpoint(), known_hosts_files=(str(file),))).trust_origin == f"{file}:1"


def test_a_short_rsa_key_is_refused_though_it_is_pinned(workshop: Workshop) -> None:
    short = workshop.key("rsa1024", "host")
    with sshd(workshop, "RequiredRSASize 1024", keys=[short]) as server:
        pinned = trusting(server.endpoint(), host_keys=(short.line,))
        for endpoint in (pinned, replace(pinned, algorithms="legacy")):
            assert "2048" in refusal(endpoint, TrustError, "algorithm_mismatch").message
