# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read public keys in the SSH wire format, and verify signatures with them.

Formats: RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import hashlib
import typing as t
from dataclasses import dataclass

from .ssh_wire import WireError, WireReader, decode_base64, wire_string

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key
except Exception:  # noqa: BLE001, S110 - without paramiko there may be no cryptography; require_paramiko says so
    pass

CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"
SMALLEST_RSA_BITS = 2048
LARGEST_RSA_BITS = 16384  # as for OpenSSH (sshbuf) and OpenSSL

if t.TYPE_CHECKING:
    _Loaded = t.Union[Ed25519PublicKey, ec.EllipticCurvePublicKey, rsa.RSAPublicKey]

# The accepted types of host keys, in the order of preference.
HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
# The number of fields after the type in a blob (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4).
_FIELD_COUNTS = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
    "ssh-dss": 4,  # never accepted from a server, but lines may revoke such a key
}
# The key of a certificate authority may be on a hardware token. Its blob holds the fields of a plain key, and then the
# name of the application for which the key was made (OpenSSH's PROTOCOL.u2f).
_KEY_ON_TOKEN = {
    "sk-ssh-ed25519@openssh.com": "ssh-ed25519",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ecdsa-sha2-nistp256",
}
# The accepted signature algorithms of each key type. Those with SHA-1 ("ssh-rsa", "ssh-dss") are left out.
SIGNATURE_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "sk-ssh-ed25519@openssh.com": ("sk-ssh-ed25519@openssh.com",),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("sk-ecdsa-sha2-nistp256@openssh.com",),
}
# A line may name a signature algorithm in place of the key type of an RSA key.
_ALIASES = {"rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa"}


@dataclass(frozen=True)
class PublicKey:
    """A plain public key: its type, its blob in the canonical encoding, and for RSA the size in bits."""

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
        """Whether the key is an RSA key of fewer than 2048 bits."""
        return self.key_type == "ssh-rsa" and self.rsa_bits < SMALLEST_RSA_BITS

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        """Return whether ``signature`` (in SSH's encoding) over ``data`` is from this key, by an accepted algorithm."""
        try:
            _verify(self, data, WireReader(signature))
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


def fingerprint(blob: bytes) -> str:
    """Return ``SHA256:`` and the unpadded base64 of the blob's digest."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode("ascii")


def read_public_key(blob: bytes) -> PublicKey:
    """Return the plain public key that fills the blob. Raises ``WireError``, also for an unknown type."""
    reader = WireReader(blob)
    key = read_key_fields(reader, type_name(reader.string()))
    reader.end()
    return key


def read_key_fields(reader: WireReader, key_type: str) -> PublicKey:
    """Return the key of the plain ``key_type`` whose fields are next in ``reader``. Raises ``WireError``."""
    if not is_known_type(key_type) or key_type.endswith(CERTIFICATE_SUFFIX):
        raise WireError(f"the key type {key_type} is not known")
    fields, application = _take_fields(reader, key_type)
    blob = _packed(key_type, *fields, *application)
    if key_type == "ssh-dss":  # cryptography deprecates DSA
        return PublicKey(key_type, blob)
    loaded = _load(key_type, fields)
    if not isinstance(loaded, rsa.RSAPublicKey):
        return PublicKey(key_type, blob)
    if loaded.key_size > LARGEST_RSA_BITS:
        raise WireError(f"its RSA key has more than {LARGEST_RSA_BITS} bits")
    # The integers may have surplus leading zeros; the library writes them without.
    line = loaded.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return PublicKey(key_type, decode_base64(line.split(b" ")[1]), loaded.key_size)


def is_known_type(key_type: str) -> bool:
    """Return whether a line may hold a key or a certificate of this type."""
    return plain_type(key_type) in _FIELD_COUNTS or plain_type(key_type) in _KEY_ON_TOKEN


def plain_type(key_type: str) -> str:
    """Return the plain key type: without the suffix of certificates, and ``ssh-rsa`` for each of its aliases."""
    base = key_type.removesuffix(CERTIFICATE_SUFFIX)
    if base in _ALIASES:
        return _ALIASES[base]
    # In the types of keys on hardware tokens, the suffix replaces "@openssh.com".
    hardware = f"{base}@openssh.com"
    return hardware if base != key_type and hardware in _KEY_ON_TOKEN else base


def type_name(raw: bytes) -> str:
    """Return the name of a key type as text. Raises ``WireError`` when it is not printable ASCII of 1 to 64 bytes."""
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError as exc:
        raise WireError("its key type is not text") from exc
    if not name.isprintable() or not 0 < len(name) <= 64:
        raise WireError("its key type is not a name")
    return name


def read_key_text(key_type: str, encoded: bytes) -> bytes:
    """Return the blob of a line's base64 text. Raises ``WireError`` unless line and blob name the same type."""
    if not encoded:
        raise WireError("there is no key on it")
    blob = decode_base64(encoded)
    inner = type_name(WireReader(blob).string())
    if plain_type(inner) != plain_type(key_type) or _is_certificate(inner) != _is_certificate(key_type):
        raise WireError(f"it says {key_type} but holds a key of the type {inner}")
    return blob


