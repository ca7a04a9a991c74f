# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read a file ahead: many requests in flight, replies in order, short reads asked again."""

from __future__ import annotations

import collections
import typing as t

from .._errors import BackhaulError
from .._model import Attributes
from . import wire
from .session import Reply, Session, blame_path

# READs in flight on a link with a negligible round trip. More do harm: with more than 4 MiB of replies queued,
# OpenSSH's sshd 9.2 uses several times the CPU of the whole transfer.
LEAST_IN_FLIGHT = 8
# The throughput that the requests in flight are sized for, at any round trip.
_TARGET_BYTES_PER_SECOND = 160 * 1024 * 1024


class SftpReader:
    """A handle that is open for reading (the port's ``Reader``)."""

    def __init__(
        self,
        session: Session,
        handle: bytes,
        path: bytes,
        *,
        block_bytes: int,
        ahead_bytes: int,
        stall_seconds: float,
    ) -> None:
        self._session = session
        self._handle = wire.string(handle)
        self._path = path
        self._block_bytes = block_bytes
        self._ahead_bytes = ahead_bytes
        self._stall_seconds = stall_seconds
        self._seen_bytes: int | None = None
        self._closed = False

    def __enter__(self) -> SftpReader:
        return self

    def __exit__(self, exc_type: object, *_exc_info: object) -> None:
        if not self._closed:
            self._closed = True
            with blame_path(self._path):
                close_handle(self._session, self._handle, failing=exc_type is not None)

    def attributes(self) -> Attributes:
        """Return the attributes of the open file (FSTAT)."""
        with blame_path(self._path):
            found = self._session.expect_attributes(self._session.call(wire.FSTAT, self._handle))
        self._seen_bytes = found.size
        return found

    def opened_and_named(self) -> tuple[Attributes, Attributes]:
        """Return the attributes of the open file (FSTAT) and of what is at its path (LSTAT).

        Both requests are sent before a reply is waited for. Version 3 cannot open a file without following links, so
        the caller compares the two.
        """
        with blame_path(self._path):
            asked = self._session.request(wire.FSTAT, self._handle)
            named = self._session.request(wire.LSTAT, wire.string(self._path))
            found = self._session.expect_attributes(self._session.wait(asked))
            self._seen_bytes = found.size
            return found, self._session.expect_attributes(self._session.wait(named))

    def blocks(self, *, offset: int = 0, length: int | None = None) -> t.Iterator[memoryview]:
        """Yield the content in order; see the port."""
        end = None if length is None else offset + length
        if end is None and self._seen_bytes is None:
            self.attributes()
        likely_end = (self._seen_bytes or 0) if end is None else end
        with blame_path(self._path):
            yield from self._read_ahead(offset, end=end, likely_end=likely_end)

    def _read_ahead(self, offset: int, *, end: int | None, likely_end: int) -> t.Iterator[memoryview]:
        """Read ahead up to ``likely_end``; beyond that, read one block at a time up to ``end`` or the end of the file.

        The number of requests in flight follows from the round trip, within the memory limit: more would only queue.
        """
        asked: collections.deque[tuple[int, int, Reply]] = collections.deque()
        next_offset, allowed = offset, self._in_flight()
        while True:
            while len(asked) < allowed and (next_offset < likely_end or not asked):
                wanted = self._block_bytes if end is None else min(self._block_bytes, end - next_offset)
                if wanted <= 0:
                    break
                asked.append(self._ask(next_offset, wanted))
                next_offset += wanted
            if not asked:
                return
            at, wanted, reply = asked.popleft()
            self._session.wait(reply, timeout_seconds=self._stall_seconds)
            block = self._session.expect_data(reply, at_most=wanted)
            if block is None:
                return
            if len(block) < wanted:
                asked.appendleft(self._ask(at + len(block), wanted - len(block)))
            yield block

    def _in_flight(self) -> int:
        covering = self._session.round_trip_seconds * _TARGET_BYTES_PER_SECOND
        return int(max(LEAST_IN_FLIGHT, min(covering, self._ahead_bytes) // self._block_bytes))

    def _ask(self, offset: int, wanted: int) -> tuple[int, int, Reply]:
        request = self._session.request(wire.READ, self._handle, wire.uint64(offset), wire.uint32(wanted))
        return offset, wanted, request


def close_handle(session: Session, handle: bytes, *, failing: bool) -> None:
    """Close a handle. With ``failing``, an error is already being raised, and one of the close is suppressed."""
    try:
        session.expect_ok(session.call(wire.CLOSE, handle))
    except BackhaulError:
        if not failing:
            raise
