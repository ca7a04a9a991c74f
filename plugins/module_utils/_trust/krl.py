# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read OpenSSH key revocation lists (PROTOCOL.krl), and look up keys and certificates in them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from .host_certificate import HostCertificate
from .public_key import PublicKey, read_public_key
from .ssh_wire import WireError, WireReader

KRL_MAGIC = b"SSHKRL\n\0"

_FORMAT_VERSION = 1
_CERTIFICATES, _KEYS, _SHA1, _SHA256 = 1, 2, 3, 5
_SERIALS, _SERIAL_RANGE, _SERIAL_BITMAP, _KEY_IDS = 0x20, 0x21, 0x22, 0x23
_LAST_SERIAL = 2**64 - 1
_LARGEST_BITMAP_BYTES = 2**24 // 8  # as for OpenSSH (bitmap.c)


@dataclass(frozen=True)
class SerialBitmap:
    """Revoked serials as the bits of an integer; bit 0 is the serial ``first``."""

    first: int
    bits: int

    def __contains__(self, serial: int) -> bool:
        offset = serial - self.first
        return 0 <= offset < self.bits.bit_length() and bool(self.bits >> offset & 1)


@dataclass(frozen=True)
class RevokedCertificates:
    """The revoked certificates of one authority, or of every authority when ``authority`` is ``None``."""

    authority: PublicKey | None
    serials: frozenset[int] = frozenset()
    ranges: tuple[tuple[int, int], ...] = ()
    bitmaps: tuple[SerialBitmap, ...] = ()
    key_ids: frozenset[bytes] = frozenset()

    def why_revoked(self, certificate: HostCertificate) -> str:
        """Return why the certificate is revoked, or an empty text. Serial 0 means "no serial" and never matches."""
        if self.authority is not None and self.authority != certificate.authority:
            return ""
        if certificate.key_id in self.key_ids:
            return "its certificate's key id is revoked"
        if certificate.serial and self._has_serial(certificate.serial):
            return f"its certificate's serial {certificate.serial} is revoked"
        return ""

    def _has_serial(self, serial: int) -> bool:
        return (
            serial in self.serials
            or any(first <= serial <= last for first, last in self.ranges)
            or any(serial in bitmap for bitmap in self.bitmaps)
        )


@dataclass(frozen=True)
class RevocationList:
    """The content of one list. Keys are canonical blobs of plain keys; digests are raw bytes."""

    keys: frozenset[bytes] = frozenset()
    sha1: frozenset[bytes] = frozenset()
    sha256: frozenset[bytes] = frozenset()
    certificates: tuple[RevokedCertificates, ...] = field(default=())

    def why_key_revoked(self, key: PublicKey) -> str:
        """Return why the plain key is revoked, or an empty text."""
        if key.blob in self.keys:
            return "its key is revoked"
        # Older lists hold SHA-1 digests. A collision could only revoke more keys, never fewer.
        sha1 = hashlib.sha1(key.blob).digest()  # noqa: S324
        if hashlib.sha256(key.blob).digest() in self.sha256 or sha1 in self.sha1:
            return "its key's fingerprint is revoked"
        return ""

    def why_revoked(self, key: PublicKey, certificate: HostCertificate | None = None) -> str:
        """Return why the key, its certificate or the certificate's authority is revoked, or an empty text."""
        reason = self.why_key_revoked(key)
        if reason or certificate is None:
            return reason
        if self.why_key_revoked(certificate.authority):
            return "the authority of its certificate is revoked"
        reasons = (entry.why_revoked(certificate) for entry in self.certificates)
        return next((reason for reason in reasons if reason), "")


def read_krl(blob: bytes) -> RevocationList:
    """Read a binary list. Raises ``WireError`` for every part that is not understood, so that no revocation is missed.

    Extensions are refused, even those not marked critical, which OpenSSH 9.4 and newer ignores. Signature sections are
    refused, too; OpenSSH never wrote them, and no longer reads them.
    """
    reader = WireReader(blob)
    if reader.take(len(KRL_MAGIC)) != KRL_MAGIC:
        raise WireError("it is not a key revocation list")
    if reader.uint32() != _FORMAT_VERSION:
        raise WireError("its format version is not 1")
    for _number in ("version", "generated", "flags"):
        reader.uint64()
    reader.string()  # reserved
    reader.text()  # the comment
    result = RevocationList()
    while not reader.is_empty:
        result = _with_section(result, reader.byte(), reader.string())
    return result


def _with_section(known: RevocationList, kind: int, content: bytes) -> RevocationList:
    if kind == _CERTIFICATES:
        return replace(known, certificates=(*known.certificates, _read_certificates(content)))
    if kind == _KEYS:
        return replace(known, keys=known.keys | _read_blobs(content))
    if kind == _SHA1:
        return replace(known, sha1=known.sha1 | _read_blobs(content, size=20))
    if kind == _SHA256:
        return replace(known, sha256=known.sha256 | _read_blobs(content, size=32))
    raise WireError(f"its section {kind} is not known")


def _read_blobs(content: bytes, *, size: int | None = None) -> frozenset[bytes]:
    reader, blobs = WireReader(content), set()
    while not reader.is_empty:
        blob = reader.string()
        if size is not None and len(blob) != size:
            raise WireError("a fingerprint in it has the wrong length")
        blobs.add(blob)
    return frozenset(blobs)


def _read_certificates(content: bytes) -> RevokedCertificates:
    reader = WireReader(content)
    authority = reader.string()
    reader.string()  # reserved
    entry = RevokedCertificates(authority=read_public_key(authority) if authority else None)
    while not reader.is_empty:
        entry = _with_subsection(entry, reader.byte(), WireReader(reader.string()))
    return entry


def _with_subsection(entry: RevokedCertificates, kind: int, content: WireReader) -> RevokedCertificates:
    if kind == _SERIALS:
        return replace(entry, serials=entry.serials | _read_serials(content))
    if kind == _SERIAL_RANGE:
        return replace(entry, ranges=(*entry.ranges, _read_range(content)))
    if kind == _SERIAL_BITMAP:
        return replace(entry, bitmaps=(*entry.bitmaps, _read_bitmap(content)))
    if kind == _KEY_IDS:
        return replace(entry, key_ids=entry.key_ids | _read_key_ids(content))
    raise WireError(f"its section {kind} about certificates is not known")


def _read_serials(content: WireReader) -> frozenset[int]:
    serials = set()
    while not content.is_empty:
        serials.add(content.uint64())
    if 0 in serials:
        raise WireError("it revokes the serial 0, which stands for none")
    return frozenset(serials)


def _read_range(content: WireReader) -> tuple[int, int]:
    first, last = content.uint64(), content.uint64()
    content.end()
    if not 0 < first <= last:
        raise WireError("a range of serials in it is upside down or starts at 0")
    return first, last


def _read_bitmap(content: WireReader) -> SerialBitmap:
    first, bits = content.uint64(), content.string()
    content.end()
    if len(bits) > _LARGEST_BITMAP_BYTES:
        raise WireError("a bitmap of serials in it is too large")
    bitmap = SerialBitmap(first, int.from_bytes(bits, "big"))
    if 0 in bitmap:
        raise WireError("it revokes the serial 0, which stands for none")
    if bitmap.first + bitmap.bits.bit_length() - 1 > _LAST_SERIAL:
        raise WireError("a bitmap of serials in it goes beyond the last serial")
    return bitmap


def _read_key_ids(content: WireReader) -> frozenset[bytes]:
    key_ids = set()
    while not content.is_empty:
        key_ids.add(content.text())
    return frozenset(key_ids)
