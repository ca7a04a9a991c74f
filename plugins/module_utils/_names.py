# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Base names: which are safe to use, which are temporary, which are ours."""

from __future__ import annotations

import hashlib
import hmac
import re
import typing as t
from dataclasses import dataclass

LONGEST_NAME_BYTES = 255

OUR_PREFIX = b".backhaul-"
_OUR_SUFFIX = b".part"
_CUT_MARK = b"~"
_CUT_DIGEST_LENGTH = 16
_JOB_TOKEN_LENGTH = 24
_TOKEN = re.compile(r"[0-9a-z]{8,64}\Z")
_TEMPORARY = re.compile(
    re.escape(OUR_PREFIX) + rb"([0-9a-z]{8,64})-(.+)" + re.escape(_OUR_SUFFIX) + rb"\Z",
    re.DOTALL,
)

# What other tools call a file while they write it: downloaders and uploaders, WinSCP, editors.
TEMPORARY_SUFFIXES = (b".part", b".tmp", b".filepart", b"~")


def suspicion(name: bytes) -> str:
    """Say why a base name from a server must never be joined to a path; an empty text means that it may be.

    Slashes and dots are how a server would choose another directory (CVE-2019-6111 was that in scp); a backslash is a
    separator wherever a path ends up on Windows.
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


def is_ours(name: bytes) -> bool:
    """Say whether this collection made the file: temporary files, partial files and whatever else hides there."""
    return name.startswith(OUR_PREFIX)


def is_temporary(name: bytes) -> bool:
    """Say whether the name marks an unfinished file: ours, or one of the usual suffixes in any case."""
    return is_ours(name) or name.lower().endswith(TEMPORARY_SUFFIXES)


@dataclass(frozen=True)
class TemporaryName:
    """A temporary name taken apart: ``final_name`` is cut when ``is_cut``, and then only good to be shown."""

    token: str
    final_name: bytes
    is_cut: bool


def temporary_name(final_name: bytes, token: str) -> bytes:
    """Return the hidden name under which ``final_name`` is written before it is published.

    ``token`` tells jobs or attempts apart: 8 to 64 lower-case letters and digits (``ValueError`` otherwise). The result
    has at most 255 bytes (NAME_MAX nearly everywhere); a final name that is too long for that is cut, at the boundary
    of a character, and a digest of the whole name is added, so that different names never meet.
    """
    if not _TOKEN.match(token):
        raise ValueError("a token is 8 to 64 lower-case letters and digits")
    front = OUR_PREFIX + token.encode("ascii") + b"-"
    room = LONGEST_NAME_BYTES - len(front) - len(_OUR_SUFFIX)
    return front + _fitting(final_name, room) + _OUR_SUFFIX


def job_token(*identity: bytes, key: bytes = b"") -> str:
    """Return the token for an identity: the same on every run, and another for every other identity.

    With a ``key`` (HMAC-SHA-256) nobody else can compute it; without one, everybody who knows the identity can.
    """
    hasher = hmac.new(key, digestmod="sha256") if key else hashlib.sha256()
    for part in identity:
        hasher.update(b"%d:" % len(part) + part)
    return hasher.hexdigest()[:_JOB_TOKEN_LENGTH]


def parse_temporary_name(name: bytes) -> TemporaryName | None:
    """Take apart what :func:`temporary_name` made; None for every other name."""
    found = _TEMPORARY.match(name)
    if found is None or len(name) > LONGEST_NAME_BYTES:
        return None
    token, rest = found[1].decode("ascii"), found[2]
    cut = _cut_part(rest) if len(name) > LONGEST_NAME_BYTES - 4 else None
    return TemporaryName(token=token, final_name=rest if cut is None else cut, is_cut=cut is not None)


def is_temporary_for(name: bytes, final_name: bytes) -> bool:
    """Say whether ``name`` is a temporary name of ours for exactly this final name, whatever the token."""
    parsed = parse_temporary_name(name)
    return parsed is not None and temporary_name(final_name, parsed.token) == name


def as_text(name: bytes) -> str:
    """Return a name for matching by characters; bytes that are not UTF-8 become surrogate escapes (PEP 383)."""
    return name.decode("utf-8", "surrogateescape")


class SeenNames:
    """Notice names that come twice, in bounded memory: after ``limit`` different names no new one is remembered.

    Hashes of 64 bits are kept and not names, so that long names cost no more than short ones.
    """

    def __init__(self, *, limit: int = 65536) -> None:
        self._limit = limit
        self._hashes: set[int] = set()

    def again(self, name: bytes) -> bool:
        """Say whether the name came before, and remember it."""
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
    # Some servers refuse names that are not UTF-8, so a name that is must stay so (RFC 3629: 10xxxxxx continues).
    end = length
    while end > length - 4 and name[end] & 0xC0 == 0x80:
        end -= 1
    return name[:end] if name[end] & 0xC0 != 0x80 else name[:length]


def _cut_part(rest: bytes) -> bytes | None:
    found: t.Match[bytes] | None = re.match(rb"(.+)~[0-9a-f]{16}\Z", rest, re.DOTALL)
    return None if found is None else found[1]
