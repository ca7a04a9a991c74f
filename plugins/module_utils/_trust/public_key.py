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

# What a server's key may be, in the order in which this collection prefers it.
HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
# How many fields follow the type in a blob (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4).
_FIELD_COUNTS = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
    "ssh-dss": 4,  # never accepted from a server, but lines may revoke it
}
# Certificate authorities may live on hardware tokens. The key of one is a plain key, and the name of the application
# that it was made for (OpenSSH's PROTOCOL.u2f).
_KEY_ON_TOKEN = {
    "sk-ssh-ed25519@openssh.com": "ssh-ed25519",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ecdsa-sha2-nistp256",
}
# The signature algorithms of each type that prove anything. SHA-1 ("ssh-rsa", "ssh-dss") is not among them.
SIGNATURE_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "sk-ssh-ed25519@openssh.com": ("sk-ssh-ed25519@openssh.com",),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("sk-ecdsa-sha2-nistp256@openssh.com",),
}
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

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        """Say whether ``signature``, as SSH encodes it, was made over ``data`` with this key, and without SHA-1."""
        try:
            _verify(self, data, WireReader(signature))
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


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
    if not is_known_type(key_type) or key_type.endswith(CERTIFICATE_SUFFIX):
        raise WireError(f"the key type {key_type} is not known")
    fields, application = _take_fields(reader, key_type)
    blob = _packed(key_type, *fields, *application)
    if key_type == "ssh-dss":  # cryptography is about to drop it
        return PublicKey(key_type, blob)
    loaded = _load(key_type, fields)
    if not isinstance(loaded, rsa.RSAPublicKey):
        return PublicKey(key_type, blob)
    if loaded.key_size > LARGEST_RSA_BITS:
        raise WireError(f"its RSA key has more than {LARGEST_RSA_BITS} bits")
    # The integers may have come with surplus zeros.
    line = loaded.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return PublicKey(key_type, decode_base64(line.split(b" ")[1]), loaded.key_size)


def is_known_type(key_type: str) -> bool:
    """Whether lines may name this type: plain, or of a certificate."""
    return plain_type(key_type) in _FIELD_COUNTS or plain_type(key_type) in _KEY_ON_TOKEN


def plain_type(key_type: str) -> str:
    """Return the type of the key inside: no suffix of certificates, ``ssh-rsa`` under each of its names."""
    base = key_type.removesuffix(CERTIFICATE_SUFFIX)
    if base in _ALIASES:
        return _ALIASES[base]
    # The types on hardware tokens put the suffix in place of their own "@openssh.com".
    hardware = f"{base}@openssh.com"
    return hardware if base != key_type and hardware in _KEY_ON_TOKEN else base


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


def _take_fields(reader: WireReader, key_type: str) -> tuple[list[bytes], list[bytes]]:
    """Take the fields of the plain key, and of one on a token its application."""
    count = _FIELD_COUNTS[_KEY_ON_TOKEN.get(key_type, key_type)]
    return [reader.string() for _field in range(count)], [reader.text()] if key_type in _KEY_ON_TOKEN else []


def _packed(key_type: str, *fields: bytes) -> bytes:
    return b"".join(wire_string(field) for field in (key_type.encode("ascii"), *fields))


def _load(key_type: str, fields: list[bytes]) -> _Loaded:
    """Let the library read the plain key, so that a point is on its curve and integers can be those of a key."""
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
    """Return where the signature is right; raises ``InvalidSignature`` or ``WireError`` otherwise."""
    algorithm, raw = type_name(signature.string()), signature.string()
    if algorithm not in SIGNATURE_ALGORITHMS.get(key.key_type, ()):
        raise WireError(f"signatures of the kind {algorithm} are not accepted")
    blob = WireReader(key.blob)
    blob.string()
    fields, application = _take_fields(blob, key.key_type)
    if application:  # a token signs flags and a counter of its own with the data
        digest = hashlib.sha256(data).digest()
        data = hashlib.sha256(application[0]).digest() + signature.take(5) + digest
    signature.end()
    loaded = _load(key.key_type, fields)
    if isinstance(loaded, Ed25519PublicKey):
        loaded.verify(raw, data)
    elif isinstance(loaded, rsa.RSAPublicKey):
        digest_of = hashes.SHA512() if algorithm == "rsa-sha2-512" else hashes.SHA256()
        # Leading zeros may be missing (PuTTY), which OpenSSH takes as well.
        loaded.verify(raw.rjust((loaded.key_size + 7) // 8, b"\0"), data, padding.PKCS1v15(), digest_of)
    else:
        numbers = WireReader(raw)
        encoded = utils.encode_dss_signature(numbers.integer(), numbers.integer())
        numbers.end()
        loaded.verify(encoded, data, ec.ECDSA(_hash_for(loaded.curve)))


def _hash_for(curve: ec.EllipticCurve) -> hashes.HashAlgorithm:
    """Return the hash that goes with a curve (RFC 5656 section 6.2.1)."""
    if curve.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if curve.key_size <= 384 else hashes.SHA512()
