# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Strict encoding and decoding of SFTP version 3 packets (draft-ietf-secsh-filexfer-02)."""

from __future__ import annotations

import struct
import typing as t
from dataclasses import replace

from .._errors import RemoteError, printable
from .._model import Attributes

VERSION = 3

# The longest name in a listing: four times NAME_MAX, for file systems whose limit counts characters, not bytes.
MAX_NAME_BYTES = 1024
# The longest path in a reply to REALPATH (PATH_MAX of Linux).
MAX_PATH_BYTES = 4096

# Packet types (draft section 3).
INIT = 1
VERSION_REPLY = 2
OPEN = 3
CLOSE = 4
READ = 5
WRITE = 6
LSTAT = 7
FSTAT = 8
SETSTAT = 9
FSETSTAT = 10
OPENDIR = 11
READDIR = 12
REMOVE = 13
MKDIR = 14
RMDIR = 15
REALPATH = 16
STAT = 17
RENAME = 18
STATUS = 101
HANDLE = 102
DATA = 103
NAME = 104
ATTRS = 105
EXTENDED = 200
EXTENDED_REPLY = 201

REPLY_TYPES = frozenset({STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY})

# Flags of OPEN (draft section 6.3).
OPEN_READ = 0x01
OPEN_WRITE = 0x02
OPEN_CREATE = 0x08
OPEN_EXCLUSIVE = 0x20

# Flags of ATTRS (draft section 5).
HAS_SIZE = 0x01
HAS_OWNER = 0x02
HAS_PERMISSIONS = 0x04
HAS_TIMES = 0x08
HAS_EXTENDED = 0x80000000
KNOWN_FLAGS = HAS_SIZE | HAS_OWNER | HAS_PERMISSIONS | HAS_TIMES | HAS_EXTENDED

_USUAL_FLAGS = HAS_SIZE | HAS_OWNER | HAS_PERMISSIONS | HAS_TIMES

# Status codes: 0 to 8 are in draft-02 section 7. Servers also send the later ones of draft-13 section 9.1.
STATUS_OK = 0
STATUS_EOF = 1
STATUS_FAILURE = 4
STATUS_CODES = {
    2: "not_found",
    3: "permission_denied",
    5: "protocol_violation",
    8: "unsupported",
    10: "not_found",
    11: "already_exists",
    12: "permission_denied",
    14: "no_space",
    15: "no_space",
}

# The layout of the fields of ATTRS for each combination of its flags.
_FIELDS_OF_FLAG = ((HAS_SIZE, "Q"), (HAS_OWNER, "II"), (HAS_PERMISSIONS, "I"), (HAS_TIMES, "II"))
_LAYOUTS = tuple(
    struct.Struct(">" + "".join(fields for flag, fields in _FIELDS_OF_FLAG if flags & flag)) for flags in range(16)
)
_USUAL_LAYOUT = _LAYOUTS[_USUAL_FLAGS]
_UINT32 = struct.Struct(">I")
_UINT64 = struct.Struct(">Q")
_HEAD = struct.Struct(">IBI")


def uint32(value: int) -> bytes:
    """Encode a uint32 (RFC 4251 section 5)."""
    return _UINT32.pack(value)


def uint64(value: int) -> bytes:
    """Encode a uint64 (RFC 4251 section 5)."""
    return _UINT64.pack(value)


def string(value: bytes) -> bytes:
    """Encode a string: its length as uint32, then its bytes (RFC 4251 section 5)."""
    return _UINT32.pack(len(value)) + value


def request_head(kind: int, request_id: int, body_bytes: int) -> bytes:
    """Encode length, type and id of a request whose remaining body has ``body_bytes`` bytes (draft section 3)."""
    return _HEAD.pack(5 + body_bytes, kind, request_id)


def attributes(wanted: Attributes) -> bytes:
    """Encode ATTRS: only attributes that are not None are flagged and sent (draft section 5).

    Owner and group, and the two times, exist only as pairs; ValueError for half a pair.
    """
    flags, parts = 0, []
    if wanted.size is not None:
        flags |= HAS_SIZE
        parts.append(_UINT64.pack(wanted.size))
    flags |= _pair(parts, HAS_OWNER, wanted.uid, wanted.gid)
    if wanted.mode is not None:
        flags |= HAS_PERMISSIONS
        parts.append(_UINT32.pack(wanted.mode))
    flags |= _pair(parts, HAS_TIMES, wanted.atime, wanted.mtime)
    return _UINT32.pack(flags) + b"".join(parts)


