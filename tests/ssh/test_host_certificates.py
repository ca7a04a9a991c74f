# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host certificates of a real sshd: accepted for exactly what they certify."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import TrustError
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.trust.material import Certificate, Key, Workshop
from ansible_collections.backhaul.sftp.tests.trust.oracle import ssh_keygen

from .meeting import names, refusal, report_of, trusting
from .sshd import sshd

pytestmark = pytest.mark.integration
GOOD = ("-h", "-I", "backup-1", "-z", "7", "-n", "127.0.0.1,backup.example", "-V", "-1w:+1w")


def issued(
    workshop: Workshop, kind: str = "ed25519", authority: str = "ed25519", arguments: t.Sequence[str] = GOOD
) -> Certificate:
    """Return a certificate for a host key of type ``kind``, signed by an authority's key of type ``authority``."""
    return workshop.certificate(workshop.key(kind, "host"), workshop.key(authority, "authority"), *arguments)


def authority_line(authority: Key, hosts: str = "*") -> str:
    """Return the known_hosts line that trusts an authority."""
    return f"@cert-authority {hosts} {authority.line}\n"


@pytest.fixture(scope="module")
def certified(workshop: Workshop) -> t.Iterator[tuple[Server, Certificate]]:
    """An sshd with a valid Ed25519 certificate."""
    certificate = issued(workshop)
    with sshd(workshop, certificates=[certificate]) as server:
        yield server, certificate


def test_a_certificate_of_a_trusted_authority_is_enough(certified: tuple[Server, Certificate]) -> None:
    server, certificate = certified
    line = authority_line(certificate.authority)
    report = report_of(trusting(server.endpoint(), known_hosts=f"# nothing but the authority\n{line}"))
    assert (report.trusted_by, report.trust_origin) == ("certificate", "known_hosts:2")
    assert report.host_key_algorithm == "ssh-ed25519-cert-v01@openssh.com"
    # The report has the fingerprint of the key, as other tools show it, not that of the certificate.
    shown = ssh_keygen("-l", "-f", certificate.key.public_path).stdout.split()[1].decode()
    assert (report.host_key_type, report.host_key_fingerprint) == ("ssh-ed25519", shown)


@pytest.mark.parametrize(
    ("kind", "authority", "algorithm"),
    [
        ("rsa2048", "rsa2048", "rsa-sha2-512-cert-v01@openssh.com"),
        ("ecdsa256", "ecdsa384", "ecdsa-sha2-nistp256-cert-v01@openssh.com"),
        ("ecdsa521", "ed25519", "ecdsa-sha2-nistp521-cert-v01@openssh.com"),
        ("ecdsa384", "ecdsa521", "ecdsa-sha2-nistp384-cert-v01@openssh.com"),
    ],
)
def test_certificates_may_be_of_every_kind(workshop: Workshop, kind: str, authority: str, algorithm: str) -> None:
    certificate = issued(workshop, kind, authority)
    with sshd(workshop, f"HostKeyAlgorithms {algorithm}", certificates=[certificate]) as server:
        report = report_of(trusting(server.endpoint(), known_hosts=authority_line(certificate.authority)))
    assert (report.trusted_by, report.host_key_algorithm) == ("certificate", algorithm)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("-V", "20200101:20210101"), "clock"),
        (("-V", "+1d:+2d"), "clock"),
        (("-n", "other.example"), "127.0.0.1"),
        (("-O", "critical:force-something=yes"), "force-something"),
    ],
    ids=["expired", "not-yet", "principal", "critical"],
)
def test_a_certificate_with_an_unacceptable_field_is_refused(
    workshop: Workshop, change: tuple[str, ...], says: str
) -> None:
    with sshd(workshop, certificates=[issued(workshop, arguments=(*GOOD, *change))]) as server:
        line = authority_line(workshop.key("ed25519", "authority"))
        error = refusal(trusting(server.endpoint(), known_hosts=line), TrustError, "host_certificate_invalid")
    assert says in error.message


def test_the_principal_is_the_alias_where_there_is_one(certified: tuple[Server, Certificate]) -> None:
    server, certificate = certified
    line = authority_line(certificate.authority, "*.example")
    assert report_of(trusting(server.endpoint(), known_hosts=line, host_key_alias="backup.example")).trusted_by == (
        "certificate"
    )
    wrong = trusting(server.endpoint(), known_hosts=line, host_key_alias="else.example")
    refusal(wrong, TrustError, "host_certificate_invalid")


def test_a_certificate_of_a_revoked_authority_is_refused(certified: tuple[Server, Certificate]) -> None:
    server, certificate = certified
    line = authority_line(certificate.authority)
    revoked = f"{line}@revoked * {certificate.authority.line}\n"
    error = refusal(trusting(server.endpoint(), known_hosts=revoked), TrustError, "host_key_revoked")
    assert "authority" in error.message
    listed = trusting(server.endpoint(), known_hosts=line, revoked_host_keys=certificate.authority.line)
    refusal(listed, TrustError, "host_key_revoked")


@pytest.mark.parametrize("entry", ["serial: 7", "id: backup-1", "key"])
def test_a_krl_revokes_by_serial_key_id_and_key(
    certified: tuple[Server, Certificate], tmp_path: Path, entry: str
) -> None:
    server, certificate = certified
    authority = certificate.authority
    known = authority_line(authority)
    listed, krl = tmp_path / "revoked.txt", tmp_path / "revoked.krl"
    harmless = tmp_path / "harmless.krl"
    listed.write_text(f"{certificate.key.line if entry == 'key' else entry}\n")
    made = ssh_keygen("-k", "-f", krl, "-s", authority.public_path, listed)
    assert made.returncode == 0, made.stderr
    listed.write_text("serial: 8\n")
    assert ssh_keygen("-k", "-f", harmless, "-s", authority.public_path, listed).returncode == 0
    error = refusal(
        trusting(server.endpoint(), known_hosts=known, revoked_host_keys=str(krl)), TrustError, "host_key_revoked"
    )
    assert str(krl) in error.message
    fine = trusting(server.endpoint(), known_hosts=known, revoked_host_keys=str(harmless))
    assert report_of(fine).trusted_by == "certificate"


def test_a_missing_revocation_list_refuses_every_host(certified: tuple[Server, Certificate], tmp_path: Path) -> None:
    server, certificate = certified
    gone = str(tmp_path / "gone.krl")
    for vouching in ({"known_hosts": authority_line(certificate.authority)}, {"host_keys": (certificate.key.line,)}):
        refusal(trusting(server.endpoint(), revoked_host_keys=gone, **vouching), TrustError, "host_key_revoked")


def test_a_certificate_of_an_unknown_authority_counts_as_its_plain_key(
    certified: tuple[Server, Certificate], workshop: Workshop
) -> None:
    server, certificate = certified
    stranger = authority_line(workshop.key("ed25519", "stranger"))
    error = refusal(trusting(server.endpoint(), known_hosts=stranger), TrustError, "host_key_unknown")
    assert ssh_keygen("-l", "-f", certificate.authority.public_path).stdout.split()[1].decode() in error.message
    known = f"{stranger}{names(server)}{certificate.key.line}\n"
    report = report_of(trusting(server.endpoint(), known_hosts=known))
    assert (report.trusted_by, report.trust_origin) == ("known_hosts", "known_hosts:2")


def test_a_pinned_key_may_come_in_a_certificate_or_without(certified: tuple[Server, Certificate]) -> None:
    server, certificate = certified
    assert report_of(trusting(server.endpoint(), host_keys=(certificate.key.line,))).trusted_by == "pin"
