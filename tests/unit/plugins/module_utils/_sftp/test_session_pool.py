# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Additional sessions: opened once, and closed where a server allows few."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session_pool import (
    MAX_STREAMS,
    SessionPool,
    wanted_streams,
)
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp, MemoryDuplex


class Opener:
    """Opens up to ``allowed`` sessions of a fake server; with ``held``, only after ``release``."""

    def __init__(self, *, allowed: int = 100, held: bool = False) -> None:
        self.allowed = allowed
        self.duplexes: list[MemoryDuplex] = []
        self.calls = 0
        self._lock = threading.Lock()
        self.release = threading.Event()
        if not held:
            self.release.set()

    def __call__(self) -> Session:
        self.release.wait(10)
        with self._lock:
            self.calls += 1
            if self.calls > self.allowed:
                raise LinkError("server_busy", "no more channels")
            self.duplexes.append(MemoryDuplex(FakeSftp()))
            return Session(self.duplexes[-1], timeouts=Timeouts())

    def closed(self) -> int:
        return sum(duplex.closed for duplex in self.duplexes)


def pool(opener: Opener | None, *, fixed: int | None = None, round_trip: float = 0.1) -> SessionPool:
    first = Session(MemoryDuplex(FakeSftp()), timeouts=Timeouts())
    first.round_trip_seconds = round_trip
    return SessionPool(first, opener, fixed=fixed)


def when_opened(opener: Opener, found: SessionPool, count: int) -> list[Session]:
    """Return the usable sessions after ``count`` were tried: each is open or refused."""
    expected = min(count, opener.allowed)
    deadline = time.monotonic() + 10
    while (opener.calls < count or len(found.usable()) < expected) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found.usable()


@pytest.mark.parametrize(
    ("round_trip", "count"), [(0.0, 1), (0.0005, 1), (0.01, 1), (0.02, 2), (0.1, 8), (3.0, 8), (float("inf"), 1)]
)
def test_the_number_of_channels_follows_from_the_round_trip(round_trip: float, count: int) -> None:
    assert wanted_streams(round_trip) == min(count, MAX_STREAMS)


def test_what_the_user_asks_for_is_opened_once() -> None:
    opener = Opener()
    found = pool(opener, fixed=4, round_trip=0.0)
    found.ensure()
    found.ensure()
    assert len(when_opened(opener, found, 3)) == 3
    found.ensure()
    assert opener.calls == 3


@pytest.mark.parametrize(("fixed", "round_trip"), [(1, 0.1), (None, 0.0001)])
def test_one_channel_is_enough_where_that_was_asked_for_or_the_link_is_short(
    fixed: int | None, round_trip: float
) -> None:
    opener = Opener()
    found = pool(opener, fixed=fixed, round_trip=round_trip)
    found.ensure()
    assert (opener.calls, found.usable()) == (0, [])


def test_without_a_way_to_open_more_there_are_none() -> None:
    found = pool(None, fixed=4)
    found.ensure()
    assert found.usable() == []


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_a_server_that_allows_fewer_is_not_asked_again(allowed: int) -> None:
    opener = Opener(allowed=allowed)
    found = pool(opener, fixed=4)
    found.ensure()
    assert len(when_opened(opener, found, 3)) == allowed
    found.ensure()
    assert opener.calls == 3


def test_closing_closes_those_that_open_only_later() -> None:
    opener = Opener(held=True)
    found = pool(opener, fixed=3)
    found.ensure()
    found.close()
    opener.release.set()
    deadline = time.monotonic() + 10
    while opener.closed() < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (opener.closed(), found.usable()) == (2, [])


def test_a_session_that_is_discarded_is_closed_and_not_used_again() -> None:
    opener = Opener()
    found = pool(opener, fixed=3)
    found.ensure()
    one, other = when_opened(opener, found, 2)
    found.discard(one)
    assert found.usable() == [other]
    assert opener.closed() == 1


def nothing() -> None:
    """Do nothing while a command runs."""


class Busy:
    """Refuses a command as busy ``busy_replies`` times, then runs it."""

    def __init__(self, busy_replies: int) -> None:
        self.busy_replies = busy_replies
        self.calls = 0

    def __call__(
        self,
        command: str,
        *,
        stdin: bytes,
        timeout_seconds: float,
        limit_bytes: int,
        waiting: t.Callable[[], None],
    ) -> tuple[int, bytes]:
        self.calls += 1
        if self.calls > self.busy_replies:
            return 0, stdin
        try:
            raise LinkError("server_busy", "no more channels")
        except LinkError as exc:
            raise RemoteError("unsupported", "no command") from exc


def test_a_command_without_a_free_channel_closes_the_sessions_and_is_tried_again() -> None:
    opener = Opener()
    found = pool(opener, fixed=3)
    found.ensure()
    when_opened(opener, found, 2)
    run = found.yielding(Busy(2))
    assert run("x", stdin=b"in", timeout_seconds=1, limit_bytes=1, waiting=nothing) == (0, b"in")
    assert (found.usable(), opener.closed()) == ([], 2)


def test_a_command_is_not_tried_again_without_sessions_to_close() -> None:
    busy = Busy(2)
    with pytest.raises(RemoteError):
        pool(Opener()).yielding(busy)("x", stdin=b"", timeout_seconds=1, limit_bytes=1, waiting=nothing)
    assert busy.calls == 1
