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

from ansible_collections.backhaul.sftp.plugins.module_utils._engine.pace import unlimited
from ansible_collections.backhaul.sftp.plugins.module_utils._engine.shipment import Destination
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.convoy import Convoy, Ration
from ansible_collections.backhaul.sftp.plugins.module_utils._module.many import FileJob, Load
from ansible_collections.backhaul.sftp.plugins.module_utils._module.progress import ProgressLog
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import TimeIsUp
from ansible_collections.backhaul.sftp.plugins.module_utils._rules.retry import RetryPolicy

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
            raise error.again() if isinstance(error, BackhaulError) else error
        return LocalFileSystem()

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None: ...

    def job_key(self, *endpoints: Endpoint) -> bytes:
        return b""


def _end(name: str) -> Endpoint:
    return Endpoint(role="destination", host=name)


def _convoy(tmp_path: Path, world: World, *names: str, **more: t.Any) -> Convoy:
    loads = []
    for name in names:
        top = tmp_path / name
        top.mkdir()
        jobs = []
        for number in range(COUNT):
            file = tmp_path / f"file-{number}"
            file.write_bytes(b"%d" % number)
            destination = Destination(_end(name), bytes(top / file.name))
            jobs.append(FileJob(bytes(file), destination, RelayOptions(), bytes(file), 2))
        loads.append(Load(_end(name), bytes(top), jobs=tuple(jobs)))
    return Convoy(
        world,
        SOURCE,
        loads,
        retries=RetryPolicy(retries=0),
        check_mode=False,
        log=ProgressLog(),
        pace=unlimited(),
        lag_bytes=1024,
        ration_bytes=MIB,
        **more,
    )


def _states(convoy: Convoy, number: int) -> list[str]:
    return [cargo.reports[number].entry["state"] for cargo in convoy.cargo]


def _not_tried(convoy: Convoy, number: int) -> int:
    errors = [cargo.reports[number].error for cargo in convoy.cargo]
    return sum(1 for error in errors if error is not None and error.details.get("not_tried"))


def test_everything_arrives_and_every_file_is_read_once(tmp_path: Path) -> None:
    convoy = _convoy(tmp_path, World({}), "one", "two", "three")
    convoy.carry()
    for number in range(3):
        assert _states(convoy, number) == ["created"] * COUNT
        assert convoy.lost(number) is None
    assert sum(cargo.bytes_read for cargo in convoy.cargo) == sum(len(str(number)) for number in range(COUNT))


def test_files_are_brought_one_after_the_other_where_that_is_asked_for(tmp_path: Path) -> None:
    world = World({})
    convoy = _convoy(tmp_path, world, "one", most_lanes=1)
    convoy.carry()
    assert _states(convoy, 0) == ["created"] * COUNT
    assert len({lane for end, lane in world.users if end == _end("one")}) == 1


@pytest.mark.parametrize("error", [LinkError("connect_failed", "no"), TrustError("host_key_unknown", "no")])
def test_a_destination_that_is_out_of_reach_is_given_up_and_the_others_get_all(
    tmp_path: Path, error: BackhaulError
) -> None:
    world = World({_end("gone"): error.located(role="destination")})
    convoy = _convoy(tmp_path, world, "one", "gone")
    convoy.carry()
    assert _states(convoy, 0) == ["created"] * COUNT
    assert _states(convoy, 1) == ["failed"] * COUNT
    assert _not_tried(convoy, 1) > COUNT // 2
    assert convoy.lost(1) is not None


def test_nothing_is_tried_for_ever_when_the_source_is_gone(tmp_path: Path) -> None:
    world = World({SOURCE: LinkError("connect_failed", "no", role="source")})
    convoy = _convoy(tmp_path, world, "one", "two")
    convoy.carry()
    assert _states(convoy, 0) == _states(convoy, 1) == ["failed"] * COUNT
    assert len(world.asked) < COUNT
    assert _not_tried(convoy, 0) > COUNT // 2


def test_when_the_time_is_up_every_file_has_a_report(tmp_path: Path) -> None:
    convoy = _convoy(tmp_path, World({SOURCE: TimeIsUp()}), "one", "two")
    convoy.carry()
    codes = {cargo.reports[number].error.code for cargo in convoy.cargo for number in range(2)}  # type: ignore[union-attr]
    assert codes == {"timed_out"}


def test_destinations_on_one_server_have_lanes_of_their_own(tmp_path: Path) -> None:
    world = World({})
    convoy = _convoy(tmp_path, world, "one")
    second = [
        FileJob(job.source, Destination(_end("one"), job.destination.path + b"-2"), job.options, None)
        for job in (cargo.jobs[0] for cargo in convoy.cargo)
    ]
    loads = [
        Load(_end("one"), b"", jobs=tuple(cargo.jobs[0] for cargo in convoy.cargo)),
        Load(_end("one"), b"", jobs=tuple(second)),
    ]
    both = Convoy(
        world,
        SOURCE,
        loads,
        retries=RetryPolicy(retries=0),
        check_mode=False,
        log=ProgressLog(),
        pace=unlimited(),
        lag_bytes=1024,
        ration_bytes=MIB,
    )
    both.carry()
    assert _states(both, 0) == _states(both, 1) == ["created"] * COUNT
    lanes = {lane for endpoint, lane in world.users if endpoint == _end("one")}
    assert len(lanes) == 8


def test_a_ration_holds_back_what_does_not_fit_and_lets_a_file_through_that_never_could() -> None:
    ration, held = Ration(10), []
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
