# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH keys, certificates and revocation lists made byte by byte: valid in form, without private keys."""

from __future__ import annotations

import base64
import functools
import struct
import typing as t

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.public_key import PublicKey, read_public_key
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.ssh_wire import wire_string

CURVES = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}
FOREVER = 2**64 - 1


def ed25519(seed: int = 1) -> PublicKey:
    """Return an Ed25519 key; different seeds give different keys."""
    return read_public_key(_blob(_ed25519(seed)))


def _ed25519(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def _blob(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


@functools.cache
def _signers() -> dict[bytes, Ed25519PrivateKey]:
    return {_blob(_ed25519(seed)): _ed25519(seed) for seed in range(1, 10)}


def wire_integer(value: int) -> bytes:
    """Return the shortest encoding of a positive ``mpint``."""
    return wire_string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def ecdsa(curve: str = "nistp256", seed: int = 1) -> PublicKey:
    """Return an ECDSA key on this curve."""
    return read_public_key(_blob(ec.derive_private_key(seed, CURVES[curve])))


def rsa(bits: int = 2048, seed: int = 1) -> PublicKey:
    """Return an RSA key of this size without a private key."""
    modulus = (1 << (bits - 1)) + 2 * seed + 1
    return read_public_key(wire_string(b"ssh-rsa") + wire_integer(65537) + wire_integer(modulus))


def line(key: PublicKey) -> str:
    """Return type and base64 of a key."""
    return f"{key.key_type} {base64.b64encode(key.blob).decode()}"


def packed(*values: bytes) -> bytes:
    """Return the encoding of several strings."""
    return b"".join(wire_string(value) for value in values)


def certificate(
    key: PublicKey,
    authority: PublicKey | bytes,
    *,
    principals: t.Sequence[bytes] = (b"host.example",),
    serial: int = 1,
    role: int = 2,
    key_id: bytes = b"id",
    valid: tuple[int, int] = (0, FOREVER),
    critical: bytes = b"",
    extensions: bytes = b"",
    algorithm: bytes = b"ssh-ed25519",
    surplus: bytes = b"",
) -> bytes:
    """Return a certificate, signed if the authority is an Ed25519 key; else its signature is the word ``unsigned``."""
    kind = key.key_type.replace("@openssh.com", "").encode() + b"-cert-v01@openssh.com"
    fields = key.blob[len(wire_string(key.key_type.encode())) :]
    signer = authority if isinstance(authority, bytes) else authority.blob
    body = wire_string(kind) + wire_string(b"nonce") + fields + struct.pack(">QI", serial, role)
    body += wire_string(key_id) + wire_string(packed(*principals)) + struct.pack(">QQ", *valid)
    body += packed(critical, extensions, b"", signer)
    signature = _signers()[signer].sign(body) if signer in _signers() else b"unsigned"
    return body + wire_string(packed(algorithm, signature)) + surplus


def krl(*sections: tuple[int, bytes], version: int = 1) -> bytes:
    """Return a revocation list with these sections."""
    header = b"SSHKRL\n\0" + struct.pack(">IQQQ", version, 1, 0, 0) + packed(b"", b"a comment")
    return header + b"".join(bytes([kind]) + wire_string(content) for kind, content in sections)
