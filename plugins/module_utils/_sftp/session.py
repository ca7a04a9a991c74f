# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One SFTP session: requests are sent, replies arrive in any order, and every wait has a deadline."""

from __future__ import annotations

import collections
import contextlib
import time
import typing as t

from .._cancellation import shielded
from .._errors import BackhaulError, LinkError
from .._filesystem import Buffer
from .._model import Attributes, Timeouts
from . import wire

# Enough for the longest listing packet of servers that ignore every limit; OpenSSH's limit is 256 KiB.
MAX_REPLY_BYTES = 256 * 1024 + 1024
# The slowest storage that deadlines allow for, where a request's duration depends on the file's size.
SLOWEST_BYTES_PER_SECOND = 10_000_000
# Servers announce about 20 extensions. Extensions beyond this number are ignored.
MAX_EXTENSIONS = 256
# The longest single wait for data: a cancellation takes effect after it.
_LONGEST_WAIT_SECONDS = 0.5


_ValueT = t.TypeVar("_ValueT")


def _do_nothing() -> None:
    """Do nothing: the default for ``waiting``."""


class Duplex(t.Protocol):
    """The byte stream in both directions that a session uses."""

    def send(self, data: Buffer, *, timeout_seconds: float) -> None:
        """Send all of ``data``.

        ``timed_out`` when no part of it can be sent for ``timeout_seconds``, ``link_lost`` when the stream has ended.
        """

    def receive(self, *, timeout_seconds: float, wanted_bytes: int) -> bytes | None:
        """Return the data that has arrived; None after a timeout, empty bytes at the end of the stream.

        It may wait until ``wanted_bytes`` have arrived, which avoids waking up for parts of a packet.
        """

    @property
    def room_bytes(self) -> int:
        """How many bytes ``send`` takes now without waiting for the peer."""

    def close(self) -> None:
        """Close both directions; never raises."""


class Reply:
    """The reply to one request; empty until it arrives."""

    __slots__ = ("body", "kind")

    def __init__(self) -> None:
        self.kind = 0
        self.body = memoryview(b"")

    @property
    def arrived(self) -> bool:
        """Whether the reply has arrived."""
        return self.kind != 0


