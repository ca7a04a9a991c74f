# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read for several destinations: each gets all bytes, however fast the others are and even if they fail."""

from __future__ import annotations

import threading
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._cancellation import CancelToken, bind
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Outcome, RelayOptions, Step
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import shared_read
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import unwatched
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination, ProgressSink
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.rate_limit import unlimited
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.shared_read import PrivateRead, SharedRead
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.source import SourceFile
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    BLOCK,
    SOURCE,
    UNHEARD,
    MemoryPool,
    MemoryServer,
    another,
    runtime,
)

CONTENT = bytes(range(256)) * 200
PATH, TARGET = b"/in/db.tar", b"/out/db.tar"
BLOCKS = -(-len(CONTENT) // BLOCK)
Result = t.Union[t.Tuple[Step, Outcome], BackhaulError]


class FanOut:
    """A source and three destinations."""

    def __init__(self, *, buffer_bytes: int = 8 * BLOCK) -> None:
        self.source = MemoryServer()
        self.source.put(PATH, CONTENT)
        self.targets = {name: MemoryServer() for name in ("one", "two", "three")}
        self.pool = MemoryPool(source=self.source, **self.targets)
        self.buffer_bytes = buffer_bytes
        self.finished: list[str] = []
        self.relay: Relay | None = None

    def run(self, *, retries: int = 0, **options: t.Any) -> dict[str, Result]:
        relay = self.relay = Relay(
            self.pool,
            SOURCE,
            PATH,
            options=RelayOptions(**options),
            retries=RetryPolicy(retries=retries),
            runtime=runtime(),
            buffer_bytes=self.buffer_bytes,
        )
        names, results = list(self.targets), {}

        def done(number: int, result: Result) -> None:
            self.finished.append(names[number])
            results[names[number]] = result

        relay.copy_to_all([Destination(another(n), TARGET) for n in names], [ProgressSink()] * len(names), done)
        return results

    @property
    def reads(self) -> int:
        return len([name for name, _path in self.source.calls if name == "read"])


def created(result: Result) -> Outcome:
    assert not isinstance(result, BackhaulError), result
    return result[1]


@pytest.fixture
def fan_out(monkeypatch: pytest.MonkeyPatch) -> FanOut:
    """Return the scene with time limits that a busy machine does not exceed."""
    monkeypatch.setattr(shared_read, "_BLOCKED_SECONDS", 600)
    monkeypatch.setattr(shared_read, "PATIENCE_SECONDS", 600)
    return FanOut()


def test_the_source_is_read_once_for_all(fan_out: FanOut) -> None:
    results = fan_out.run()
    assert [created(result).state for result in results.values()] == ["created"] * 3
    assert [server.content(TARGET) for server in fan_out.targets.values()] == [CONTENT] * 3
    assert fan_out.reads == BLOCKS + 1
    assert fan_out.relay is not None
    assert fan_out.relay.bytes_read == len(CONTENT)
    assert [server.ours() for server in fan_out.targets.values()] == [[]] * 3


def test_destinations_that_are_up_to_date_need_no_read(fan_out: FanOut) -> None:
    fan_out.run()
    reads = fan_out.reads
    results = fan_out.run()
    assert [created(result).state for result in results.values()] == ["unchanged"] * 3
    assert fan_out.reads == reads


def test_one_that_refuses_does_not_stop_the_others(fan_out: FanOut) -> None:
    fan_out.targets["two"].wrong["create"] = "permission_denied"
    results = fan_out.run()
    assert isinstance(results["two"], BackhaulError)
    assert results["two"].code == "permission_denied"
    assert {created(results[name]).state for name in ("one", "three")} == {"created"}
    assert fan_out.reads == BLOCKS + 1


def test_one_that_fails_in_the_middle_does_not_stop_the_others(fan_out: FanOut) -> None:
    calls = fan_out.targets["two"].calls

    def full(name: str, _path: bytes) -> None:
        if [call for call, _where in calls].count("write") > 5:
            fan_out.targets["two"].wrong["write"] = "no_space"

    fan_out.targets["two"].on_call = full
    results = fan_out.run()
    assert isinstance(results["two"], BackhaulError)
    assert {created(results[name]).sha256 for name in ("one", "three")} == {created(results["one"]).sha256}
    assert fan_out.targets["two"].ours() == []
    assert fan_out.reads == BLOCKS + 1


def test_a_slow_one_is_detached_and_finished_by_its_own_read(fan_out: FanOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_read, "_BLOCKED_SECONDS", 0.05)
    others_are_done = threading.Event()

    def slow(name: str, _path: bytes) -> None:
        if name == "write" and len(fan_out.targets["two"].calls) > 10:
            assert others_are_done.wait(30), "the slow one was waited for"

    def both_are_there() -> bool:
        if [fan_out.targets[other].content(TARGET) for other in ("one", "three")] == [CONTENT, CONTENT]:
            others_are_done.set()
        return others_are_done.is_set()

    fan_out.targets["two"].on_call = slow
    waker = threading.Thread(target=lambda: wait_until(both_are_there))
    waker.start()
    results = fan_out.run()
    waker.join()
    assert [created(result).state for result in results.values()] == ["created"] * 3
    assert fan_out.finished[-1] == "two"
    assert fan_out.targets["two"].content(TARGET) == CONTENT
    assert BLOCKS + 1 < fan_out.reads < 2 * BLOCKS + 2  # only the rest was read again


def wait_until(condition: t.Callable[[], bool]) -> None:
    for _look in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)