def _is_certificate(key_type: str) -> bool:
    return key_type.endswith(CERTIFICATE_SUFFIX)


def _take_fields(reader: WireReader, key_type: str) -> tuple[list[bytes], list[bytes]]:
    """Return the fields of the plain key, and for a key on a token the application."""
    count = _FIELD_COUNTS[_KEY_ON_TOKEN.get(key_type, key_type)]
    return [reader.string() for _field in range(count)], [reader.text()] if key_type in _KEY_ON_TOKEN else []


def _packed(key_type: str, *fields: bytes) -> bytes:
    return b"".join(wire_string(field) for field in (key_type.encode("ascii"), *fields))


def _load(key_type: str, fields: list[bytes]) -> _Loaded:
    """Return the key as the library reads it, which checks that a point is on its curve and that integers are valid."""
    plain = _KEY_ON_TOKEN.get(key_type, key_type)
    line = plain.encode("ascii") + b" " + base64.b64encode(_packed(plain, *fields))
    try:
        loaded = load_ssh_public_key(line)
    except (ValueError, TypeError, NotImplementedError, UnsupportedAlgorithm) as exc:
        raise WireError(f"its {plain} key is broken") from exc
    if not isinstance(loaded, (Ed25519PublicKey, ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
        raise WireError(f"its {plain} key is one of another type")
    return loaded


def _verify(key: PublicKey, data: bytes, signature: WireReader) -> None:
    """Verify a signature. Raises ``InvalidSignature`` when it is wrong, ``WireError`` when it cannot be read."""
    algorithm, raw = type_name(signature.string()), signature.string()
    if algorithm not in SIGNATURE_ALGORITHMS.get(key.key_type, ()):
        raise WireError(f"signatures of the kind {algorithm} are not accepted")
    blob = WireReader(key.blob)
    blob.string()
    fields, application = _take_fields(blob, key.key_type)
    if application:  # a token also signs one byte of flags and a counter of four bytes (PROTOCOL.u2f)
        digest = hashlib.sha256(data).digest()
        data = hashlib.sha256(application[0]).digest() + signature.take(5) + digest
    signature.end()
    loaded = _load(key.key_type, fields)
    if isinstance(loaded, Ed25519PublicKey):
        loaded.verify(raw, data)
    elif isinstance(loaded, rsa.RSAPublicKey):
        digest_of = hashes.SHA512() if algorithm == "rsa-sha2-512" else hashes.SHA256()
        # Leading zeros may be missing (PuTTY); OpenSSH accepts that, too.
        loaded.verify(raw.rjust((loaded.key_size + 7) // 8, b"\0"), data, padding.PKCS1v15(), digest_of)
    else:
        numbers = WireReader(raw)
        encoded = utils.encode_dss_signature(numbers.integer(), numbers.integer())
        numbers.end()
        loaded.verify(encoded, data, ec.ECDSA(_hash_for(loaded.curve)))


def _hash_for(curve: ec.EllipticCurve) -> hashes.HashAlgorithm:
    """Return the hash function of a curve (RFC 5656 section 6.2.1)."""
    if curve.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if curve.key_size <= 384 else hashes.SHA512()
