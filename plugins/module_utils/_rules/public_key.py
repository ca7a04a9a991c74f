# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Public keys as they are on the wire (RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f)."""

from __future__ import annotations

import base64
import hashlib
import typing as t
from dataclasses import dataclass

from .ssh_wire import WireError, WireReader, decode_base64, wire_integer, wire_string

CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"
SMALLEST_RSA_BITS = 2048

# What a server's key may be, in the order in which this collection prefers it.
HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
# One RSA key goes by several names where a line names the signature algorithm in place of the key type.
_ALIASES = {"rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa"}


@dataclass(frozen=True)
class PublicKey:
    """A plain public key: its type, its blob in the one canonical encoding, and for RSA the size in bits."""

    key_type: str
    blob: bytes
    rsa_bits: int = 0

    @property
    def fingerprint(self) -> str:
        """The fingerprint as ``ssh-keygen -l`` shows it."""
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        """The key as one line of text, without a comment."""
        return f"{self.key_type} {base64.b64encode(self.blob).decode('ascii')}"

    @property
    def is_too_weak(self) -> bool:
        """Whether it is an RSA key that is too short to prove anything."""
        return self.key_type == "ssh-rsa" and self.rsa_bits < SMALLEST_RSA_BITS


def fingerprint(blob: bytes) -> str:
    """Return ``SHA256:`` and the unpadded base64 of the blob's digest."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode("ascii")


def read_public_key(blob: bytes) -> PublicKey:
    """Read a plain public key that fills the blob. Raises ``WireError``, also for a type that is not known."""
    reader = WireReader(blob)
    key = read_key_fields(reader, type_name(reader.string()))
    reader.end()
    return key


def read_key_fields(reader: WireReader, key_type: str) -> PublicKey:
    """Read the fields that follow the type's name in a blob of the plain ``key_type``. Raises ``WireError``."""
    read = _READERS.get(key_type)
    if read is None:
        raise WireError(f"the key type {key_type} is not known")
    fields, rsa_bits = read(reader, key_type)
    return PublicKey(key_type, wire_string(key_type.encode("ascii")) + fields, rsa_bits)


def is_known_type(key_type: str) -> bool:
    """Whether lines may name this type: plain, or of a certificate."""
    return plain_type(key_type) in _READERS


def plain_type(key_type: str) -> str:
    """Return the type of the key inside: no suffix of certificates, ``ssh-rsa`` under each of its names."""
    base = key_type.removesuffix(CERTIFICATE_SUFFIX)
    if base in _ALIASES:
        return _ALIASES[base]
    # The types on hardware tokens put the suffix in place of their own "@openssh.com".
    hardware = f"{base}@openssh.com"
    return hardware if base != key_type and hardware in _READERS else base


def type_name(raw: bytes) -> str:
    """Return a key type's name as text. Raises ``WireError`` where it cannot be one."""
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError as exc:
        raise WireError("its key type is not text") from exc
    if not name.isprintable() or not 0 < len(name) <= 64:
        raise WireError("its key type is not a name")
    return name


def read_key_text(key_type: str, encoded: bytes) -> bytes:
    """Return the blob behind the type and base64 of a line. Raises ``WireError`` unless both name the same type."""
    if not encoded:
        raise WireError("there is no key on it")
    blob = decode_base64(encoded)
    inner = type_name(WireReader(blob).string())
    if plain_type(inner) != plain_type(key_type) or _is_certificate(inner) != _is_certificate(key_type):
        raise WireError(f"it says {key_type} but holds a key of the type {inner}")
    return blob


def _is_certificate(key_type: str) -> bool:
    return key_type.endswith(CERTIFICATE_SUFFIX)


def _read_ed25519(reader: WireReader, _key_type: str) -> tuple[bytes, int]:
    point = reader.string()
    if len(point) != 32:
        raise WireError("its Ed25519 point is not 32 bytes long")
    return wire_string(point), 0


def _read_ecdsa(reader: WireReader, key_type: str) -> tuple[bytes, int]:
    curve, point = reader.string(), reader.string()
    name = next((name for name in _POINT_BYTES if f"ecdsa-sha2-{name}" in key_type), "")
    if curve != name.encode("ascii"):
        raise WireError("its curve is not the one that its type names")
    if len(point) != _POINT_BYTES[name] or point[:1] != b"\x04":
        raise WireError("its point is not in the uncompressed form")
    return wire_string(curve) + wire_string(point), 0


def _read_rsa(reader: WireReader, _key_type: str) -> tuple[bytes, int]:
    exponent, modulus = reader.integer(), reader.integer()
    return wire_integer(exponent) + wire_integer(modulus), modulus.bit_length()


def _read_dsa(reader: WireReader, _key_type: str) -> tuple[bytes, int]:
    return b"".join(wire_integer(reader.integer()) for _part in "pqgy"), 0


def _read_hardware_ed25519(reader: WireReader, key_type: str) -> tuple[bytes, int]:
    return _read_ed25519(reader, key_type)[0] + wire_string(reader.text()), 0


def _read_hardware_ecdsa(reader: WireReader, key_type: str) -> tuple[bytes, int]:
    return _read_ecdsa(reader, key_type)[0] + wire_string(reader.text()), 0


_FieldReader = t.Callable[[WireReader, str], t.Tuple[bytes, int]]
_READERS: dict[str, _FieldReader] = {
    "ssh-ed25519": _read_ed25519,
    "ecdsa-sha2-nistp256": _read_ecdsa,
    "ecdsa-sha2-nistp384": _read_ecdsa,
    "ecdsa-sha2-nistp521": _read_ecdsa,
    "ssh-rsa": _read_rsa,
    # Never accepted from a server, but lines may revoke them, and certificate authorities may live on tokens.
    "ssh-dss": _read_dsa,
    "sk-ssh-ed25519@openssh.com": _read_hardware_ed25519,
    "sk-ecdsa-sha2-nistp256@openssh.com": _read_hardware_ecdsa,
}