def test_memory_is_bounded_while_all_are_slow() -> None:
    fan_out = FanOut(buffer_bytes=3 * BLOCK)
    read = written = worst = 0

    def count_read(name: str, _path: bytes) -> None:
        nonlocal read
        read += name == "read"

    def count_write(name: str, _path: bytes) -> None:
        nonlocal written, worst
        if name == "write":
            written += 1
            worst = max(worst, read - written // 3)
            threading.Event().wait(0.001)

    fan_out.source.on_call = count_read
    for server in fan_out.targets.values():
        server.on_call = count_write
    fan_out.run()
    assert worst <= 3 + 3 + 2


def test_the_read_does_not_wait_for_a_late_writer(fan_out: FanOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_read, "PATIENCE_SECONDS", 0.05)
    reading = threading.Event()
    fan_out.source.on_call = lambda name, path: reading.set() if name == "read" else None
    fan_out.targets["three"].on_call = lambda name, path: wait_until(reading.is_set)
    results = fan_out.run()
    assert [created(result).state for result in results.values()] == ["created"] * 3


def test_a_source_that_is_lost_in_the_middle_is_read_again_for_all_of_them(fan_out: FanOut) -> None:
    reads = 0

    def lose(name: str, _path: bytes) -> None:
        nonlocal reads
        reads += name == "read"
        if name == "read" and reads == 20:
            fan_out.source.fault(0, UNHEARD)

    fan_out.source.on_call = lose
    results = fan_out.run(retries=2)
    assert [created(result).state for result in results.values()] == ["created"] * 3
    assert [server.content(TARGET) for server in fan_out.targets.values()] == [CONTENT] * 3
    assert fan_out.pool.forgotten.count("source") == 1


def test_a_source_that_changes_is_published_nowhere(fan_out: FanOut) -> None:
    fan_out.source.on_call = lambda name, path: fan_out.source.files[PATH].content.append(1) if name == "read" else None
    results = fan_out.run()
    assert {t.cast(BackhaulError, result).code for result in results.values()} == {"source_changed"}
    assert [server.content(TARGET) for server in fan_out.targets.values()] == [None] * 3
    assert [server.ours() for server in fan_out.targets.values()] == [[]] * 3


def test_a_defect_in_a_writer_is_raised_after_all_have_ended(fan_out: FanOut) -> None:
    def wrong(name: str, _path: bytes) -> None:
        if name == "write":
            raise ZeroDivisionError

    fan_out.targets["two"].on_call = wrong
    with pytest.raises(ZeroDivisionError):
        fan_out.run()
    assert fan_out.targets["one"].content(TARGET) == CONTENT


class Cancelled(BaseException):
    """The exception that a signal handler raises in the thread that reads."""


def test_a_cancelled_read_is_no_end_of_the_file(fan_out: FanOut) -> None:
    def cancel(name: str, _path: bytes) -> None:
        if name == "read" and len(fan_out.source.calls) > 20:
            raise Cancelled

    fan_out.source.on_call = cancel
    source_file = SourceFile(MemoryPool(source=fan_out.source), SOURCE, PATH, watch=unwatched, rate_limiter=unlimited())
    assert source_file.source.size == len(CONTENT)
    common = SharedRead(source_file, buffer_bytes=len(CONTENT))
    member, token = common.member(PrivateRead(source_file)), CancelToken()
    pool: list[t.Union[int, str]] = []

    def write() -> None:
        bind(token)
        try:
            pool.append(len(b"".join(map(bytes, member.blocks(0)))))
        except Cancelled:
            pool.append("cancelled")

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(Cancelled):
        common.serve()
    writer.join(0.5)
    assert pool == []
    token.error = Cancelled()
    writer.join(30)
    assert pool == ["cancelled"]