def _pair(parts: list[bytes], flag: int, first: int | None, second: int | None) -> int:
    if first is None and second is None:
        return 0
    if first is None or second is None:
        raise ValueError("SFTP sets owner and group, and access and modification time, only together")
    if not (0 <= first < 2**32 and 0 <= second < 2**32):
        raise RemoteError(
            "unsupported",
            "SFTP version 3 has 32 bits for a time, an owner or a group, and no sign",
            remedy="Times before 1970 and from 2106 on cannot be set over it.",
        )
    parts.append(_UINT32.pack(first) + _UINT32.pack(second))
    return flag


def completed(wanted: Attributes, current: t.Callable[[], Attributes]) -> Attributes:
    """Return ``wanted`` with incomplete pairs filled in from ``current()``, which is called only if needed."""
    halves = [(wanted.uid is None) != (wanted.gid is None), (wanted.atime is None) != (wanted.mtime is None)]
    if not any(halves):
        return wanted
    found = current()
    names = (("uid", "gid") if halves[0] else ()) + (("atime", "mtime") if halves[1] else ())
    stated = ((name, getattr(wanted, name)) for name in names)
    return replace(wanted, **{name: getattr(found, name) if value is None else value for name, value in stated})


def violation(what: str) -> RemoteError:
    """Return the error for a server that breaks the protocol."""
    return RemoteError(
        "protocol_violation",
        f"the SFTP server broke the protocol: {what}",
        remedy="The connection was closed, since nothing that follows could be trusted. Report this to whoever runs"
        " the server, with its version.",
    )


def _spread(flags: int, values: tuple[int, ...]) -> list[int | None]:
    """Return all fields of ATTRS in order, with None for those that were not sent."""
    rest = iter(values)
    return [next(rest) if flags & flag else None for flag, fields in _FIELDS_OF_FLAG for _field in fields]


