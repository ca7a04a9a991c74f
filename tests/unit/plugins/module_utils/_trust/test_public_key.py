# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys in the SSH wire format, and their signatures."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.public_key import (
    PublicKey,
    fingerprint,
    is_known_type,
    plain_type,
    read_key_text,
    read_public_key,
    type_name,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.ssh_wire import WireError, wire_string
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import (
    CURVES,
    ecdsa,
    ed25519,
    rsa,
    wire_integer,
)

# A key, and its fingerprint from ssh-keygen -l.
KNOWN_LINE = "AAAAC3NzaC1lZDI1NTE5AAAAIILgQ/vnr5tGAB2HVYOwRwyyzSE8ZfRr+61L9Or2yDjO"
KNOWN_FINGERPRINT = "SHA256:pm3KMrcfQZH7EVJyAMJuMKuFn2LmYdOLFdFZqkQ3Xd0"


def test_a_fingerprint_equals_that_of_ssh_keygen() -> None:
    assert fingerprint(base64.b64decode(KNOWN_LINE)) == KNOWN_FINGERPRINT
    assert read_public_key(base64.b64decode(KNOWN_LINE)).line == f"ssh-ed25519 {KNOWN_LINE}"


@pytest.mark.parametrize("key", [ed25519(), rsa(), rsa(4096), *(ecdsa(curve) for curve in CURVES)])
def test_a_key_is_read_back_from_its_blob(key: PublicKey) -> None:
    assert read_public_key(key.blob) == key


def test_an_rsa_key_with_surplus_zeros_is_the_same_key() -> None:
    key = rsa()
    modulus = (1 << 2047) + 3
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
        # A point that is not on its curve.
        wire_string(b"ecdsa-sha2-nistp256") + wire_string(b"nistp256") + wire_string(b"\x04" + b"x" * 64),
        wire_string(b"ssh-rsa") + wire_integer(65537) + wire_integer(0),
        wire_string(b"ssh-rsa") + wire_integer(65537) + wire_string(b"\xff" * 256),
        wire_string(b"ssh-rsa") + wire_integer(65537) + wire_integer(2**16384 + 1),
        wire_string(b"ssh-dss") + wire_string(b"\x07") * 3,
        wire_string(b"ssh-ed25519-cert-v01@openssh.com") + wire_string(b"x" * 32),
        wire_string(b"sk-ssh-ed25519@openssh.com") + wire_string(b"x" * 32),
        wire_string(b"sk-ssh-ed25519@openssh.com") + wire_string(b"x" * 32) + wire_string(b"s\0sh:"),
        wire_string(b"sk-ecdsa-sha2-nistp256@openssh.com")
        + b"".join(wire_string(field) for field in (b"nistp256", b"\x04" + b"x" * 64, b"ssh:")),
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


def test_keys_on_a_token_differ_by_their_application() -> None:
    kind = b"sk-ssh-ed25519@openssh.com"
    keys = [
        read_public_key(wire_string(kind) + wire_string(b"x" * 32) + wire_string(application))
        for application in (b"ssh:", b"ssh:\0", b"ssh:other")
    ]
    assert {key.key_type for key in keys} == {kind.decode()}
    assert keys[0] == keys[1] != keys[2]
    assert keys[0].blob != wire_string(b"ssh-ed25519") + wire_string(b"x" * 32)


# Signatures

DATA = b"what is signed"
ED25519 = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
ECDSA = {curve: ec.derive_private_key(7, CURVES[curve]) for curve in CURVES}
ECDSA_HASHES = {"nistp256": hashes.SHA256(), "nistp384": hashes.SHA384(), "nistp521": hashes.SHA512()}
RSA = rsa_keys.generate_private_key(65537, 2048)


