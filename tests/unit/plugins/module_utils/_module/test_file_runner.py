# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A convoy of many files: which lanes it uses, and when it gives a destination up."""

from __future__ import annotations

import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_jobs import FileJob, FileSet
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_runner import BytesInFlight, FileRunner
from ansible_collections.backhaul.sftp.plugins.module_utils._module.progress import ProgressLog
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import TaskTimeout
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.rate_limit import unlimited

COUNT = 40
MIB = 1024 * 1024
SOURCE = Endpoint(role="source", host="source")


class World:
    """Ends on the local file system, of which some cannot be reached."""

    def __init__(self, refusing: t.Mapping[Endpoint, BackhaulError | BaseException]) -> None:
        self.refusing = refusing
        self.asked: list[Endpoint] = []
        self.users: dict[tuple[Endpoint, int], set[int]] = {}

    def file_system(self, endpoint: Endpoint, lane: int = 0) -> FileSystem:
        self.asked.append(endpoint)
        self.users.setdefault((endpoint, lane), set()).add(threading.get_ident())
        error = self.refusing.get(endpoint)
        if error is not None:
            raise error.copy() if isinstance(error, BackhaulError) else error
        return LocalFileSystem()

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None: ...

    def job_key(self, *endpoints: Endpoint) -> bytes:
        return b""


def _end(name: str) -> Endpoint:
    return Endpoint(role="destination", host=name)


def _convoy(tmp_path: Path, world: World, *names: str, **more: t.Any) -> FileRunner:
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
    return FileRunner(
        world,
        SOURCE,
        file_sets,
        retries=RetryPolicy(retries=0),
        check_mode=False,
        log=ProgressLog(),
        rate_limiter=unlimited(),
        buffer_bytes=1024,
        in_flight_bytes=MIB,
        **more,
    )


def _states(runner: FileRunner, number: int) -> list[str]:
    return [run.reports[number].entry["state"] for run in runner.runs]


def _not_tried(runner: FileRunner, number: int) -> int:
    errors = [run.reports[number].error for run in runner.runs]
    return sum(1 for error in errors if error is not None and error.details.get("not_tried"))


def test_everything_arrives_and_every_file_is_read_once(tmp_path: Path) -> None:
    runner = _convoy(tmp_path, World({}), "one", "two", "three")
    runner.carry()
    for number in range(3):
        assert _states(runner, number) == ["created"] * COUNT
        assert runner.lost(number) is None
    assert sum(run.bytes_read for run in runner.runs) == sum(len(str(number)) for number in range(COUNT))


def test_files_are_brought_one_after_the_other_where_that_is_asked_for(tmp_path: Path) -> None:
    world = World({})
    runner = _convoy(tmp_path, world, "one", max_sessions=1)
    runner.carry()
    assert _states(runner, 0) == ["created"] * COUNT
    assert len({lane for end, lane in world.users if end == _end("one")}) == 1


@pytest.mark.parametrize("error", [LinkError("connect_failed", "no"), TrustError("host_key_unknown", "no")])
def test_a_destination_that_is_out_of_reach_is_given_up_and_the_others_get_all(
    tmp_path: Path, error: BackhaulError
) -> None:
    world = World({_end("gone"): error.with_location(role="destination")})
    runner = _convoy(tmp_path, world, "one", "gone")
    runner.carry()
    assert _states(runner, 0) == ["created"] * COUNT
    assert _states(runner, 1) == ["failed"] * COUNT
    assert _not_tried(runner, 1) > COUNT // 2
    assert runner.lost(1) is not None


def test_nothing_is_tried_for_ever_when_the_source_is_gone(tmp_path: Path) -> None:
    world = World({SOURCE: LinkError("connect_failed", "no", role="source")})
    runner = _convoy(tmp_path, world, "one", "two")
    runner.carry()
    assert _states(runner, 0) == _states(runner, 1) == ["failed"] * COUNT
    assert len(world.asked) < COUNT
    assert _not_tried(runner, 0) > COUNT // 2


def test_when_the_time_is_up_every_file_has_a_report(tmp_path: Path) -> None:
    runner = _convoy(tmp_path, World({SOURCE: TaskTimeout()}), "one", "two")
    runner.carry()
    codes = {run.reports[number].error.code for run in runner.runs for number in range(2)}  # type: ignore[union-attr]
    assert codes == {"timed_out"}


def test_destinations_on_one_server_have_lanes_of_their_own(tmp_path: Path) -> None:
    world = World({})
    runner = _convoy(tmp_path, world, "one")
    second = [
        FileJob(job.source, Destination(_end("one"), job.destination.path + b"-2"), job.options, None)
        for job in (run.jobs[0] for run in runner.runs)
    ]
    file_sets = [
        FileSet(_end("one"), b"", jobs=tuple(run.jobs[0] for run in runner.runs)),
        FileSet(_end("one"), b"", jobs=tuple(second)),
    ]
    both = FileRunner(
        world,
        SOURCE,
        file_sets,
        retries=RetryPolicy(retries=0),
        check_mode=False,
        log=ProgressLog(),
        rate_limiter=unlimited(),
        buffer_bytes=1024,
        in_flight_bytes=MIB,
    )
    both.carry()
    assert _states(both, 0) == _states(both, 1) == ["created"] * COUNT
    lanes = {lane for endpoint, lane in world.users if endpoint == _end("one")}
    assert len(lanes) == 8


def test_a_ration_holds_back_what_does_not_fit_and_lets_a_file_through_that_never_could() -> None:
    ration, held = BytesInFlight(10), []
    most = 0

    def take(size: int) -> None:
        nonlocal most
        with ration.taken(size):
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
