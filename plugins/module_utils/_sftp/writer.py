# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Writing a file: many requests in flight, over several channels, and every acknowledgement looked at."""

from __future__ import annotations

import collections
import itertools

from .._errors import BackhaulError, RemoteError
from .._filesystem import Buffer
from .._model import Attributes
from . import wire
from .optional import SYNC, OptionalRequests
from .session import SLOWEST_BYTES_PER_SECOND, Session, blame_path
from .session_pool import SessionPool
from .write_handle import PendingOpen, WriteHandle


class SftpWriter:
    """A file that is open for writing (the port's ``Writer``).

    Once a channel takes no more for now, the same file is opened on further ones, as far as the server lets us, and
    each write goes to whichever has room. They are closed before anything is asked about the file as a whole.
    """

    def __init__(
        self,
        session: Session,
        handle: bytes,
        path: bytes,
        *,
        streams: SessionPool,
        block_bytes: int,
        stall_seconds: float,
        optional: OptionalRequests,
    ) -> None:
        self._session = session
        self._path = path
        self._streams = streams
        self._block_bytes = block_bytes
        self._stall_seconds = stall_seconds
        self._optional = optional
        self._first = WriteHandle(session, handle)
        self._lanes = collections.deque([self._first])
        self._openings: list[PendingOpen] = []
        self._number = itertools.count()
        self._written_bytes = 0
        self._closed = False

    def __enter__(self) -> SftpWriter:
        return self

    def __exit__(self, exc_type: object, *_exc_info: object) -> None:
        try:
            if exc_type is None and not self._closed:
                self.close()
        finally:
            self._give_up_openings()
            if not self._closed:
                self._closed = True
                for lane in self._lanes:
                    lane.drop()

    def write(self, offset: int, block: Buffer) -> None:
        """Write ``block`` at ``offset``; see the port."""
        view = memoryview(block)
        with blame_path(self._path):
            for start in range(0, len(view), self._block_bytes):
                piece = view[start : start + self._block_bytes]
                self._lane_for(len(piece)).write(next(self._number), offset + start, piece)
        self._written_bytes += len(view)

    def _lane_for(self, byte_count: int) -> WriteHandle:
        """Return a lane that takes so many bytes, as soon as there is one; the first one when nothing is under way."""
        while True:
            for _lane in range(len(self._lanes)):
                self._lanes.rotate(-1)
                if self._lanes[0].has_room(byte_count):
                    return self._lanes[0]
            if self._widened():
                continue
            oldest = self._oldest()
            if oldest is None:
                return self._first
            oldest.acknowledge(timeout_seconds=self._stall_seconds)

    def _widened(self) -> bool:
        """Open the file on further channels, without waiting for them; True when one more is ready by now."""
        if all(lane.is_full for lane in self._lanes):
            return False
        self._streams.want()
        taken = [lane.session for lane in self._lanes] + [opening.session for opening in self._openings]
        for session in self._streams.usable():
            if session not in taken:
                self._openings.append(PendingOpen(session, self._path))
        before = len(self._lanes)
        for opening in list(self._openings):
            self._join(opening)
        return len(self._lanes) > before

    def _join(self, opening: PendingOpen) -> None:
        """Use one more channel, if it is ready; that the server does not let us is no error, but not tried again."""
        try:
            if opening.arrived:
                self._openings.remove(opening)
                self._lanes.append(opening.lane())
        except BackhaulError:
            self._openings = [other for other in self._openings if other is not opening]
            self._streams.discard(opening.session)

    def _give_up_openings(self) -> None:
        """Close the channels on which the file may be open without our knowing the handle yet."""
        for opening in self._openings:
            self._streams.discard(opening.session)
        self._openings = []

    def _oldest(self) -> WriteHandle | None:
        waiting = [(lane.oldest, lane) for lane in self._lanes if lane.oldest is not None]
        return min(waiting, key=lambda pair: pair[0])[1] if waiting else None

    def flush(self) -> None:
        """Wait for every acknowledgement and close the further handles; raise the first refusal after all answers."""
        with blame_path(self._path):
            for opening in list(self._openings):
                opening.wait(timeout_seconds=self._stall_seconds)
                self._join(opening)
            further = [lane for lane in self._lanes if lane is not self._first]
            for lane in further:
                lane.begin_close()
            refusals = [*self._acknowledged(), *self._ended(further)]
            self._lanes = collections.deque([self._first])
            if refusals:
                raise refusals[0]

    def _acknowledged(self) -> list[BackhaulError]:
        refusals = []
        while (oldest := self._oldest()) is not None:
            try:
                oldest.acknowledge(timeout_seconds=self._stall_seconds)
            except BackhaulError as exc:
                if exc.breaks_link:
                    raise
                refusals.append(exc)
        return refusals

    def _ended(self, further: list[WriteHandle]) -> list[BackhaulError]:
        refusals = []
        for lane in further:
            try:
                lane.end_close(timeout_seconds=self._stall_seconds)
            except BackhaulError as exc:
                if exc.breaks_link:
                    raise
                refusals.append(exc)
        return refusals

    def sync(self) -> bool:
        """Flush, then fsync@openssh.com (OpenSSH PROTOCOL section 4.5); False where the server has none."""
        self.flush()
        if not self._optional.offers(self._session, SYNC):
            return False
        patience = self._stall_seconds + self._written_bytes / SLOWEST_BYTES_PER_SECOND
        try:
            with self._optional.asking(self._session, SYNC):
                self._ask(wire.EXTENDED, wire.string(SYNC), self._first.handle, timeout_seconds=patience)
        except RemoteError as exc:
            if exc.code != "unsupported":
                raise
            return False  # announced, and not there
        return True

    def attributes(self) -> Attributes:
        """Return the attributes of what is open (FSTAT)."""
        self._gather()
        with blame_path(self._path):
            return self._session.expect_attributes(self._session.call(wire.FSTAT, self._first.handle))

    def set_attributes(self, wanted: Attributes) -> None:
        """Set what is not None on the open file (FSETSTAT)."""
        self._gather()
        self._ask(wire.FSETSTAT, self._first.handle, wire.attributes(wire.completed(wanted, self.attributes)))

    def close(self) -> None:
        """Flush, close, and check that both were accepted; closing again does nothing."""
        if self._closed:
            return
        self.flush()
        self._closed = True
        self._ask(wire.CLOSE, self._first.handle, timeout_seconds=self._stall_seconds)

    def _gather(self) -> None:
        """Let the first handle be the only one; what it says holds for the whole file then."""
        if len(self._lanes) > 1 or self._openings:
            self.flush()

    def _ask(self, kind: int, *parts: bytes, timeout_seconds: float | None = None) -> None:
        with blame_path(self._path):
            self._session.expect_ok(self._session.call(kind, *parts, timeout_seconds=timeout_seconds))
