# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Classify base names (safe, temporary, made by this collection), and build the names of temporary files."""

from __future__ import annotations

import hashlib
import hmac
import re
import typing as t
from dataclasses import dataclass

LONGEST_NAME_BYTES = 255

OWN_PREFIX = b".backhaul-"
_OWN_SUFFIX = b".part"
_CUT_MARK = b"~"
_CUT_DIGEST_LENGTH = 16
_JOB_TOKEN_LENGTH = 24
_TOKEN = re.compile(r"[0-9a-z]{8,64}\Z")
_TEMPORARY = re.compile(
    re.escape(OWN_PREFIX) + rb"([0-9a-z]{8,64})-(.+)" + re.escape(_OWN_SUFFIX) + rb"\Z",
    re.DOTALL,
)

# Suffixes that other tools give to a file while they write it: downloaders and uploaders, WinSCP, editors.
TEMPORARY_SUFFIXES = (b".part", b".tmp", b".filepart", b"~")


def suspicion(name: bytes) -> str:
    """Return why a base name from a server must never be joined to a path; an empty text if it may be.

    With a slash, ``.`` or ``..``, a server could choose another directory (in scp: CVE-2019-6111). A backslash is a
    separator on Windows.
    """
    if not name:
        return "it is empty"
    if name in (b".", b".."):
        return "it names a directory, not a file"
    if b"/" in name:
        return "it contains a slash"
    if b"\0" in name:
        return "it contains a NUL byte"
    if b"\\" in name:
        return "it contains a backslash"
    return ""


def is_own_name(name: bytes) -> bool:
    """Return whether this collection made the file: temporary, partial and backup files."""
    return name.startswith(OWN_PREFIX)


def is_temporary(name: bytes) -> bool:
    """Return whether the name marks an unfinished file: made by this collection, or with a usual suffix."""
    return is_own_name(name) or name.lower().endswith(TEMPORARY_SUFFIXES)


@dataclass(frozen=True)
class TemporaryName:
    """The parts of a temporary name. ``is_cut``: ``final_name`` is only the start of the final name, for display."""

    token: str
    final_name: bytes
    is_cut: bool


def temporary_name(final_name: bytes, token: str) -> bytes:
    """Return the hidden name under which ``final_name`` is written before it is published.

    ``token`` distinguishes jobs or attempts: 8 to 64 lower-case letters and digits (``ValueError`` otherwise). The
    result has at most 255 bytes (NAME_MAX on nearly every file system). A longer final name is cut at a character
    boundary, and a digest of the whole name is added, so that different names stay different.
    """
    if not _TOKEN.match(token):
        raise ValueError("a token is 8 to 64 lower-case letters and digits")
    front = OWN_PREFIX + token.encode("ascii") + b"-"
    room = LONGEST_NAME_BYTES - len(front) - len(_OWN_SUFFIX)
    return front + _fitting(final_name, room) + _OWN_SUFFIX


def job_token(*identity: bytes, key: bytes = b"") -> str:
    """Return the token of an identity: equal on every run, and different for every other identity.

    With a ``key`` (HMAC-SHA-256) only the holder of the key can compute it. Without, the identity alone suffices.
    """
    hasher = hmac.new(key, digestmod="sha256") if key else hashlib.sha256()
    for part in identity:
        hasher.update(b"%d:" % len(part) + part)
    return hasher.hexdigest()[:_JOB_TOKEN_LENGTH]


def parse_temporary_name(name: bytes) -> TemporaryName | None:
    """Return the parts of a name that :func:`temporary_name` made; None for every other name."""
    found = _TEMPORARY.match(name)
    if found is None or len(name) > LONGEST_NAME_BYTES:
        return None
    token, rest = found[1].decode("ascii"), found[2]
    cut = _cut_part(rest) if len(name) > LONGEST_NAME_BYTES - 4 else None
    return TemporaryName(token=token, final_name=rest if cut is None else cut, is_cut=cut is not None)


def is_temporary_for(name: bytes, final_name: bytes) -> bool:
    """Return whether ``name`` is a temporary name of this collection for ``final_name``, with any token."""
    parsed = parse_temporary_name(name)
    return parsed is not None and temporary_name(final_name, parsed.token) == name


def as_text(name: bytes) -> str:
    """Return a name as text, to match it by characters; non-UTF-8 bytes become surrogate escapes (PEP 383)."""
    return name.decode("utf-8", "surrogateescape")


class SeenNames:
    """Detects repeated names in bounded memory: it stores the first ``limit`` different names and no more.

    It stores hashes of 64 bits and not names, so that a long name takes no more memory than a short one.
    """

    def __init__(self, *, limit: int = 65536) -> None:
        self._limit = limit
        self._hashes: set[int] = set()

    def seen_before(self, name: bytes) -> bool:
        """Return whether the name was added before, and add it."""
        number = hash(name)
        if number in self._hashes:
            return True
        if len(self._hashes) < self._limit:
            self._hashes.add(number)
        return False


def _fitting(final_name: bytes, room: int) -> bytes:
    if len(final_name) <= room:
        return final_name
    digest = hashlib.sha256(final_name).hexdigest()[:_CUT_DIGEST_LENGTH].encode("ascii")
    return _cut(final_name, room - len(_CUT_MARK) - len(digest)) + _CUT_MARK + digest


def _cut(name: bytes, length: int) -> bytes:
    # Some servers refuse names that are not UTF-8, so a cut must not split a character (RFC 3629: 10xxxxxx continues).
    end = length
    while end > length - 4 and name[end] & 0xC0 == 0x80:
        end -= 1
    return name[:end] if name[end] & 0xC0 != 0x80 else name[:length]


def _cut_part(rest: bytes) -> bytes | None:
    found: t.Match[bytes] | None = re.match(rb"(.+)~[0-9a-f]{16}\Z", rest, re.DOTALL)
    return None if found is None else found[1]
