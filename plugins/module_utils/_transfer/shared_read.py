# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The source's content for the writers of copies: one read for each writer, or one read for all."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
import typing as t

from .._cancellation import checkpoint
from .._errors import BackhaulError
from .._filesystem import Buffer
from .source import SourceFile

# How long writers that are ready wait for those that still inspect, before the shared read starts without these.
PATIENCE_SECONDS = 5.0
# How long one slow writer may block the others: this share of the time so far, and at least this many seconds.
_BLOCKED_SHARE = 0.15
_BLOCKED_SECONDS = 1.0
_POLL_SECONDS = 0.25


class BlockSource(t.Protocol):
    """The source as one writer of a copy sees it."""

    def preparing(self) -> None:
        """Announce an attempt that may read."""

    def idle(self) -> None:
        """Announce that this writer does not read for now."""

    def blocks(self, start: int) -> t.Generator[Buffer, None, None]:
        """Yield the content from ``start`` to the end; see :meth:`SourceFile.blocks`."""

    def forget(self) -> None:
        """Close the broken connection that the content came over."""


class PrivateRead:
    """A separate read for one writer."""

    def __init__(self, source_file: SourceFile, *, session_number: int = 0) -> None:
        self._source_file = source_file
        self._session_number = session_number

    def preparing(self) -> None: ...

    def idle(self) -> None: ...

    def blocks(self, start: int) -> t.Generator[Buffer, None, None]:
        """Read the source."""
        return self._source_file.blocks(start, session_number=self._session_number)

    def forget(self) -> None:
        """Close the connection of this session."""
        self._source_file.forget(self._session_number)


class Subscriber:
    """The state of one writer in the shared read; guarded by the condition of SharedRead."""

    def __init__(self) -> None:
        self.state = "preparing"  # or "joined", "reading", "idle", "gone"
        self.start = 0
        self.position = 0
        self.queue: collections.deque[Buffer] = collections.deque()
        self.queued_bytes = 0
        self.ended = False
        self.detached = False
        self.error: BackhaulError | None = None
        self.blocked_seconds = 0.0


