# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Writing a file: many requests in flight, and every acknowledgement looked at."""

from __future__ import annotations

import collections

from .._errors import BackhaulError
from .._filesystem import Buffer
from .._model import Attributes
from . import wire
from .reader import closing_quietly
from .session import Reply, Session, about

# How many WRITEs may wait for their acknowledgement: 64 of 255 KiB fill a LAN and bound the memory at 16 MiB.
MAX_IN_FLIGHT = 64
# What the slowest storage worth waiting for brings to disk, when a request's duration depends on the file's size.
SLOWEST_BYTES_PER_SECOND = 10_000_000


class SftpWriter:
    """A handle that is open for writing (the port's ``Writer``)."""

    def __init__(
        self,
        session: Session,
        handle: bytes,
        path: bytes,
        *,
        block_bytes: int,
        stall_seconds: float,
        can_sync: bool,
    ) -> None:
        self._session = session
        self._handle = wire.string(handle)
        self._path = path
        self._block_bytes = block_bytes
        self._stall_seconds = stall_seconds
        self._can_sync = can_sync
        self._under_way: collections.deque[Reply] = collections.deque()
        self._written_bytes = 0
        self._closed = False

    def __enter__(self) -> SftpWriter:
        return self

    def __exit__(self, exc_type: object, *_exc_info: object) -> None:
        try:
            if exc_type is None and not self._closed:
                self.close()
        finally:
            if not self._closed:
                self._closed = True
                closing_quietly(self._session, self._handle, failing=True)

    def write(self, offset: int, block: Buffer) -> None:
        """Write ``block`` at ``offset``; see the port."""
        view = memoryview(block)
        for start in range(0, len(view), self._block_bytes):
            piece = view[start : start + self._block_bytes]
            if len(self._under_way) >= MAX_IN_FLIGHT:
                self._acknowledge_oldest()
            where = wire.uint64(offset + start)
            with about(self._path):
                request = self._session.request(wire.WRITE, self._handle, where, wire.uint32(len(piece)), piece)
            self._under_way.append(request)
        self._written_bytes += len(view)

    def _acknowledge_oldest(self) -> None:
        oldest = self._under_way.popleft()
        with about(self._path):
            self._session.expect_ok(self._session.wait(oldest, timeout_seconds=self._stall_seconds))

    def flush(self) -> None:
        """Wait for every acknowledgement; raise the first refusal after all answers are in."""
        refused: BackhaulError | None = None
        while self._under_way:
            try:
                self._acknowledge_oldest()
            except BackhaulError as exc:
                refused = refused or exc
        if refused is not None:
            raise refused

    def sync(self) -> bool:
        """Flush, then fsync@openssh.com (OpenSSH PROTOCOL section 4.5); False where the server has none."""
        self.flush()
        if not self._can_sync:
            return False
        patience = self._stall_seconds + self._written_bytes / SLOWEST_BYTES_PER_SECOND
        self._ask(wire.EXTENDED, wire.string(b"fsync@openssh.com"), self._handle, timeout_seconds=patience)
        return True

    def attributes(self) -> Attributes:
        """Return the attributes of what is open (FSTAT)."""
        with about(self._path):
            return self._session.expect_attributes(self._session.call(wire.FSTAT, self._handle))

    def set_attributes(self, wanted: Attributes) -> None:
        """Set what is not None on the open file (FSETSTAT)."""
        self._ask(wire.FSETSTAT, self._handle, wire.attributes(wire.completed(wanted, self.attributes)))

    def close(self) -> None:
        """Flush, close, and check that both were accepted; closing again does nothing."""
        if self._closed:
            return
        self.flush()
        self._closed = True
        self._ask(wire.CLOSE, self._handle, timeout_seconds=self._stall_seconds)

    def _ask(self, kind: int, *parts: bytes, timeout_seconds: float | None = None) -> None:
        with about(self._path):
            self._session.expect_ok(self._session.call(kind, *parts, timeout_seconds=timeout_seconds))
