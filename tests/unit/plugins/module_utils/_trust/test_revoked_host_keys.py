# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of revoked host keys, as text and as OpenSSH's binary list."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.host_certificate import read_certificate
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.revoked_host_keys import ENCODED_KRL, RevokedHostKeys
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import (
    certificate,
    ed25519,
    krl,
    line,
    packed,
    rsa,
)

KEY, OTHER, AUTHORITY = ed25519(1), rsa(2048, 2), ed25519(9)
CERTIFICATE = read_certificate(certificate(KEY, AUTHORITY))


def test_a_text_list_revokes_the_keys_on_it() -> None:
    text = f"# old keys\n\n  \t{line(KEY)} stolen in May\n{line(OTHER)}"
    listed = RevokedHostKeys.parse(text, origin="revoked")
    assert listed.fault == ""
    assert listed.why_revoked(KEY, None)
    assert listed.why_revoked(OTHER, None)
    assert not listed.why_revoked(ed25519(3), None)


def test_a_text_list_revokes_certificates_by_authority_and_by_key() -> None:
    assert RevokedHostKeys.parse(line(AUTHORITY), origin="r").why_revoked(KEY, CERTIFICATE)
    encoded = base64.b64encode(certificate(KEY, AUTHORITY)).decode()
    listed = RevokedHostKeys.parse(f"ssh-ed25519-cert-v01@openssh.com {encoded}", origin="r")
    assert listed.why_revoked(KEY, None)
    assert not listed.why_revoked(AUTHORITY, None)


def test_a_binary_list_is_recognised_by_its_first_bytes() -> None:
    listed = RevokedHostKeys.parse(krl((2, packed(KEY.blob))), origin="r")
    assert listed.fault == ""
    assert listed.why_revoked(KEY, None)


def test_a_binary_list_may_come_in_base64() -> None:
    encoded = ENCODED_KRL + base64.b64encode(krl((2, packed(KEY.blob))))
    assert RevokedHostKeys.parse(encoded.decode("ascii"), origin="r").why_revoked(KEY, None)
    for damaged in (encoded[:-3], encoded + b"!", ENCODED_KRL + b"QUJD"):
        assert RevokedHostKeys.parse(damaged, origin="r").fault


def test_an_empty_list_revokes_no_key() -> None:
    assert RevokedHostKeys.parse(b"", origin="r") == RevokedHostKeys(origin="r")


@pytest.mark.parametrize(
    "content",
    [
        "garbage",
        "ssh-ed25519",
        "ssh-ed25519 ",
        "ssh-ed25519 AAAA",
        "ssh-unheard-of AAAAB3NzaC1yc2EAAAAD",
        f"host {line(KEY)}",
        f"@revoked * {line(KEY)}",
        f"{line(KEY)}\nSHA256:x",
        "\r\n",
        krl()[:-1],
        krl()[:6],
        krl((77, b"")),
    ],
)
def test_an_unreadable_part_of_a_list_is_a_fault(content: bytes | str) -> None:
    assert RevokedHostKeys.parse(content, origin="r").fault


def test_the_fault_names_the_line() -> None:
    assert RevokedHostKeys.parse(f"{line(KEY)}\nnonsense\n", origin="r").fault.startswith("line 2: ")


def test_a_missing_list_is_a_fault_even_without_a_reason() -> None:
    assert RevokedHostKeys.missing(origin="r", fault="").fault
