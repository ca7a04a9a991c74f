# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH keys, certificates and revocation lists put together byte by byte: right in form, without secret halves."""

from __future__ import annotations

import base64
import struct
import typing as t

from ansible_collections.backhaul.sftp.plugins.module_utils._rules.public_key import PublicKey, read_public_key
from ansible_collections.backhaul.sftp.plugins.module_utils._rules.ssh_wire import wire_integer, wire_string

CURVES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
FOREVER = 2**64 - 1


def ed25519(seed: int = 1) -> PublicKey:
    """An Ed25519 key; another seed is another key."""
    return read_public_key(wire_string(b"ssh-ed25519") + wire_string(bytes([seed]) * 32))


def ecdsa(curve: str = "nistp256", seed: int = 1) -> PublicKey:
    """An ECDSA key, of which only the form is right."""
    point = b"\x04" + bytes([seed]) * (CURVES[curve] - 1)
    name = b"ecdsa-sha2-" + curve.encode()
    return read_public_key(wire_string(name) + wire_string(curve.encode()) + wire_string(point))


def rsa(bits: int = 2048, seed: int = 1) -> PublicKey:
    """An RSA key of so many bits."""
    return read_public_key(wire_string(b"ssh-rsa") + wire_integer(65537) + wire_integer((1 << (bits - 1)) + seed))


def line(key: PublicKey) -> str:
    """Type and base64."""
    return f"{key.key_type} {base64.b64encode(key.blob).decode()}"


def packed(*values: bytes) -> bytes:
    """Several strings in a row."""
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
    """A certificate whose signature is the word ``good``; ``verify`` believes that one and no other."""
    kind = key.key_type.replace("@openssh.com", "").encode() + b"-cert-v01@openssh.com"
    fields = key.blob[len(wire_string(key.key_type.encode())) :]
    signer = authority if isinstance(authority, bytes) else authority.blob
    body = wire_string(kind) + wire_string(b"nonce") + fields + struct.pack(">QI", serial, role)
    body += wire_string(key_id) + wire_string(packed(*principals)) + struct.pack(">QQ", *valid)
    body += packed(critical, extensions, b"", signer)
    return body + wire_string(packed(algorithm, b"good")) + surplus


def verify(_authority: bytes, _signed: bytes, signature: bytes) -> bool:
    """Stand in for the crypto library: the signature ``good`` is right."""
    return signature.endswith(wire_string(b"good"))


def krl(*sections: tuple[int, bytes], version: int = 1) -> bytes:
    """A revocation list of these sections."""
    header = b"SSHKRL\n\0" + struct.pack(">IQQQ", version, 1, 0, 0) + packed(b"", b"a comment")
    return header + b"".join(bytes([kind]) + wire_string(content) for kind, content in sections)
