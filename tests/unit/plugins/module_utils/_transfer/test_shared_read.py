# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read for many: every destination gets the same bytes, whatever the others do meanwhile."""

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
    MemoryEnds,
    MemoryServer,
    another,
    runtime,
)

CONTENT = bytes(range(256)) * 200
PATH, TARGET = b"/in/db.tar", b"/out/db.tar"
BLOCKS = -(-len(CONTENT) // BLOCK)
Result = t.Union[t.Tuple[Step, Outcome], BackhaulError]


class Fan:
    """A source and three destinations."""

    def __init__(self, *, buffer_bytes: int = 8 * BLOCK) -> None:
        self.source = MemoryServer()
        self.source.put(PATH, CONTENT)
        self.targets = {name: MemoryServer() for name in ("one", "two", "three")}
        self.pool = MemoryEnds(source=self.source, **self.targets)
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
def fan(monkeypatch: pytest.MonkeyPatch) -> Fan:
    """All of them, who wait for each other however busy this machine is."""
    monkeypatch.setattr(shared_read, "_BLOCKED_SECONDS", 600)
    monkeypatch.setattr(shared_read, "PATIENCE_SECONDS", 600)
    return Fan()


def test_the_source_is_read_once_for_all(fan: Fan) -> None:
    results = fan.run()
    assert [created(result).state for result in results.values()] == ["created"] * 3
    assert [server.content(TARGET) for server in fan.targets.values()] == [CONTENT] * 3
    assert fan.reads == BLOCKS + 1
    assert fan.relay is not None
    assert fan.relay.bytes_read == len(CONTENT)
    assert [server.ours() for server in fan.targets.values()] == [[]] * 3


def test_those_that_have_it_already_need_no_read(fan: Fan) -> None:
    fan.run()
    reads = fan.reads
    results = fan.run()
    assert [created(result).state for result in results.values()] == ["unchanged"] * 3
    assert fan.reads == reads


def test_one_that_refuses_does_not_stop_the_others(fan: Fan) -> None:
    fan.targets["two"].wrong["create"] = "permission_denied"
    results = fan.run()
    assert isinstance(results["two"], BackhaulError)
    assert results["two"].code == "permission_denied"
    assert {created(results[name]).state for name in ("one", "three")} == {"created"}
    assert fan.reads == BLOCKS + 1


def test_one_that_fails_in_the_middle_does_not_stop_the_others(fan: Fan) -> None:
    calls = fan.targets["two"].calls

    def full(name: str, _path: bytes) -> None:
        if [call for call, _where in calls].count("write") > 5:
            fan.targets["two"].wrong["write"] = "no_space"

    fan.targets["two"].on_call = full
    results = fan.run()
    assert isinstance(results["two"], BackhaulError)
    assert {created(results[name]).sha256 for name in ("one", "three")} == {created(results["one"]).sha256}
    assert fan.targets["two"].ours() == []
    assert fan.reads == BLOCKS + 1


def test_a_slow_one_is_detached_and_finished_by_its_own_read(fan: Fan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_read, "_BLOCKED_SECONDS", 0.05)
    others_are_done = threading.Event()

    def slow(name: str, _path: bytes) -> None:
        if name == "write" and len(fan.targets["two"].calls) > 10:
            assert others_are_done.wait(30), "the slow one was waited for"

    def both_are_there() -> bool:
        if [fan.targets[other].content(TARGET) for other in ("one", "three")] == [CONTENT, CONTENT]:
            others_are_done.set()
        return others_are_done.is_set()

    fan.targets["two"].on_call = slow
    waker = threading.Thread(target=lambda: wait_until(both_are_there))
    waker.start()
    results = fan.run()
    waker.join()
    assert [created(result).state for result in results.values()] == ["created"] * 3
    assert fan.finished[-1] == "two"
    assert fan.targets["two"].content(TARGET) == CONTENT
    assert BLOCKS + 1 < fan.reads < 2 * BLOCKS + 2  # the rest was read again, and not what it had


def wait_until(condition: t.Callable[[], bool]) -> None:
    for _look in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)


def test_memory_is_bounded_while_everybody_is_slow() -> None:
    fan = Fan(buffer_bytes=3 * BLOCK)
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

    fan.source.on_call = count_read
    for server in fan.targets.values():
        server.on_call = count_write
    fan.run()
    assert worst <= 3 + 3 + 2


def test_one_that_comes_late_is_not_waited_for(fan: Fan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_read, "PATIENCE_SECONDS", 0.05)
    reading = threading.Event()
    fan.source.on_call = lambda name, path: reading.set() if name == "read" else None
    fan.targets["three"].on_call = lambda name, path: wait_until(reading.is_set)
    results = fan.run()
    assert [created(result).state for result in results.values()] == ["created"] * 3


def test_a_source_that_is_lost_in_the_middle_is_read_again_for_all_of_them(fan: Fan) -> None:
    reads = 0

    def lose(name: str, _path: bytes) -> None:
        nonlocal reads
        reads += name == "read"
        if name == "read" and reads == 20:
            fan.source.fault(0, UNHEARD)

    fan.source.on_call = lose
    results = fan.run(retries=2)
    assert [created(result).state for result in results.values()] == ["created"] * 3
    assert [server.content(TARGET) for server in fan.targets.values()] == [CONTENT] * 3
    assert fan.pool.forgotten.count("source") == 1


def test_a_source_that_changes_is_published_nowhere(fan: Fan) -> None:
    fan.source.on_call = lambda name, path: fan.source.files[PATH].content.append(1) if name == "read" else None
    results = fan.run()
    assert {t.cast(BackhaulError, result).code for result in results.values()} == {"source_changed"}
    assert [server.content(TARGET) for server in fan.targets.values()] == [None] * 3
    assert [server.ours() for server in fan.targets.values()] == [[]] * 3


def test_a_mistake_of_ours_ends_all_and_is_raised(fan: Fan) -> None:
    def wrong(name: str, _path: bytes) -> None:
        if name == "write":
            raise ZeroDivisionError

    fan.targets["two"].on_call = wrong
    with pytest.raises(ZeroDivisionError):
        fan.run()
    assert fan.targets["one"].content(TARGET) == CONTENT


class Cancelled(BaseException):
    """What a signal's handler raises in the thread that reads."""


def test_a_cancelled_read_is_no_end_of_the_file(fan: Fan) -> None:
    def cancel(name: str, _path: bytes) -> None:
        if name == "read" and len(fan.source.calls) > 20:
            raise Cancelled

    fan.source.on_call = cancel
    source_file = SourceFile(MemoryEnds(source=fan.source), SOURCE, PATH, watch=unwatched, rate_limiter=unlimited())
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