class Unpacker:
    """Reads the fields of one packet in order; reading past its end is a protocol violation."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def _take(self, count: int) -> memoryview:
        end = self._at + count
        if end > len(self._data):
            raise violation(f"a packet ends {end - len(self._data)} bytes early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def byte(self) -> int:
        """Read a byte."""
        return self._take(1)[0]

    def uint32(self) -> int:
        """Read a uint32."""
        return t.cast(int, _UINT32.unpack(self._take(4))[0])

    def uint64(self) -> int:
        """Read a uint64."""
        return t.cast(int, _UINT64.unpack(self._take(8))[0])

    def view(self) -> memoryview:
        """Read a string without copying it."""
        return self._take(self.uint32())

    def string(self) -> bytes:
        """Read a string as bytes."""
        return bytes(self.view())

    def rest(self) -> bytes:
        """Read the rest of the packet, which has no length in front."""
        return bytes(self._take(self.left))

    @property
    def left(self) -> int:
        """The number of unread bytes."""
        return len(self._data) - self._at

    def end(self) -> None:
        """Raise a protocol violation unless the whole packet was read."""
        if self.left:
            raise violation(f"a packet has {self.left} bytes too many")

    def attributes(self) -> Attributes:
        """Read ATTRS; unknown flags are a violation, since their fields cannot be parsed (draft section 5)."""
        flags = self.uint32()
        if flags & ~KNOWN_FLAGS:
            raise violation(f"attributes with unknown flags {flags:#x}")
        layout = _LAYOUTS[flags & 15]
        values = layout.unpack(self._take(layout.size))
        if flags & 15 == _USUAL_FLAGS:
            size, uid, gid, mode, atime, mtime = values
        else:
            size, uid, gid, mode, atime, mtime = _spread(flags, values)
        if flags & HAS_EXTENDED:
            for _extension in range(self.uint32()):
                self.view()
                self.view()
        return Attributes(size, mode, uid, gid, atime, mtime)

    def names(self, *, longest_bytes: int = MAX_NAME_BYTES) -> list[tuple[bytes, Attributes]]:
        """Read the names and attributes of NAME (draft section 7), skipping the long names meant for display.

        A name of more than ``longest_bytes`` is a violation: the server must not choose how much memory it takes.
        The usual fields are read in place for speed: a listing has one entry for each file.
        """
        count, raw = self.uint32(), bytes(self._data)
        at, found = self._at, []
        try:
            for _entry in range(count):
                start = at + 4
                at = start + _UINT32.unpack_from(raw, at)[0]
                if at - start > longest_bytes:
                    raise violation(f"a name of {at - start} bytes, where {longest_bytes} are the most")
                name = raw[start:at]
                at += 4 + _UINT32.unpack_from(raw, at)[0]
                if _UINT32.unpack_from(raw, at)[0] == _USUAL_FLAGS:
                    size, uid, gid, mode, atime, mtime = _USUAL_LAYOUT.unpack_from(raw, at + 4)
                    found.append((name, Attributes(size, mode, uid, gid, atime, mtime)))
                    at += 4 + _USUAL_LAYOUT.size
                else:
                    self._at = at
                    found.append((name, self.attributes()))
                    at = self._at
        except struct.error:
            raise violation("a packet of names ends early") from None
        self._at = at
        return found


def status_error(code: int, message: bytes) -> RemoteError:
    """Return the error for a STATUS that is neither OK nor EOF (draft section 7).

    The server's message is appended in printable form; ``details.status`` is its code.
    """
    known = STATUS_CODES.get(code, "remote_failure")
    said = printable(message, limit=300).strip()
    cause = _STATUS_TEXT.get(known, f"the server refused (SFTP status {code})")
    return RemoteError(known, f"{cause}: {said}" if said else cause, details={"status": code, "server_said": said})


_STATUS_TEXT = {
    "not_found": "no such file or directory",
    "permission_denied": "permission denied",
    "already_exists": "there is something of that name already",
    "no_space": "no space left, or the quota is used up",
    "unsupported": "the server does not support this operation",
    "protocol_violation": "the server says that our request was malformed",
    "remote_failure": "the server reported a failure without a reason",
}


class Framer:
    """Splits a stream of bytes into packets; the pieces may be of any size.

    ``feed`` takes the next piece and returns the packets that it completes, each without its length. A length of zero
    or beyond ``limit_bytes`` is a protocol violation, raised before any data of the packet is stored.
    """

    def __init__(self, *, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._parts: list[bytes | memoryview] = []
        self._have = 0
        self._need = 0

    @property
    def missing_bytes(self) -> int:
        """The number of bytes still missing from the next packet, or from its length field."""
        return (self._need or 4) - self._have

    def feed(self, piece: bytes) -> list[memoryview]:
        """Return the packets that ``piece`` completes."""
        packets = []
        rest = memoryview(piece)
        while rest or (self._need and self._have >= self._need):
            if not self._need:
                rest = self._head(rest)
                continue
            taken = rest[: self._need - self._have]
            self._parts.append(taken)
            self._have += len(taken)
            rest = rest[len(taken) :]
            if self._have < self._need:
                break
            packets.append(memoryview(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)))
            self._parts, self._have, self._need = [], 0, 0
        return packets

    def _head(self, rest: memoryview) -> memoryview:
        taken = rest[: 4 - self._have]
        self._parts.append(taken)
        self._have += len(taken)
        if self._have == 4:
            head = b"".join(self._parts)
            (self._need,) = _UINT32.unpack(head)
            self._parts, self._have = [], 0
            if not 0 < self._need <= self.limit_bytes:
                raise _bad_length(self._need, head + rest[len(taken) : 200])
        return rest[len(taken) :]


def _bad_length(length: int, head: bytes) -> RemoteError:
    if head[0] in b"\t\r\n\x1b" or 32 <= head[0] < 127 or 0xC2 <= head[0] < 0xF5:  # the last range: UTF-8 lead bytes
        return RemoteError(
            "protocol_violation",
            f"the server sent text where SFTP packets were expected; it begins with {printable(head)!r}",
            remedy="A shell start-up file on the server (such as .bashrc) prints something for sessions that are not"
            " interactive. Make it silent, or use the internal SFTP server of OpenSSH.",
        )
    return violation(f"a packet that claims {length} bytes")
