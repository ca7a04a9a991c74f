# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of public keys on the wire."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._rules.public_key import (
    PublicKey,
    fingerprint,
    is_known_type,
    plain_type,
    read_key_text,
    read_public_key,
    type_name,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._rules.ssh_wire import WireError, wire_integer, wire_string
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._rules.ssh_material import (
    CURVES,
    ecdsa,
    ed25519,
    rsa,
)

# A key and its fingerprint as ssh-keygen -l printed them.
KNOWN_LINE = "AAAAC3NzaC1lZDI1NTE5AAAAIILgQ/vnr5tGAB2HVYOwRwyyzSE8ZfRr+61L9Or2yDjO"
KNOWN_FINGERPRINT = "SHA256:pm3KMrcfQZH7EVJyAMJuMKuFn2LmYdOLFdFZqkQ3Xd0"


def test_a_fingerprint_is_what_ssh_keygen_shows() -> None:
    assert fingerprint(base64.b64decode(KNOWN_LINE)) == KNOWN_FINGERPRINT
    assert read_public_key(base64.b64decode(KNOWN_LINE)).line == f"ssh-ed25519 {KNOWN_LINE}"


@pytest.mark.parametrize("key", [ed25519(), rsa(), rsa(4096), *(ecdsa(curve) for curve in CURVES)])
def test_a_key_is_read_back_from_its_blob(key: PublicKey) -> None:
    assert read_public_key(key.blob) == key


def test_surplus_zeros_make_no_other_rsa_key() -> None:
    key = rsa()
    modulus = (1 << 2047) + 1
    padded = wire_string(b"ssh-rsa") + wire_integer(65537) + wire_string(b"\0\0" + modulus.to_bytes(256, "big"))
    assert padded != key.blob
    assert read_public_key(padded) == key


@pytest.mark.parametrize(("bits", "weak"), [(1024, True), (2047, True), (2048, False), (3072, False)])
def test_short_rsa_keys_are_weak(bits: int, weak: bool) -> None:
    assert rsa(bits).is_too_weak is weak


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        wire_string(b""),
        wire_string(b"ssh-ed25519"),
        wire_string(b"ssh-ed25519") + wire_string(b"x" * 31),
        ed25519().blob + b"\0",
        wire_string(b"ssh-unheard-of") + wire_string(b"x"),
        wire_string(b"ssh-\xff"),
        wire_string(b"ssh\n") + wire_string(b"x"),
        wire_string(b"x" * 65),
        wire_string(b"ecdsa-sha2-nistp256") + wire_string(b"nistp384") + wire_string(b"\x04" + b"x" * 96),
        wire_string(b"ecdsa-sha2-nistp256") + wire_string(b"nistp256") + wire_string(b"\x02" + b"x" * 64),
        wire_string(b"ecdsa-sha2-nistp256") + wire_string(b"nistp256") + wire_string(b"\x04" + b"x" * 63),
    ],
)
def test_a_blob_that_is_no_key_is_refused(blob: bytes) -> None:
    with pytest.raises(WireError):
        read_public_key(blob)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_never_crash(blob: bytes) -> None:
    for candidate in (blob, wire_string(b"ssh-rsa") + blob, wire_string(b"ecdsa-sha2-nistp256") + blob):
        try:
            read_public_key(candidate)
        except WireError:
            continue


def test_a_key_on_a_hardware_token_is_known() -> None:
    kind = b"sk-ssh-ed25519@openssh.com"
    blob = wire_string(kind) + wire_string(b"x" * 32) + wire_string(b"ssh:")
    assert read_public_key(blob).key_type == kind.decode()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"),
        ("sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com"),
        ("rsa-sha2-512", "ssh-rsa"),
        ("rsa-sha2-256-cert-v01@openssh.com", "ssh-rsa"),
        ("ssh-unheard-of", "ssh-unheard-of"),
    ],
)
def test_each_name_leads_to_the_type_of_the_key_inside(name: str, plain: str) -> None:
    assert plain_type(name) == plain
    assert is_known_type(name) is (name != "ssh-unheard-of")


def test_a_line_must_hold_the_type_that_it_names() -> None:
    encoded = base64.b64encode(rsa().blob)
    assert read_key_text("rsa-sha2-512", encoded) == rsa().blob
    for named in ("ssh-ed25519", "ssh-rsa-cert-v01@openssh.com"):
        with pytest.raises(WireError, match="holds a key of the type ssh-rsa"):
            read_key_text(named, encoded)


def test_a_type_is_a_short_printable_name() -> None:
    assert type_name(b"ssh-ed25519") == "ssh-ed25519"
    with pytest.raises(WireError):
        type_name(b"\x1b[2J")