class SharedRead:
    """One read of the source for all writers that need it at about the same time; ``serve`` has a thread of its own.

    At most ``buffer_bytes`` are kept for a writer that is behind. A writer that blocks the others for too large a part
    of the time is detached, and continues with a separate read. A writer that comes during a read reads separately.
    """

    def __init__(self, source_file: SourceFile, *, buffer_bytes: int) -> None:
        self._source_file = source_file
        self._buffer_bytes = buffer_bytes
        self._members: list[Subscriber] = []
        self._changed = threading.Condition()
        self._running = False

    def member(self, own: PrivateRead) -> SharedBlocks:
        """Add a writer and return its block source; only before ``serve``. The first read waits for this writer."""
        member = Subscriber()
        self._members.append(member)
        return SharedBlocks(self, member, own)

    def serve(self) -> None:
        """Read the source for the writers that wait for it, again and again, until all writers have left."""
        while (joined := self._next_round()) is not None:
            start = min(member.start for member in joined)
            try:
                with (
                    self._source_file.reserved(),
                    contextlib.closing(self._source_file.blocks(start, session_number=0)) as blocks,
                ):
                    self._distribute(blocks, joined)
            except BackhaulError as exc:
                if exc.breaks_link:
                    self._source_file.forget(0)
                self._end_round(joined, exc)
            else:
                self._end_round(joined, None)

    def _wait(self, seconds: float = _POLL_SECONDS) -> None:
        self._changed.wait(min(seconds, _POLL_SECONDS))
        checkpoint()

    def _next_round(self) -> list[Subscriber] | None:
        """Return the writers of the next read, once no writer is preparing or the ready ones have waited long enough.

        None when all writers have left.
        """
        waited_since = 0.0
        with self._changed:
            while True:
                states = [member.state for member in self._members]
                if "joined" in states:
                    waited_since = waited_since or time.monotonic()
                    if "preparing" not in states or time.monotonic() - waited_since > PATIENCE_SECONDS:
                        break
                elif all(state == "gone" for state in states):
                    return None
                self._wait()
            joined = [member for member in self._members if member.state == "joined"]
            start = min(member.start for member in joined)
            for member in joined:
                member.state, member.position, member.ended, member.error = "reading", start, False, None
                member.queue.clear()
                member.queued_bytes, member.detached, member.blocked_seconds = 0, False, 0.0
            self._running = True
            self._changed.notify_all()
            return joined

    def _distribute(self, blocks: t.Iterator[Buffer], joined: t.Sequence[Subscriber]) -> None:
        began = time.monotonic()
        for block in blocks:
            with self._changed:
                self._make_room(joined, began)
                reading = self._reading(joined)
                if not reading:
                    return
                for member in reading:
                    member.queue.append(block)
                    member.queued_bytes += len(block)
                self._changed.notify_all()

    @staticmethod
    def _reading(joined: t.Sequence[Subscriber]) -> list[Subscriber]:
        return [member for member in joined if member.state == "reading" and not member.detached]

    def _make_room(self, joined: t.Sequence[Subscriber], began: float) -> None:
        """Wait until every buffer has room; detach a writer that blocks others for too long."""
        while True:
            reading = self._reading(joined)
            full = [member for member in reading if member.queued_bytes >= self._buffer_bytes]
            if not full:
                return
            others_wait = any(not member.queue for member in reading)
            before = time.monotonic()
            self._wait()
            if not others_wait:
                continue
            now = time.monotonic()
            for member in full:
                member.blocked_seconds += now - before
                if member.blocked_seconds > max(_BLOCKED_SECONDS, _BLOCKED_SHARE * (now - began)):
                    member.detached = True
                    self._changed.notify_all()

    def _end_round(self, joined: t.Sequence[Subscriber], error: BackhaulError | None) -> None:
        with self._changed:
            self._running = False
            for member in joined:
                member.ended, member.error = True, error
            self._changed.notify_all()

    # Called by the writers' threads.

    def set_state(self, member: Subscriber, state: str) -> None:
        """Set the state of a writer and empty its buffer."""
        with self._changed:
            member.state = state
            member.queue.clear()
            self._changed.notify_all()

    def join(self, member: Subscriber, start: int) -> bool:
        """Wait for the next shared read; return False when one has started without this writer."""
        with self._changed:
            if self._running:
                member.state = "idle"
                self._changed.notify_all()
                return False
            member.state, member.start = "joined", start
            self._changed.notify_all()
            while member.state == "joined":
                self._wait()
            return True

    def next_block(self, member: Subscriber) -> Buffer | None:
        """Return the next block; None at the end of the file, and after the writer was detached."""
        with self._changed:
            while not member.queue:
                if member.error is not None:
                    raise member.error.copy()
                if member.ended or member.detached:
                    return None
                self._wait()
            block = member.queue.popleft()
            member.queued_bytes -= len(block)
            member.position += len(block)
            self._changed.notify_all()
            return block


class SharedBlocks:
    """The block source of one writer in a shared read; falls back to a separate read."""

    def __init__(self, shared: SharedRead, member: Subscriber, own: PrivateRead) -> None:
        self._shared = shared
        self._member = member
        self._own = own
        self._reads_alone = False

    def preparing(self) -> None:
        """Make the next shared read wait for this writer, up to ``PATIENCE_SECONDS``."""
        self._shared.set_state(self._member, "preparing")

    def idle(self) -> None:
        """Make no shared read wait for this writer."""
        self._shared.set_state(self._member, "idle")

    def leave(self) -> None:
        """Take no more part in the shared read."""
        self._shared.set_state(self._member, "gone")

    def blocks(self, start: int) -> t.Generator[Buffer, None, None]:
        """Yield the blocks of the shared read from ``start`` on; after a detachment, the rest by a separate read."""
        self._reads_alone = not self._shared.join(self._member, start)
        if not self._reads_alone:
            while (block := self._shared.next_block(self._member)) is not None:
                before_start = start - (self._member.position - len(block))
                if before_start < len(block):
                    yield memoryview(block)[max(before_start, 0) :]
            if not self._member.detached:
                return
            start = max(start, self._member.position)
            self._reads_alone = True
        yield from self._own.blocks(start)

    def forget(self) -> None:
        """Close the connection that the content came over."""
        if self._reads_alone:
            self._own.forget()
