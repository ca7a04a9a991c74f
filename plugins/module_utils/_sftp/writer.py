# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Write a file: many requests in flight over several channels, and every acknowledgement checked."""

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

    Once the first channel's window is full, the file is opened on additional channels, as many as the server allows.
    Each write goes to a channel that has room. The additional handles are closed before a request about the whole
    file (FSTAT, FSETSTAT, fsync, CLOSE) is sent.
    """

    def __init__(
        self,
        session: Session,
        handle: bytes,
        path: bytes,
        *,
        pool: SessionPool,
        block_bytes: int,
        stall_seconds: float,
        optional: OptionalRequests,
    ) -> None:
        self._session = session
        self._path = path
        self._pool = pool
        self._block_bytes = block_bytes
        self._stall_seconds = stall_seconds
        self._optional = optional
        self._first = WriteHandle(session, handle)
        self._handles = collections.deque([self._first])
        self._pending: list[PendingOpen] = []
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
            self._discard_pending()
            if not self._closed:
                self._closed = True
                for handle in self._handles:
                    handle.drop()

    def write(self, offset: int, block: Buffer) -> None:
        """Write ``block`` at ``offset``; see the port."""
        view = memoryview(block)
        with blame_path(self._path):
            for start in range(0, len(view), self._block_bytes):
                piece = view[start : start + self._block_bytes]
                self._handle_with_room(len(piece)).write(next(self._number), offset + start, piece)
        self._written_bytes += len(view)

    def _handle_with_room(self, byte_count: int) -> WriteHandle:
        """Return a handle with room for ``byte_count``, waiting for one if necessary.

        The first handle is returned when no write is in flight: its session then waits for room while sending.
        """
        while True:
            for _handle in range(len(self._handles)):
                self._handles.rotate(-1)
                if self._handles[0].has_room(byte_count):
                    return self._handles[0]
            if self._opened_more():
                continue
            oldest = self._handle_of_oldest_write()
            if oldest is None:
                return self._first
            oldest.acknowledge(timeout_seconds=self._stall_seconds)

    def _opened_more(self) -> bool:
        """Start opening the file on additional channels, without waiting; return True when one more is open now."""
        if all(handle.is_full for handle in self._handles):
            return False
        self._pool.ensure()
        in_use = [handle.session for handle in self._handles] + [pending.session for pending in self._pending]
        for session in self._pool.usable():
            if session not in in_use:
                self._pending.append(PendingOpen(session, self._path))
        before = len(self._handles)
        for pending in list(self._pending):
            self._use_if_open(pending)
        return len(self._handles) > before

    def _use_if_open(self, pending: PendingOpen) -> None:
        """Add the handle of ``pending`` once it is open. A refused open is no error; its session is discarded."""
        try:
            if pending.arrived:
                self._pending.remove(pending)
                self._handles.append(pending.write_handle())
        except BackhaulError:
            self._pending = [other for other in self._pending if other is not pending]
            self._pool.discard(pending.session)

    def _discard_pending(self) -> None:
        """Close the sessions with a pending open: the server may hold a handle there that is not known here yet."""
        for pending in self._pending:
            self._pool.discard(pending.session)
        self._pending = []

    def _handle_of_oldest_write(self) -> WriteHandle | None:
        waiting = [(handle.oldest, handle) for handle in self._handles if handle.oldest is not None]
        return min(waiting, key=lambda pair: pair[0])[1] if waiting else None

    def flush(self) -> None:
        """Wait for every acknowledgement, close the additional handles, then raise the first error of them all."""
        with blame_path(self._path):
            for pending in list(self._pending):
                pending.wait(timeout_seconds=self._stall_seconds)
                self._use_if_open(pending)
            additional = [handle for handle in self._handles if handle is not self._first]
            for handle in additional:
                handle.begin_close()
            errors = [*self._acknowledge_all(), *self._end_closes(additional)]
            self._handles = collections.deque([self._first])
            if errors:
                raise errors[0]

    def _acknowledge_all(self) -> list[BackhaulError]:
        errors = []
        while (oldest := self._handle_of_oldest_write()) is not None:
            try:
                oldest.acknowledge(timeout_seconds=self._stall_seconds)
            except BackhaulError as exc:
                if exc.breaks_link:
                    raise
                errors.append(exc)
        return errors

    def _end_closes(self, additional: list[WriteHandle]) -> list[BackhaulError]:
        errors = []
        for handle in additional:
            try:
                handle.end_close(timeout_seconds=self._stall_seconds)
            except BackhaulError as exc:
                if exc.breaks_link:
                    raise
                errors.append(exc)
        return errors

    def sync(self) -> bool:
        """Flush, then send fsync@openssh.com (OpenSSH PROTOCOL section 4.5); return False without that extension."""
        self.flush()
        if not self._optional.offers(self._session, SYNC):
            return False
        timeout_seconds = self._stall_seconds + self._written_bytes / SLOWEST_BYTES_PER_SECOND
        try:
            with self._optional.asking(self._session, SYNC):
                self._ask(wire.EXTENDED, wire.string(SYNC), self._first.handle, timeout_seconds=timeout_seconds)
        except RemoteError as exc:
            if exc.code != "unsupported":
                raise
            return False  # announced, but not implemented
        return True

    def attributes(self) -> Attributes:
        """Return the attributes of the open file (FSTAT)."""
        self._reduce_to_first()
        with blame_path(self._path):
            return self._session.expect_attributes(self._session.call(wire.FSTAT, self._first.handle))

    def set_attributes(self, wanted: Attributes) -> None:
        """Set the attributes that are not None on the open file (FSETSTAT)."""
        self._reduce_to_first()
        self._ask(wire.FSETSTAT, self._first.handle, wire.attributes(wire.completed(wanted, self.attributes)))

    def close(self) -> None:
        """Flush, close, and raise the error of either; closing again does nothing."""
        if self._closed:
            return
        self.flush()
        self._closed = True
        self._ask(wire.CLOSE, self._first.handle, timeout_seconds=self._stall_seconds)

    def _reduce_to_first(self) -> None:
        """Flush unless the first handle is the only one, so that its attributes are those of the whole file."""
        if len(self._handles) > 1 or self._pending:
            self.flush()

    def _ask(self, kind: int, *parts: bytes, timeout_seconds: float | None = None) -> None:
        with blame_path(self._path):
            self._session.expect_ok(self._session.call(kind, *parts, timeout_seconds=timeout_seconds))
