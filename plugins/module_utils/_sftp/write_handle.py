# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One of the handles that a file is written through, each on a channel of its own."""

from __future__ import annotations

import collections
import contextlib

from .._errors import BackhaulError, LinkError, RemoteError
from .._filesystem import Buffer
from .._model import Attributes
from . import wire
from .reader import close_handle
from .session import Reply, Session

# How many WRITEs may wait for their acknowledgement on one channel.
MAX_IN_FLIGHT = 64
# What is in front of the data of a WRITE: length, type, id, handle of at most 256 bytes, offset, length.
_HEAD_BYTES = 4 + 1 + 4 + 4 + 256 + 8 + 4


class WriteHandle:
    """A handle that is open for writing, and the writes that are under way on it."""

    def __init__(self, session: Session, handle: bytes) -> None:
        self.session = session
        self.handle = wire.string(handle)
        self._under_way: collections.deque[tuple[int, Reply]] = collections.deque()
        self._closing: Reply | None = None

    def has_room(self, byte_count: int) -> bool:
        """Whether a write of so many bytes goes out at once, without waiting for the server."""
        return len(self._under_way) < MAX_IN_FLIGHT and self.session.room_bytes >= byte_count + _HEAD_BYTES

    @property
    def is_full(self) -> bool:
        """Whether it is the number of requests that must not grow."""
        return len(self._under_way) >= MAX_IN_FLIGHT

    @property
    def oldest(self) -> int | None:
        """The number of the write that waits longest for its acknowledgement; None when none does."""
        return self._under_way[0][0] if self._under_way else None

    def write(self, number: int, offset: int, piece: Buffer) -> None:
        """Send a write; ``number`` says how many came before it, on whatever lane."""
        head = (self.handle, wire.uint64(offset), wire.uint32(len(piece)))
        self._under_way.append((number, self.session.request(wire.WRITE, *head, piece)))

    def acknowledge(self, *, timeout_seconds: float) -> None:
        """Wait for the oldest write, and take what else has arrived with it; raise the first refusal."""
        self.session.wait(self._under_way[0][1], timeout_seconds=timeout_seconds)
        self.session.poll()
        while self._under_way and self._under_way[0][1].arrived:
            self.session.expect_ok(self._under_way.popleft()[1])

    def begin_close(self) -> None:
        """Ask to close the handle, behind all that was written through it."""
        self._closing = self.session.request(wire.CLOSE, self.handle)

    def end_close(self, *, timeout_seconds: float) -> None:
        """Wait until the handle is closed, and raise if that was refused."""
        if self._closing is not None:
            self.session.expect_ok(self.session.wait(self._closing, timeout_seconds=timeout_seconds))

    def drop(self) -> None:
        """Close the handle because of an error; raises no other."""
        if self._closing is None:
            close_handle(self.session, self.handle, failing=True)


class PendingOpen:
    """A further handle of a file that is being written, on its way.

    One look goes right before the opening on the same channel and one right behind it: the file was made by us a moment
    ago, and if another user has put a link in its place, nothing is written through it.
    """

    def __init__(self, session: Session, path: bytes) -> None:
        self.session = session
        before = session.request(wire.LSTAT, wire.string(path))
        body = (wire.string(path), wire.uint32(wire.OPEN_WRITE), wire.attributes(Attributes()))
        self._open = session.request(wire.OPEN, *body)
        self._looks = (before, session.request(wire.LSTAT, wire.string(path)))

    @property
    def arrived(self) -> bool:
        """Whether all answers are here."""
        self.session.poll()
        return self._open.arrived and all(look.arrived for look in self._looks)

    def wait(self, *, timeout_seconds: float) -> None:
        """Wait for all of them; what goes wrong meanwhile is raised by ``arrived``."""
        with contextlib.suppress(BackhaulError):
            self.session.wait(self._open, timeout_seconds=timeout_seconds)
            for look in self._looks:
                self.session.wait(look, timeout_seconds=timeout_seconds)

    def lane(self) -> WriteHandle:
        """Return the lane; RemoteError when the server does not open the file again, or it is not one any more."""
        lane = WriteHandle(self.session, self.session.expect_handle(self._open))
        try:
            kinds = {self.session.expect_attributes(look).kind for look in self._looks}
        except LinkError:
            raise
        except BackhaulError:
            kinds = {"refused"}
        if kinds - {"file", "unknown"}:
            lane.drop()
            raise RemoteError("remote_failure", "the file was replaced by something else while it was written")
        return lane