class Session:
    """An SFTP session: numbers requests, matches replies by id, and raises an error for an unexpected reply.

    ``request`` sends and returns at once, ``wait`` returns the reply, ``call`` does both. A violation, an end of the
    stream or a missed deadline ends the session: every later use raises the same error.
    """

    def __init__(self, duplex: Duplex, *, timeouts: Timeouts) -> None:
        self._duplex = duplex
        self._timeouts = timeouts
        self._framer = wire.Framer(limit_bytes=MAX_REPLY_BYTES)
        self._waiting: dict[int, Reply] = {}
        self._next_id = 0
        self._ended: BackhaulError | None = None
        self._ready: collections.deque[memoryview] = collections.deque()
        self.extensions: dict[bytes, bytes] = {}
        self.round_trip_seconds = float("inf")  # the shortest of all calls
        self.waited_seconds = 0.0  # the total time spent waiting for replies
        self.closed_by_server = False  # only this session: the connection may still work

    def open(self, *, timeout_seconds: float | None = None) -> None:
        """Exchange INIT and VERSION (draft section 4), and store the server's extensions."""
        self._send(wire.uint32(5) + bytes([wire.INIT]) + wire.uint32(wire.VERSION))
        limit = self._timeouts.operation_seconds if timeout_seconds is None else timeout_seconds
        deadline = time.monotonic() + limit
        with self._ending_on_error():
            fields = wire.Unpacker(self._next_packet(deadline, "answer the SFTP greeting"))
            kind, version = fields.byte(), fields.uint32()
            if kind != wire.VERSION_REPLY:
                raise wire.violation(f"it greets with a packet of type {kind}")
            if version != wire.VERSION:
                raise wire.violation(f"it speaks version {version} though 3 was asked for")
            while fields.left:
                name, value = fields.string(), fields.string()
                if len(self.extensions) < MAX_EXTENSIONS:
                    self.extensions[name] = value

    def close(self) -> None:
        """End the session; never raises."""
        if self._ended is None:
            self._ended = LinkError("link_lost", "the SFTP session is closed")
        self._duplex.close()

    def request(self, kind: int, *parts: Buffer) -> Reply:
        """Send a request and return its reply, still empty; LinkError when the request cannot be sent."""
        if self._ended is not None:
            raise self._ended.copy()
        self._next_id = (self._next_id + 1) & 0xFFFFFFFF
        reply = self._waiting[self._next_id] = Reply()
        head = wire.request_head(kind, self._next_id, sum(map(len, parts)))
        self._send(b"".join((head, *parts)))
        return reply

    def wait(
        self, reply: Reply, *, timeout_seconds: float | None = None, waiting: t.Callable[[], None] = _do_nothing
    ) -> Reply:
        """Return ``reply`` once it has arrived; LinkError ``timed_out`` after ``timeout_seconds`` without it.

        ``waiting`` is called at least twice a second until then.
        """
        if not reply.arrived:
            limit = self._timeouts.operation_seconds if timeout_seconds is None else timeout_seconds
            started = time.monotonic()
            try:
                self._dispatch_until(reply, started + limit, waiting)
            finally:
                self.waited_seconds += time.monotonic() - started
        return reply

    def _dispatch_until(self, reply: Reply, deadline: float, waiting: t.Callable[[], None]) -> None:
        while not reply.arrived:
            if self._ended is not None:
                raise self._ended.copy()
            with self._ending_on_error():
                self._dispatch(self._next_packet(deadline, "answer an SFTP request", waiting))

    def call(
        self,
        kind: int,
        *parts: Buffer,
        timeout_seconds: float | None = None,
        waiting: t.Callable[[], None] = _do_nothing,
    ) -> Reply:
        """Send a request and wait for its reply."""
        started = time.monotonic()
        reply = self.wait(self.request(kind, *parts), timeout_seconds=timeout_seconds, waiting=waiting)
        self.round_trip_seconds = min(self.round_trip_seconds, time.monotonic() - started)
        return reply

    def poll(self) -> None:
        """Process the replies that have arrived, without waiting."""
        if self._ended is not None:
            raise self._ended.copy()
        with self._ending_on_error():
            self._receive_piece(0)
            while self._ready:
                self._dispatch(self._ready.popleft())

    @property
    def room_bytes(self) -> int:
        """The longest request, in bytes, that can be sent without waiting."""
        return self._duplex.room_bytes

    def _send(self, packet: bytes) -> None:
        with shielded(), self._ending_on_error():
            self._duplex.send(packet, timeout_seconds=self._timeouts.stall_seconds)

    def _next_packet(self, deadline: float, what: str, waiting: t.Callable[[], None] = _do_nothing) -> memoryview:
        while not self._ready:
            waiting()
            left = deadline - time.monotonic()
            if left <= 0:
                raise LinkError(
                    "timed_out",
                    f"the server did not {what} in time",
                    remedy="The server or the network is stuck, or slower than connect_timeout, operation_timeout and"
                    " stall_timeout allow.",
                )
            self._receive_piece(min(left, _LONGEST_WAIT_SECONDS))
        return self._ready.popleft()

    def _receive_piece(self, seconds: float) -> None:
        """Wait for data and split it into packets, shielded: a cancellation must not lose data already received."""
        with shielded():
            piece = self._duplex.receive(timeout_seconds=seconds, wanted_bytes=self._framer.missing_bytes)
            if piece:
                self._ready.extend(self._framer.feed(piece))
        if piece == b"":
            self.closed_by_server = True
            raise _ended_early()

    def _dispatch(self, packet: memoryview) -> None:
        fields = wire.Unpacker(packet)
        kind, request_id = fields.byte(), fields.uint32()
        reply = self._waiting.pop(request_id, None)
        if reply is None:
            raise wire.violation(f"a reply to request {request_id}, which is not waiting for one")
        if kind not in wire.REPLY_TYPES:
            raise wire.violation(f"a reply of type {kind}")
        reply.kind, reply.body = kind, packet[5:]

    @contextlib.contextmanager
    def _ending_on_error(self) -> t.Iterator[None]:
        try:
            yield
        except BackhaulError as exc:
            if self._ended is None:
                self._ended = exc
                self._duplex.close()
            raise

    # Decoding of replies, by the expected type.

    def _read(self, reply: Reply, expected: int, read: t.Callable[[wire.Unpacker], _ValueT]) -> _ValueT:
        if reply.kind == expected:
            with self._ending_on_error():
                return read(wire.Unpacker(reply.body))
        code, message = self.status(reply)
        if code in (wire.STATUS_OK, wire.STATUS_EOF):
            self.violated(f"status {code} where a reply of type {expected} was due")
        raise wire.status_error(code, message)

    def violated(self, what: str) -> t.NoReturn:
        """End the session with ``protocol_violation``; ``what`` says how the server broke the protocol."""
        self.abort(wire.violation(what))

    def abort(self, error: BackhaulError) -> t.NoReturn:
        """End the session with ``error``; every later use of the session raises it, too."""
        with self._ending_on_error():
            raise error

    def status(self, reply: Reply) -> tuple[int, bytes]:
        """Return code and message of a STATUS; any other reply, or a STATUS without a code, is a violation.

        Servers older than draft-02 omit message and language, so only the code is required.
        """
        with self._ending_on_error():
            if reply.kind != wire.STATUS:
                raise wire.violation(f"a reply of type {reply.kind} to a request that does not call for it")
            fields = wire.Unpacker(reply.body)
            code = fields.uint32()
            return code, fields.string() if fields.left else b""

    def expect_ok(self, reply: Reply) -> None:
        """Raise the error that the reply states, unless it is STATUS OK."""
        code, message = self.status(reply)
        if code != wire.STATUS_OK:
            raise wire.status_error(code, message)

    def expect_handle(self, reply: Reply) -> bytes:
        """Return the handle in the reply; at most 256 bytes (draft section 6.3)."""
        handle = self._read(reply, wire.HANDLE, wire.Unpacker.string)
        if len(handle) > 256:
            self.violated(f"a handle of {len(handle)} bytes")
        return handle

    def expect_attributes(self, reply: Reply) -> Attributes:
        """Return the attributes in the reply."""
        return self._read(reply, wire.ATTRS, wire.Unpacker.attributes)

    def expect_names(self, reply: Reply) -> list[tuple[bytes, Attributes]] | None:
        """Return names and attributes in the reply to READDIR; None at the end of a directory."""
        return None if self._is_end(reply) else self._read(reply, wire.NAME, wire.Unpacker.names)

    def expect_path(self, reply: Reply) -> bytes:
        """Return the one absolute path in the reply to REALPATH."""
        names = self._read(reply, wire.NAME, lambda fields: fields.names(longest_bytes=wire.MAX_PATH_BYTES))
        if len(names) != 1 or not names[0][0].startswith(b"/"):
            self.violated("it does not answer REALPATH with one absolute path")
        return names[0][0]

    def expect_data(self, reply: Reply, *, at_most: int) -> memoryview | None:
        """Return the data in the reply to READ, never empty; None at the end of the file."""
        if self._is_end(reply):
            return None
        data = self._read(reply, wire.DATA, wire.Unpacker.view)
        if not 0 < len(data) <= at_most:
            self.violated(f"{len(data)} bytes of data where 1 to {at_most} were asked for")
        return data

    def expect_extended(self, reply: Reply, read: t.Callable[[wire.Unpacker], _ValueT]) -> _ValueT:
        """Return the result of ``read`` on the fields of an EXTENDED_REPLY."""
        return self._read(reply, wire.EXTENDED_REPLY, read)

    def _is_end(self, reply: Reply) -> bool:
        return reply.kind == wire.STATUS and self.status(reply)[0] == wire.STATUS_EOF


@contextlib.contextmanager
def blame_path(path: bytes) -> t.Iterator[None]:
    """Add ``path`` to every BackhaulError that the block raises without a path."""
    try:
        yield
    except BackhaulError as exc:
        exc.with_location(path=path)
        raise


def _ended_early() -> LinkError:
    return LinkError(
        "link_lost",
        "the server closed the SFTP session",
        remedy="If this happens at once, the account may not be allowed to use SFTP, or the server has no SFTP"
        " subsystem.",
    )
