# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSH's key revocation lists; tests/trust compares them with ssh-keygen."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.host_certificate import (
    HostCertificate,
    read_certificate,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.krl import read_krl
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.ssh_wire import WireError, wire_string
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import (
    certificate,
    ed25519,
    krl,
    packed,
)

KEY, OTHER, AUTHORITY = ed25519(1), ed25519(2), ed25519(9)


def _certificate(serial: int = 7, key_id: bytes = b"id") -> HostCertificate:
    return read_certificate(certificate(KEY, AUTHORITY, serial=serial, key_id=key_id))


def _about(kind: int, content: bytes, authority: bytes = AUTHORITY.blob) -> tuple[int, bytes]:
    return 1, packed(authority, b"") + bytes([kind]) + wire_string(content)


def _numbers(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}Q", *numbers)


def test_an_empty_list_revokes_no_key() -> None:
    assert read_krl(krl()).why_revoked(KEY, _certificate()) == ""


@pytest.mark.parametrize(
    "section",
    [
        (2, packed(KEY.blob)),
        (3, packed(hashlib.sha1(KEY.blob).digest())),
        (5, packed(b"x" * 32, hashlib.sha256(KEY.blob).digest())),
    ],
)
def test_a_key_is_revoked_by_itself_and_by_its_fingerprints(section: tuple[int, bytes]) -> None:
    listed = read_krl(krl(section))
    assert listed.why_revoked(KEY)
    assert listed.why_revoked(KEY, _certificate())
    assert not listed.why_revoked(OTHER)


def test_a_revoked_authority_revokes_its_certificates_and_no_plain_key() -> None:
    listed = read_krl(krl((2, packed(AUTHORITY.blob))))
    assert "authority" in listed.why_revoked(KEY, _certificate())
    assert not listed.why_revoked(KEY)


@pytest.mark.parametrize(
    ("section", "revoked"),
    [
        (_about(0x20, _numbers(5, 7)), {5, 7}),
        (_about(0x21, _numbers(6, 8)), {6, 7, 8}),
        (_about(0x22, _numbers(5) + wire_string(b"\x05")), {5, 7}),
        (_about(0x20, _numbers(7), authority=b""), {7}),
        (_about(0x20, _numbers(7), authority=OTHER.blob), set()),
    ],
)
def test_serials_are_revoked_one_by_one_in_ranges_and_in_bitmaps(section: tuple[int, bytes], revoked: set[int]) -> None:
    listed = read_krl(krl(section))
    assert {serial for serial in range(12) if listed.why_revoked(KEY, _certificate(serial))} == revoked


def test_a_serial_of_zero_is_none_and_cannot_be_revoked() -> None:
    listed = read_krl(krl(_about(0x22, _numbers(0) + wire_string(b"\x02"))))
    assert listed.why_revoked(KEY, _certificate(1))
    assert not listed.why_revoked(KEY, _certificate(0))
    with pytest.raises(WireError, match="serial 0"):
        read_krl(krl(_about(0x22, _numbers(0) + wire_string(b"\x03"))))


def test_a_key_id_is_revoked() -> None:
    listed = read_krl(krl(_about(0x23, packed(b"one", b"two"))))
    assert listed.why_revoked(KEY, _certificate(0, b"two"))
    assert not listed.why_revoked(KEY, _certificate(0, b"three"))


def _extension(critical: int) -> bytes:
    return wire_string(b"new@example.com") + bytes([critical]) + wire_string(b"x")


@pytest.mark.parametrize("critical", [0, 1])
def test_a_list_with_an_extension_is_refused(critical: int) -> None:
    for section in ((255, _extension(critical)), _about(0x39, _extension(critical))):
        with pytest.raises(WireError, match="is not known"):
            read_krl(krl((2, packed(KEY.blob)), section))


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"SSHKRL\n\0",
        b"ssh-ed25519 AAAA",
        krl(version=2),
        krl() + b"\x02",
        krl((2, wire_string(b"x") + b"\0")),
        krl((3, packed(b"short"))),
        krl((5, packed(b"x" * 20))),
        krl((4, packed(KEY.blob, b"signature"))),
        krl((77, b"")),
        krl((1, packed(b"no key", b""))),
        krl((1, packed(AUTHORITY.blob))),
        krl(_about(0x20, _numbers(0))),
        krl(_about(0x20, b"\0" * 7)),
        krl(_about(0x21, _numbers(0, 5))),
        krl(_about(0x21, _numbers(6, 5))),
        krl(_about(0x21, _numbers(5, 6, 7))),
        krl(_about(0x22, _numbers(2**64 - 1) + wire_string(b"\x02"))),
        krl(_about(0x22, _numbers(5) + wire_string(b"\x05") + b"\0")),
        krl(_about(0x22, _numbers(5) + wire_string(b"\x01" * (2**21 + 1)))),
        krl(_about(0x55, b"")),
    ],
)
def test_a_list_with_an_unreadable_part_is_refused(blob: bytes) -> None:
    with pytest.raises(WireError):
        read_krl(blob)


@given(st.data())
def test_a_damaged_list_is_refused_or_read_and_never_crashes(data: st.DataObject) -> None:
    sections = ((2, packed(KEY.blob)), _about(0x22, _numbers(5) + wire_string(b"\x05")), _about(0x23, packed(b"id")))
    blob = bytearray(krl(*sections))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read_krl(bytes(blob))
    except WireError:
        return