def _read(
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa_keys.RSAPrivateKey, on_token: bytes = b""
) -> PublicKey:
    blob = base64.b64decode(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
    if on_token:
        blob = wire_string(on_token) + blob[4 + blob[3] :] + wire_string(b"ssh:")
    return read_public_key(blob)


def _two(der: bytes) -> bytes:
    return b"".join(wire_integer(part) for part in utils.decode_dss_signature(der))


def _signed(algorithm: str, raw: bytes, rest: bytes = b"") -> bytes:
    return wire_string(algorithm.encode()) + wire_string(raw) + rest


def _by_rsa(algorithm: str, digest: hashes.HashAlgorithm) -> tuple[PublicKey, bytes]:
    return _read(RSA), _signed(algorithm, RSA.sign(DATA, padding.PKCS1v15(), digest))


def _by_token(kind: str) -> tuple[PublicKey, bytes]:
    flags_and_counter = b"\x01\0\0\0\x07"
    data = hashlib.sha256(b"ssh:").digest() + flags_and_counter + hashlib.sha256(DATA).digest()
    if "ed25519" in kind:
        return _read(ED25519, kind.encode()), _signed(kind, ED25519.sign(data), flags_and_counter)
    raw = _two(ECDSA["nistp256"].sign(data, ec.ECDSA(hashes.SHA256())))
    return _read(ECDSA["nistp256"], kind.encode()), _signed(kind, raw, flags_and_counter)


def _by_ecdsa(curve: str) -> tuple[PublicKey, bytes]:
    raw = _two(ECDSA[curve].sign(DATA, ec.ECDSA(ECDSA_HASHES[curve])))
    return _read(ECDSA[curve]), _signed(f"ecdsa-sha2-{curve}", raw)


SIGNATURES = [
    (_read(ED25519), _signed("ssh-ed25519", ED25519.sign(DATA))),
    *(_by_ecdsa(curve) for curve in CURVES),
    _by_rsa("rsa-sha2-512", hashes.SHA512()),
    _by_rsa("rsa-sha2-256", hashes.SHA256()),
    _by_token("sk-ssh-ed25519@openssh.com"),
    _by_token("sk-ecdsa-sha2-nistp256@openssh.com"),
]


@pytest.mark.parametrize(("key", "signature"), SIGNATURES)
def test_a_signature_is_valid_for_one_key_and_one_text(key: PublicKey, signature: bytes) -> None:
    assert key.has_signed(DATA, signature)
    assert not key.has_signed(DATA + b"!", signature)
    assert not key.has_signed(DATA, signature + b"\0")
    assert not key.has_signed(DATA, signature[:-1])
    assert not ed25519(2).has_signed(DATA, signature)
    for other, _signature in SIGNATURES:
        assert other.has_signed(DATA, signature) is (other == key)


def test_a_signature_with_sha_1_or_another_algorithm_is_refused() -> None:
    for algorithm, digest in (
        ("ssh-rsa", hashes.SHA1()),
        ("ssh-rsa", hashes.SHA256()),
        ("rsa-sha2-256", hashes.SHA1()),
    ):
        key, signature = _by_rsa(algorithm, digest)
        assert not key.has_signed(DATA, signature)
    assert not _read(ED25519).has_signed(DATA, _signed("rsa-sha2-512", ED25519.sign(DATA)))
    dsa = PublicKey("ssh-dss", wire_string(b"ssh-dss") + wire_string(b"\x07") * 4)
    assert not dsa.has_signed(DATA, _signed("ssh-dss", b"x" * 40))


def test_an_rsa_signature_may_lack_its_leading_zeros() -> None:
    # One signature in 256 begins with a zero byte. PuTTY does not send that byte; OpenSSH adds it.
    for number in range(5000):
        data = str(number).encode()
        raw = RSA.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if raw.startswith(b"\0"):
            break
    assert raw.startswith(b"\0")
    assert _read(RSA).has_signed(data, _signed("rsa-sha2-256", raw.lstrip(b"\0")))


@pytest.mark.parametrize("junk", [b"", b"\0\0\0\x01", b"\xff" * 40, b"\0\0\0\x07ssh-rsa" + b"\0" * 20])
def test_a_malformed_signature_is_not_valid(junk: bytes) -> None:
    for key, signature in SIGNATURES:
        assert not key.has_signed(DATA, junk)
        algorithm = signature[: 4 + signature[3]]
        assert not key.has_signed(DATA, algorithm + junk)
        assert not key.has_signed(DATA, algorithm + wire_string(junk))


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
def test_the_plain_type_of_each_type_name(name: str, plain: str) -> None:
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
