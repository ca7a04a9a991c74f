# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SFTP server in memory whose replies a test can replace, byte by byte. Without replacement they are correct.

    server = FakeSftp({b"/a": b"content"})
    server.on(wire.READ, lambda request, honest: [data(request.id, b"")])
    session = Session(MemoryDuplex(server), timeouts=Timeouts())

It encodes packets without the code under test. ``feed`` takes the client's bytes and returns the server's, so any
transport fits between them; :class:`MemoryDuplex` is the shortest.
"""

from __future__ import annotations

import copy
import hashlib
import struct
import time
import typing as t
from dataclasses import dataclass, field

# Packet types and status codes (draft-ietf-secsh-filexfer-02, sections 3 and 7).
INIT, VERSION = 1, 2
OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = range(3, 13)
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME = range(13, 19)
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED, EXTENDED_REPLY = 200, 201
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8

REGULAR, DIRECTORY = 0o100000, 0o040000
SIZE, OWNER, PERMISSIONS, TIMES = 1, 2, 4, 8
USUAL_EXTENSIONS = {
    b"posix-rename@openssh.com": b"1",
    b"fsync@openssh.com": b"1",
    b"statvfs@openssh.com": b"2",
    b"limits@openssh.com": b"1",
}


def u32(number: int) -> bytes:
    """Encode a uint32."""
    return struct.pack(">I", number)


def u64(number: int) -> bytes:
    """Encode a uint64."""
    return struct.pack(">Q", number)


def text(value: bytes) -> bytes:
    """Encode a string."""
    return u32(len(value)) + value


def packet(kind: int, body: bytes) -> bytes:
    """Frame a packet."""
    return u32(1 + len(body)) + bytes([kind]) + body


def status(request_id: int, code: int, message: bytes = b"") -> bytes:
    """Make a STATUS with message and language tag."""
    return packet(STATUS, u32(request_id) + u32(code) + text(message) + text(b""))


def data(request_id: int, content: bytes) -> bytes:
    """Make a DATA packet."""
    return packet(DATA, u32(request_id) + text(content))


def names(request_id: int, entries: t.Sequence[tuple[bytes, bytes]]) -> bytes:
    """Make a NAME packet of names with encoded attributes."""
    body = b"".join(text(name) + text(b"-rw------- " + name) + attributes for name, attributes in entries)
    return packet(NAME, u32(request_id) + u32(len(entries)) + body)


def attrs(
    size: int | None = None,
    mode: int | None = None,
    mtime: int | None = None,
    owner: tuple[int, int] | None = None,
    *,
    flags: int = 0,
    tail: bytes = b"",
) -> bytes:
    """Encode ATTRS; ``flags`` are added even without their fields; ``tail`` is appended."""
    parts = b""
    if size is not None:
        flags, parts = flags | SIZE, parts + u64(size)
    if owner is not None:
        flags, parts = flags | OWNER, parts + u32(owner[0]) + u32(owner[1])
    if mode is not None:
        flags, parts = flags | PERMISSIONS, parts + u32(mode)
    if mtime is not None:
        flags, parts = flags | TIMES, parts + u32(mtime) + u32(mtime)
    return u32(flags) + parts + tail


@dataclass
class Request:
    """One request of the client: its type, its id and its body, which is read field by field from ``position``."""

    kind: int
    id: int
    body: bytes
    position: int = 0

    def u32(self) -> int:
        """Read a uint32."""
        return int.from_bytes(self._read_bytes(4), "big")

    def u64(self) -> int:
        """Read a uint64."""
        return int.from_bytes(self._read_bytes(8), "big")

    def text(self) -> bytes:
        """Read a string."""
        return self._read_bytes(self.u32())

    def attributes(self) -> dict[str, int]:
        """Read ATTRS."""
        flags, found = self.u32(), {}
        if flags & SIZE:
            found["size"] = self.u64()
        if flags & OWNER:
            found["uid"], found["gid"] = self.u32(), self.u32()
        if flags & PERMISSIONS:
            found["mode"] = self.u32()
        if flags & TIMES:
            found["atime"], found["mtime"] = self.u32(), self.u32()
        return found

    def _read_bytes(self, count: int) -> bytes:
        found = self.body[self.position : self.position + count]
        if len(found) != count:
            raise ValueError("the client sent a packet that ends early")
        self.position += count
        return found


@dataclass
class File:
    """A file of the fake server."""

    content: bytearray
    mode: int = REGULAR | 0o644
    mtime: int = 1_700_000_000

    def attributes(self) -> bytes:
        """Encode its attributes for STAT."""
        return attrs(len(self.content), self.mode, self.mtime, (1000, 1000))


Honest = t.Callable[[], t.List[bytes]]
Answer = t.Callable[[Request, Honest], t.List[bytes]]


@dataclass
class FakeSftp:
    """An SFTP version 3 server in memory; ``on`` replaces its replies to one type of request.

    ``limits`` are the four numbers of limits@openssh.com. ``greeting`` replaces the whole VERSION packet. A test sets
    ``ended`` to end all streams after the bytes that were sent. ``ends_at`` returns whether a session ends at a request
    without a reply; the other sessions go on.
    """

    contents: t.Mapping[bytes, bytes] = field(default_factory=dict)
    extensions: t.Mapping[bytes, bytes] = field(default_factory=lambda: dict(USUAL_EXTENSIONS))
    limits: tuple[int, int, int, int] = (262144, 261120, 261120, 0)
    greeting: bytes | None = None
    listing_block: int = 100
    ended: bool = False
    ends_at: t.Callable[[Request], bool] = lambda _request: False
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = {path: File(bytearray(content)) for path, content in self.contents.items()}
        self.directories = {b"/"}
        self._answers: dict[int, Answer] = {}
        self._handles: dict[bytes, File | list[tuple[bytes, bytes]]] = {}
        self._pending = b""
        self._last_handle = 0
        self._first = self
        self._is_over = False

    def on(self, kind: int, answer: Answer, *, times: int = 1 << 30, after: int = 0) -> None:
        """Reply to one type of request by ``answer(request, honest)``, ``times`` times after the first ``after``."""
        seen = 0

        def counted(request: Request, honest: Honest) -> list[bytes]:
            nonlocal seen
            seen += 1
            return answer(request, honest) if after < seen <= after + times else honest()

        self._answers[kind] = counted

    def heal(self) -> None:
        """Remove all replaced replies."""
        self._answers.clear()

    def feed(self, sent: bytes) -> bytes:
        """Take the client's bytes and return the server's replies."""
        self._pending += sent
        replies = []
        while len(self._pending) >= 4:
            length = int.from_bytes(self._pending[:4], "big")
            if len(self._pending) < 4 + length:
                break
            whole, self._pending = self._pending[4 : 4 + length], self._pending[4 + length :]
            replies += self._answer(whole)
        return b"".join(replies)

    def session(self) -> FakeSftp:
        """Return a further session on the same files with the same replies, and with handles of its own."""
        other = copy.copy(self)
        other._handles, other._pending, other._is_over = {}, b"", False
        other._first = self._first
        return other

    def has_ended(self) -> bool:
        """Return whether the stream of this session ends."""
        return self._first.ended or self._is_over

    def open_handles(self) -> int:
        """Return how many handles were opened and not closed."""
        return len(self._handles)

    def kinds(self) -> list[int]:
        """Return the types of the requests so far."""
        return [request.kind for request in self.requests]

    def _answer(self, whole: bytes) -> list[bytes]:
        if whole[0] == INIT:
            extensions = b"".join(text(name) + text(value) for name, value in self.extensions.items())
            return [packet(VERSION, u32(3) + extensions) if self.greeting is None else self.greeting]
        request = Request(whole[0], int.from_bytes(whole[1:5], "big"), whole[5:])
        self.requests.append(request)
        self._is_over = self._is_over or self.ends_at(request)
        request.position = 0
        if self._is_over:
            return []

        def honest() -> list[bytes]:
            request.position = 0
            return [self._honest(request)]

        answer = self._answers.get(request.kind)
        return honest() if answer is None else answer(request, honest)

    def _honest(self, request: Request) -> bytes:
        act = _HONEST.get(request.kind)
        return status(request.id, UNSUPPORTED, b"not here") if act is None else act(self, request)

    def _new_handle(self, what: File | list[tuple[bytes, bytes]]) -> bytes:
        self._last_handle += 1
        handle = b"h%d" % self._last_handle
        self._handles[handle] = what
        return handle

    def _open(self, request: Request) -> bytes:
        path, flags, wanted = request.text(), request.u32(), request.attributes()
        if flags & 0x08:
            if path in self.files:
                return status(request.id, FAILURE, b"Failure")
            self.files[path] = File(bytearray(), REGULAR | wanted.get("mode", 0o644))
        if path not in self.files:
            return status(request.id, NO_SUCH_FILE, b"No such file")
        return packet(HANDLE, u32(request.id) + text(self._new_handle(self.files[path])))

    def _close(self, request: Request) -> bytes:
        known = self._handles.pop(request.text(), None)
        return status(request.id, OK if known is not None else FAILURE)

    def _file(self, request: Request) -> File:
        found = self._handles.get(request.text())
        if not isinstance(found, File):
            raise TypeError("the client used a handle that is not one of a file")
        return found

    def _read(self, request: Request) -> bytes:
        file, offset, count = self._file(request), request.u64(), request.u32()
        content = bytes(file.content[offset : offset + count])
        return data(request.id, content) if content else status(request.id, EOF)

    def _write(self, request: Request) -> bytes:
        file, offset, content = self._file(request), request.u64(), request.text()
        file.content[offset:offset] = bytes(max(0, offset - len(file.content)))
        file.content[offset : offset + len(content)] = content
        return status(request.id, OK)

    def _fstat(self, request: Request) -> bytes:
        return packet(ATTRS, u32(request.id) + self._file(request).attributes())

    def _fsetstat(self, request: Request) -> bytes:
        return self._set(request, self._file(request))

    def _setstat(self, request: Request) -> bytes:
        file = self.files.get(request.text())
        return status(request.id, NO_SUCH_FILE) if file is None else self._set(request, file)

    def _set(self, request: Request, file: File) -> bytes:
        wanted = request.attributes()
        if "mode" in wanted:
            file.mode = REGULAR | wanted["mode"]
        file.mtime = wanted.get("mtime", file.mtime)
        return status(request.id, OK)

    def _stat(self, request: Request) -> bytes:
        path = request.text()
        if path in self.files:
            return packet(ATTRS, u32(request.id) + self.files[path].attributes())
        if path in self.directories:
            return packet(ATTRS, u32(request.id) + attrs(4096, DIRECTORY | 0o755, 1))
        return status(request.id, NO_SUCH_FILE, b"No such file")

    def _opendir(self, request: Request) -> bytes:
        top = request.text().rstrip(b"/") + b"/"
        directory = attrs(4096, DIRECTORY | 0o755, 1)
        listing = [(b".", directory), (b"..", directory)]
        listing += [(p[len(top) :], f.attributes()) for p, f in self.files.items() if p.startswith(top)]
        return packet(HANDLE, u32(request.id) + text(self._new_handle(listing)))

    def _readdir(self, request: Request) -> bytes:
        listing = self._handles.get(request.text())
        if not isinstance(listing, list):
            raise TypeError("the client used a handle that is not one of a directory")
        if not listing:
            return status(request.id, EOF)
        now, listing[:] = listing[: self.listing_block], listing[self.listing_block :]
        return names(request.id, now)

    def _remove(self, request: Request) -> bytes:
        return status(request.id, OK if self.files.pop(request.text(), None) else NO_SUCH_FILE)

    def _mkdir(self, request: Request) -> bytes:
        path = request.text()
        if path in self.directories:
            return status(request.id, FAILURE)
        self.directories.add(path)
        return status(request.id, OK)

    def _rmdir(self, request: Request) -> bytes:
        path = request.text()
        if path not in self.directories:
            return status(request.id, NO_SUCH_FILE)
        self.directories.remove(path)
        return status(request.id, OK)

    def _realpath(self, request: Request) -> bytes:
        path = request.text()
        return names(request.id, [(path if path.startswith(b"/") else b"/" + path.lstrip(b"."), u32(0))])

    def _rename(self, request: Request) -> bytes:
        return self._move(request, may_replace=False)

    def _move(self, request: Request, *, may_replace: bool) -> bytes:
        source, target = request.text(), request.text()
        if source not in self.files:
            return status(request.id, NO_SUCH_FILE)
        if target in self.files and not may_replace:
            return status(request.id, FAILURE)
        self.files[target] = self.files.pop(source)
        return status(request.id, OK)

    def _check_file(self, request: Request) -> bytes:
        path, algorithm, offset, length = request.text(), request.text(), request.u64(), request.u64()
        content = bytes(self.files[path].content[offset:])[: length or None]
        digest = hashlib.new(algorithm.decode("ascii"), content).digest()
        return packet(EXTENDED_REPLY, u32(request.id) + text(algorithm) + digest)

    def _extended(self, request: Request) -> bytes:
        name = request.text()
        if name not in self.extensions:
            return status(request.id, UNSUPPORTED, b"unsupported")
        if name == b"limits@openssh.com":
            return packet(EXTENDED_REPLY, u32(request.id) + b"".join(map(u64, self.limits)))
        if name == b"statvfs@openssh.com":
            return packet(
                EXTENDED_REPLY, u32(request.id) + b"".join(map(u64, (512, 1024, 9, 7, 5, 0, 0, 0, 0, 0, 255)))
            )
        if name == b"posix-rename@openssh.com":
            return self._move(request, may_replace=True)
        if name == b"check-file-name":
            return self._check_file(request)
        return status(request.id, OK)


_HONEST: dict[int, t.Callable[[FakeSftp, Request], bytes]] = {
    OPEN: FakeSftp._open,
    CLOSE: FakeSftp._close,
    READ: FakeSftp._read,
    WRITE: FakeSftp._write,
    LSTAT: FakeSftp._stat,
    STAT: FakeSftp._stat,
    FSTAT: FakeSftp._fstat,
    SETSTAT: FakeSftp._setstat,
    FSETSTAT: FakeSftp._fsetstat,
    OPENDIR: FakeSftp._opendir,
    READDIR: FakeSftp._readdir,
    REMOVE: FakeSftp._remove,
    MKDIR: FakeSftp._mkdir,
    RMDIR: FakeSftp._rmdir,
    REALPATH: FakeSftp._realpath,
    RENAME: FakeSftp._rename,
    EXTENDED: FakeSftp._extended,
}


class MemoryDuplex:
    """A ``Duplex`` to a fake server, which replies at once or never.

    ``piece_bytes`` is the size of the pieces that ``receive`` returns.
    """

    def __init__(self, server: FakeSftp, *, piece_bytes: int = 1 << 20) -> None:
        self.server = server
        self.closed = False
        self._piece_bytes = piece_bytes
        self._unread = bytearray()

    def send(self, data: bytes | bytearray | memoryview, *, timeout_seconds: float) -> None:
        """Hand the bytes to the server."""
        self._unread += self.server.feed(bytes(data))

    def receive(self, *, timeout_seconds: float, wanted_bytes: int = 1) -> bytes | None:
        """Return the next piece; None for silence, empty bytes after the end."""
        piece = bytes(self._unread[: self._piece_bytes])
        del self._unread[: self._piece_bytes]
        if piece or self.server.has_ended() or self.closed:
            return piece
        time.sleep(min(timeout_seconds, 0.01))
        return None

    @property
    def room_bytes(self) -> int:
        """There is always room."""
        return 1 << 30

    def push(self, unasked: bytes) -> None:
        """Let the server send bytes that answer no request."""
        self._unread += unasked

    def close(self) -> None:
        """Close both directions."""
        self.closed = True
