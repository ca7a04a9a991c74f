# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Handles that a file is written through, each on its own channel."""

from __future__ import annotations

import collections
import contextlib

from .._errors import BackhaulError, LinkError, RemoteError
from .._filesystem import Buffer
from .._model import Attributes
from . import wire
from .reader import close_handle
from .session import Reply, Session

# The limit of unacknowledged WRITEs on one channel.
MAX_IN_FLIGHT = 64
# The bytes before the data of a WRITE: length, type, id, handle of at most 256 bytes, offset, data length.
_HEAD_BYTES = 4 + 1 + 4 + 4 + 256 + 8 + 4


class WriteHandle:
    """A handle that is open for writing, and its unacknowledged writes."""

    def __init__(self, session: Session, handle: bytes) -> None:
        self.session = session
        self.handle = wire.string(handle)
        self._in_flight: collections.deque[tuple[int, Reply]] = collections.deque()
        self._closing: Reply | None = None

    def has_room(self, byte_count: int) -> bool:
        """Return whether a write of ``byte_count`` can be sent without waiting for the server."""
        return len(self._in_flight) < MAX_IN_FLIGHT and self.session.room_bytes >= byte_count + _HEAD_BYTES

    @property
    def is_full(self) -> bool:
        """Whether the limit of requests in flight is reached."""
        return len(self._in_flight) >= MAX_IN_FLIGHT

    @property
    def oldest(self) -> int | None:
        """The number of the oldest unacknowledged write; None when there is none."""
        return self._in_flight[0][0] if self._in_flight else None

    def write(self, number: int, offset: int, piece: Buffer) -> None:
        """Send a write; ``number`` is the count of earlier writes to this file over all handles."""
        head = (self.handle, wire.uint64(offset), wire.uint32(len(piece)))
        self._in_flight.append((number, self.session.request(wire.WRITE, *head, piece)))

    def acknowledge(self, *, timeout_seconds: float) -> None:
        """Wait for the oldest write's reply, and check every reply that has arrived; raise the first error."""
        self.session.wait(self._in_flight[0][1], timeout_seconds=timeout_seconds)
        self.session.poll()
        while self._in_flight and self._in_flight[0][1].arrived:
            self.session.expect_ok(self._in_flight.popleft()[1])

    def begin_close(self) -> None:
        """Send CLOSE, without waiting for the reply."""
        self._closing = self.session.request(wire.CLOSE, self.handle)

    def end_close(self, *, timeout_seconds: float) -> None:
        """Wait for the reply to CLOSE, and raise if the server refused it."""
        if self._closing is not None:
            self.session.expect_ok(self.session.wait(self._closing, timeout_seconds=timeout_seconds))

    def drop(self) -> None:
        """Close the handle after an error, ignoring a second one."""
        if self._closing is None:
            close_handle(self.session, self.handle, failing=True)


class PendingOpen:
    """A request to open a file once more on another channel, while it is written.

    OPEN is sent between two LSTATs on the same channel. If another user has replaced the file with a link since we
    created it, one of them shows the link, and nothing is written through it.
    """

    def __init__(self, session: Session, path: bytes) -> None:
        self.session = session
        before = session.request(wire.LSTAT, wire.string(path))
        body = (wire.string(path), wire.uint32(wire.OPEN_WRITE), wire.attributes(Attributes()))
        self._open = session.request(wire.OPEN, *body)
        self._lstats = (before, session.request(wire.LSTAT, wire.string(path)))

    @property
    def arrived(self) -> bool:
        """Whether all three replies have arrived."""
        self.session.poll()
        return self._open.arrived and all(reply.arrived for reply in self._lstats)

    def wait(self, *, timeout_seconds: float) -> None:
        """Wait for the three replies; an error meanwhile is raised by the next use of ``arrived``."""
        with contextlib.suppress(BackhaulError):
            self.session.wait(self._open, timeout_seconds=timeout_seconds)
            for reply in self._lstats:
                self.session.wait(reply, timeout_seconds=timeout_seconds)

    def write_handle(self) -> WriteHandle:
        """Return the open handle; RemoteError when OPEN was refused, or the path is no regular file any more."""
        opened = WriteHandle(self.session, self.session.expect_handle(self._open))
        try:
            kinds = {self.session.expect_attributes(reply).kind for reply in self._lstats}
        except LinkError:
            raise
        except BackhaulError:
            kinds = {"refused"}
        if kinds - {"file", "unknown"}:
            opened.drop()
            raise RemoteError("remote_failure", "the file was replaced by something else while it was written")
        return opened
