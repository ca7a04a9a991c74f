# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and destinations: which sessions they use, when a destination is given up, and that none harms another."""

from __future__ import annotations

import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import (
    BackhaulError,
    LinkError,
    RemoteError,
    TrustError,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_jobs import BytesInFlight, FileRunner
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_set import FileJob, FileSet
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import Request, TaskTimeout
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import DESTINATION, MemoryPool, MemoryServer
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import SOURCE as MEMORY_SOURCE
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import COPY_PARAMETERS

COUNT = 40
SOURCE = Endpoint(role="source", host="source")


class World:
    """Ends on the local file system, of which some cannot be reached."""

    def __init__(self, refusing: t.Mapping[Endpoint, BackhaulError | BaseException]) -> None:
        self.refusing = refusing
        self.asked: list[Endpoint] = []
        self.users: dict[tuple[Endpoint, int], set[int]] = {}

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> FileSystem:
        self.asked.append(endpoint)
        self.users.setdefault((endpoint, session_number), set()).add(threading.get_ident())
        error = self.refusing.get(endpoint)
        if error is not None:
            raise error.copy() if isinstance(error, BackhaulError) else error
        return LocalFileSystem()

    def forget(self, endpoint: Endpoint, session_number: int = 0) -> None: ...

    def job_key(self, *endpoints: Endpoint) -> bytes:
        return b""


def _end(name: str) -> Endpoint:
    return Endpoint(role="destination", host=name)


def _runner(tmp_path: Path, world: World, *names: str, **more: t.Any) -> FileRunner:
    file_sets = []
    for name in names:
        top = tmp_path / name
        top.mkdir()
        jobs = []
        for number in range(COUNT):
            file = tmp_path / f"file-{number}"
            file.write_bytes(b"%d" % number)
            destination = Destination(_end(name), bytes(top / file.name))
            jobs.append(FileJob(bytes(file), destination, RelayOptions(), bytes(file), 2))
        file_sets.append(FileSet(_end(name), bytes(top), jobs=tuple(jobs)))
    return FileRunner(Request({**COPY_PARAMETERS, **more}, False, False), world, SOURCE, file_sets)


def _states(runner: FileRunner, number: int) -> list[str]:
    return [run.reports[number].entry["state"] for run in runner.runs]


def _not_tried(runner: FileRunner, number: int) -> int:
    errors = [run.reports[number].error for run in runner.runs]
    return sum(1 for error in errors if error is not None and error.details.get("not_tried"))


def test_everything_arrives_and_every_file_is_read_once(tmp_path: Path) -> None:
    runner = _runner(tmp_path, World({}), "one", "two", "three")
    runner.run()
    for number in range(3):
        assert _states(runner, number) == ["created"] * COUNT
        assert runner.lost(number) is None
    assert sum(run.bytes_read for run in runner.runs) == sum(len(str(number)) for number in range(COUNT))


def test_files_are_brought_one_after_the_other_where_that_is_asked_for(tmp_path: Path) -> None:
    world = World({})
    runner = _runner(tmp_path, world, "one", streams=1)
    runner.run()
    assert _states(runner, 0) == ["created"] * COUNT
    assert len({session for end, session in world.users if end == _end("one")}) == 1


@pytest.mark.parametrize("error", [LinkError("connect_failed", "no"), TrustError("host_key_unknown", "no")])
def test_a_destination_that_is_out_of_reach_is_given_up_and_the_others_get_all(
    tmp_path: Path, error: BackhaulError
) -> None:
    world = World({_end("gone"): error.with_location(role="destination")})
    runner = _runner(tmp_path, world, "one", "gone")
    runner.run()
    assert _states(runner, 0) == ["created"] * COUNT
    assert _states(runner, 1) == ["failed"] * COUNT
    assert _not_tried(runner, 1) > COUNT // 2
    assert runner.lost(1) is not None


def test_nothing_is_tried_for_ever_when_the_source_is_gone(tmp_path: Path) -> None:
    world = World({SOURCE: LinkError("connect_failed", "no", role="source")})
    runner = _runner(tmp_path, world, "one", "two")
    runner.run()
    assert _states(runner, 0) == _states(runner, 1) == ["failed"] * COUNT
    assert len(world.asked) < COUNT
    assert _not_tried(runner, 0) > COUNT // 2


def test_when_the_time_is_up_every_file_has_a_report(tmp_path: Path) -> None:
    runner = _runner(tmp_path, World({SOURCE: TaskTimeout()}), "one", "two")
    runner.run()
    codes = {run.reports[number].error.code for run in runner.runs for number in range(2)}  # type: ignore[union-attr]
    assert codes == {"timed_out"}


def test_destinations_on_one_server_have_sessions_of_their_own(tmp_path: Path) -> None:
    world = World({})
    runner = _runner(tmp_path, world, "one")
    second = [
        FileJob(job.source, Destination(_end("one"), job.destination.path + b"-2"), job.options, None)
        for job in (run.jobs[0] for run in runner.runs)
    ]
    file_sets = [
        FileSet(_end("one"), b"", jobs=tuple(run.jobs[0] for run in runner.runs)),
        FileSet(_end("one"), b"", jobs=tuple(second)),
    ]
    both = FileRunner(Request(COPY_PARAMETERS, False, False), world, SOURCE, file_sets)
    both.run()
    assert _states(both, 0) == _states(both, 1) == ["created"] * COUNT
    sessions = {session for endpoint, session in world.users if endpoint == _end("one")}
    assert len(sessions) == 8


def link_lost() -> BackhaulError:
    return LinkError("link_lost", "the link broke", role="source")


def refused() -> BackhaulError:
    return TrustError("authentication_refused", "no", role="source")


def not_found() -> BackhaulError:
    return RemoteError("not_found", "gone", role="source")


class Failing(World):
    """Fails the source of one file after the other as ``errors`` say."""

    def __init__(self, errors: t.Sequence[t.Callable[[], BackhaulError] | None]) -> None:
        super().__init__({})
        self._errors = list(errors)
        self.tried = 0

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> FileSystem:
        if endpoint == SOURCE:
            error = self._errors[self.tried] if self.tried < len(self._errors) else None
            if error is not None:
                self.tried += 1
                raise error()
        return super().file_system(endpoint, session_number)


@pytest.mark.parametrize(
    ("errors", "failed", "untried"),
    [
        ([not_found] * 4, 4, 0),
        ([link_lost, not_found, link_lost], 3, 0),
        ([link_lost, link_lost], 2, COUNT - 2),
        ([refused], 1, COUNT - 1),
    ],
)
def test_nothing_is_tried_once_no_other_file_can_succeed(
    tmp_path: Path, errors: list[t.Callable[[], BackhaulError] | None], failed: int, untried: int
) -> None:
    runner = _runner(tmp_path, Failing(errors), "one", streams=1)
    runner.run()
    assert _states(runner, 0).count("failed") == failed + untried
    assert _not_tried(runner, 0) == untried
    for run in runner.runs[failed:]:
        assert run.reports[0].entry["attempts"] == (0 if untried else 1)


def test_workers_share_their_connections() -> None:
    source, destination = MemoryServer(), MemoryServer()
    jobs = []
    for number in range(4):
        path = b"/in/%d" % number
        jobs.append(FileJob(path, Destination(DESTINATION, b"/out/%d" % number), RelayOptions(), name=path))
        if number < 3:
            source.put(path, b"content")
    pool = MemoryPool(source=source, destination=destination)
    file_set = FileSet(DESTINATION, b"/out", jobs=tuple(jobs))
    runner = FileRunner(Request(COPY_PARAMETERS, False, False), pool, MEMORY_SOURCE, [file_set])
    runner.run()
    assert _states(runner, 0) == ["created", "created", "created", "failed"]
    assert destination.content(b"/out/2") == b"content"
    assert (source.connections, destination.connections) == (1, 1)


def test_files_come_after_their_directories() -> None:
    source, destination = MemoryServer(), MemoryServer(directories={b"/", b"/out"})
    source.put(b"/in/a", b"content")
    job = FileJob(b"/in/a", Destination(DESTINATION, b"/out/x/a"), RelayOptions(), name=b"/in/a")
    whole = FileSet(DESTINATION, b"/out", directories=(b"/out", b"/out/x"), jobs=(job,))
    pool = MemoryPool(source=source, destination=destination)
    runner = FileRunner(Request(COPY_PARAMETERS, False, False), pool, MEMORY_SOURCE, [whole])
    runner.run()
    assert [report.entry["state"] for report in (*runner.directories[0], runner.runs[0].reports[0])] == ["created"] * 2
    assert destination.content(b"/out/x/a") == b"content"


def test_bytes_in_flight_are_limited_and_a_file_larger_than_the_limit_gets_through() -> None:
    in_flight, held = BytesInFlight(10), []
    most = 0

    def take(size: int) -> None:
        nonlocal most
        with in_flight.reserved(size):
            held.append(size)
            most = max(most, sum(min(part, 10) for part in held))
            time.sleep(0.01)
            held.remove(size)

    threads = [threading.Thread(target=take, args=(size,)) for size in (4, 4, 1000, 4, 10, 3, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert 0 < most <= 10
