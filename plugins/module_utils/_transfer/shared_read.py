# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Where the writers of copies get the source's content from: each by its own read, or all from one."""

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

# How long those who are ready wait for those who are still looking before the common read starts without them.
PATIENCE_SECONDS = 5.0
# How much longer the others may be held up by one that is slow: a share of the time so far, and never less than this.
_BLOCKED_SHARE = 0.15
_BLOCKED_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 0.25


class BlockSource(t.Protocol):
    """What a writer knows of its source."""

    def preparing(self) -> None:
        """Say that an attempt begins which may need content."""

    def idle(self) -> None:
        """Say that nothing is needed, for now or for good."""

    def blocks(self, start: int) -> t.Generator[Buffer, None, None]:
        """Yield the content from ``start`` on; see :meth:`Origin.blocks`."""

    def forget(self) -> None:
        """Close the connection that the content came over: it is broken."""


class PrivateRead:
    """A read for one writer alone."""

    def __init__(self, source_file: SourceFile, *, lane: int = 0) -> None:
        self._source_file = source_file
        self._lane = lane

    def preparing(self) -> None: ...

    def idle(self) -> None: ...

    def blocks(self, start: int) -> t.Generator[Buffer, None, None]:
        """Read the source."""
        return self._source_file.blocks(start, lane=self._lane)

    def forget(self) -> None:
        """Close the connection of this lane."""
        self._source_file.forget(self._lane)


class Subscriber:
    """What one writer takes part in; everything here is guarded by the common read's condition."""

    def __init__(self) -> None:
        self.state = "preparing"  # or "joined", "reading", "idle"
        self.start = 0
        self.position = 0
        self.queue: collections.deque[Buffer] = collections.deque()
        self.queued_bytes = 0
        self.ended = False
        self.detached = False
        self.error: BackhaulError | None = None
        self.held_up_seconds = 0.0


class SharedRead:
    """One read of the source for all that need it at about the same time; ``serve`` is run by a thread of its own.

    At most ``lag_bytes`` are kept for those that are behind. Whoever holds up the others for too large a part of
    the time is detached, and goes on by a read of its own. So does whoever comes while a read is under way already.
    """

    def __init__(self, source_file: SourceFile, *, buffer_bytes: int) -> None:
        self._source_file = source_file
        self._buffer_bytes = buffer_bytes
        self._members: list[Subscriber] = []
        self._changed = threading.Condition()
        self._running = False

    def member(self, own: PrivateRead) -> SharedBlocks:
        """Return the supply of one more writer, which is counted on from now; before ``serve`` only."""
        subscription = Subscriber()
        self._members.append(subscription)
        return SharedBlocks(self, subscription, own)

    def serve(self) -> None:
        """Read the source as often as several writers are waiting for it, until none will need it any more."""
        while (joined := self._next_round()) is not None:
            try:
                with (
                    self._source_file.reserved(),
                    contextlib.closing(
                        self._source_file.blocks(min(member.start for member in joined), lane=0)
                    ) as blocks,
                ):
                    self._hand_out(blocks, joined)
            except BackhaulError as exc:
                if exc.breaks_link:
                    self._source_file.forget(0)
                self._end_round(joined, exc)
            else:
                self._end_round(joined, None)

    def _wait(self, seconds: float = _LONGEST_WAIT_SECONDS) -> None:
        self._changed.wait(min(seconds, _LONGEST_WAIT_SECONDS))
        checkpoint()

    def _next_round(self) -> list[Subscriber] | None:
        """Wait until nobody is preparing any more, or those who are ready have waited enough; None at the end."""
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
            begin = min(member.start for member in joined)
            for member in joined:
                member.state, member.position, member.ended, member.error = "reading", begin, False, None
                member.queue.clear()
                member.queued_bytes, member.detached, member.held_up_seconds = 0, False, 0.0
            self._running = True
            self._changed.notify_all()
            return joined

    def _hand_out(self, blocks: t.Iterator[Buffer], joined: t.Sequence[Subscriber]) -> None:
        began = time.monotonic()
        for piece in blocks:
            with self._changed:
                self._make_room(joined, began)
                reading = self._reading(joined)
                if not reading:
                    return
                for member in reading:
                    member.queue.append(piece)
                    member.queued_bytes += len(piece)
                self._changed.notify_all()

    @staticmethod
    def _reading(joined: t.Sequence[Subscriber]) -> list[Subscriber]:
        return [member for member in joined if member.state == "reading" and not member.detached]

    def _make_room(self, joined: t.Sequence[Subscriber], began: float) -> None:
        """Wait until everybody has room; detach whoever keeps others idle for too long."""
        while True:
            reading = self._reading(joined)
            full = [member for member in reading if member.queued_bytes >= self._buffer_bytes]
            if not full:
                return
            starving = any(not member.queue for member in reading)
            before = time.monotonic()
            self._wait()
            if not starving:
                continue
            now = time.monotonic()
            for member in full:
                member.held_up_seconds += now - before
                if member.held_up_seconds > max(_BLOCKED_SECONDS, _BLOCKED_SHARE * (now - began)):
                    member.detached = True
                    self._changed.notify_all()

    def _end_round(self, joined: t.Sequence[Subscriber], error: BackhaulError | None) -> None:
        with self._changed:
            self._running = False
            for member in joined:
                member.ended, member.error = True, error
            self._changed.notify_all()

    # What the writers' threads call.

    def set_state(self, member: Subscriber, state: str) -> None:
        """Take note of what a writer is about."""
        with self._changed:
            member.state = state
            member.queue.clear()
            self._changed.notify_all()

    def join(self, member: Subscriber, start: int) -> bool:
        """Wait for the next common read; False when one is under way that started without this writer."""
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

    def take(self, member: Subscriber) -> Buffer | None:
        """Return the next piece; None at the end, and when nothing more comes because the writer was detached."""
        with self._changed:
            while not member.queue:
                if member.error is not None:
                    raise member.error.copy()
                if member.ended or member.detached:
                    return None
                self._wait()
            piece = member.queue.popleft()
            member.queued_bytes -= len(piece)
            member.position += len(piece)
            self._changed.notify_all()
            return piece


class SharedBlocks:
    """The part of one writer in a common read, with a read of its own to fall back on (a ``Supply``)."""

    def __init__(self, common: SharedRead, member: Subscriber, own: PrivateRead) -> None:
        self._common = common
        self._member = member
        self._own = own
        self._reads_alone = False

    def preparing(self) -> None:
        """Let the others wait a little for what this attempt will need."""
        self._common.set_state(self._member, "preparing")

    def idle(self) -> None:
        """Let nobody wait for this writer."""
        self._common.set_state(self._member, "idle")

    def leave(self) -> None:
        """Need nothing any more."""
        self._common.set_state(self._member, "gone")

    def blocks(self, start: int) -> t.Generator[Buffer, None, None]:
        """Yield what the common read brings, from ``start`` on, and the rest by a read of its own if need be."""
        self._reads_alone = not self._common.join(self._member, start)
        if not self._reads_alone:
            while (piece := self._common.take(self._member)) is not None:
                before_start = start - (self._member.position - len(piece))
                if before_start < len(piece):
                    yield memoryview(piece)[max(before_start, 0) :]
            if not self._member.detached:
                return
            start = max(start, self._member.position)
            self._reads_alone = True
        yield from self._own.blocks(start)

    def forget(self) -> None:
        """Close the connection that the content came over."""
        if self._reads_alone:
            self._own.forget()
