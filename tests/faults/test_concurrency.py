# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once, destinations with different outcomes, and cancelled jobs."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.tests.actors.forking_host import ForkingHost, ModuleExit
from ansible_collections.backhaul.sftp.tests.actors.module_process import KillPoint, Params
from ansible_collections.backhaul.sftp.tests.faults.journey import OLD, Journey
from ansible_collections.backhaul.sftp.tests.lab import SharedLab, tiny_disk
from ansible_collections.backhaul.sftp.tests.relay.conftest import Placed
from ansible_collections.backhaul.sftp.tests.relay.scene import MIB, Place, Report
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of

pytestmark = pytest.mark.integration
_LONGEST_WAIT_SECONDS = 30.0


def eventually(condition: t.Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def end(place: Place, name: str = "copy", **more: t.Any) -> Params:
    """Return the suboptions of an endpoint for a file in a place."""
    path = place.server.remote_path(place.folder / name)
    return endpoint_of(place.server, host=place.proxy.host, port=place.proxy.port, path=path, **more)


def relay(forking_host: ForkingHost, files: Path, source: Place, *targets: Place, **options: t.Any) -> ModuleExit:
    """Run sftp_relay in a process of its own."""
    kill_at = options.pop("kill_at", None)
    params = {"source": end(source, "backup"), "destinations": [end(place) for place in targets], **options}
    return forking_host.run(files, "sftp_relay", {"retries": 0, **params}, kill_at=kill_at)


@pytest.fixture
def twice(journey: Journey) -> t.Iterator[threading.Thread]:
    """The first of two runs of the same job, in the middle of its transfer."""
    reports: list[Report] = []
    journey.source.proxy.downstream.throttle(2 * MIB)
    first = threading.Thread(target=lambda: reports.append(journey.run()))
    first.start()
    eventually(lambda: journey.target.partial_bytes() > MIB)
    yield first
    first.join(_LONGEST_WAIT_SECONDS)
    assert [outcome.state for outcome in reports[0].outcomes] == ["replaced"]
    journey.arrives(state="unchanged")


@pytest.mark.fault("concurrency.same_job")
def test_of_two_runs_of_a_job_the_second_waits_and_finds_it_done(journey: Journey, twice: threading.Thread) -> None:
    journey.source.proxy.downstream.throttle(4 * MIB)
    (outcome,) = journey.run().outcomes
    assert (outcome.state, outcome.bytes_sent) == ("unchanged", 0)


@pytest.mark.fault("concurrency.same_job")
def test_a_second_run_that_does_not_wait_is_locked_out(journey: Journey, twice: threading.Thread) -> None:
    (error,) = journey.run(lock_timeout_seconds=0).results
    assert isinstance(error, BackhaulError)
    assert (error.code, error.role) == ("locked", "destination")
    assert "another run" in error.message


@pytest.mark.fault("concurrency.three_outcomes")
@pytest.mark.parametrize("needed", [1, 2])
def test_three_destinations_have_three_outcomes(
    source: Place, placed: Placed, lab: SharedLab, forking_host: ForkingHost, tmp_path: Path, needed: int
) -> None:
    """One refuses, one is full, one is slow; min_success decides whether the task fails."""
    refusing, full = placed(lab.openssh(variant="readonly")), placed(lab.openssh(variant="internal"))
    slow = Journey(source, placed(lab.asyncssh()), size=3 * MIB)
    slow.target.proxy.upstream.throttle(3 * MIB)
    (refusing.folder / "copy").write_bytes(OLD)
    with tiny_disk(full.folder):
        (full.folder / "copy").write_bytes(OLD)
        ended = relay(forking_host, tmp_path / "run", source, refusing, full, slow.target, min_success=needed)
        assert (refusing.content(), full.content()) == (OLD, OLD)
        assert (refusing.partial_files(), full.partial_files()) == ([], [])
    entries = ended.result["destinations"]
    assert [entry["state"] for entry in entries] == ["failed", "failed", "replaced"]
    assert [entry["error"] and entry["error"]["code"] for entry in entries] == ["permission_denied", "no_space", None]
    assert slow.target.content() == slow.bytes
    assert ended.result["changed"]
    assert bool(ended.result.get("failed")) is (needed > 1)
    slow.arrives(state="unchanged")


@pytest.mark.fault("concurrency.cancelled")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_job_closes_its_connections_and_keeps_a_resumable_partial_file(
    journey: Journey, forking_host: ForkingHost, tmp_path: Path, number: signal.Signals
) -> None:
    alone = relay(forking_host, tmp_path / "alone", journey.source, journey.target)
    writes = [step for step, name in enumerate(alone.steps, 1) if name == "WRITE"]
    (journey.target.folder / "copy").write_bytes(OLD)
    cancelled = KillPoint(writes[len(writes) * 2 // 3], number)
    ended = relay(forking_host, tmp_path / "cancelled", journey.source, journey.target, kill_at=cancelled)
    assert ended.status == 128 + number, ended.output
    assert "Traceback" not in ended.output
    assert journey.target.content() == OLD
    assert [partial.stat().st_size >= MIB for partial in journey.target.partial_files()] == [True]
    for place in (journey.source, journey.target):
        eventually(lambda place=place: not place.proxy.open_connections)  # type: ignore[misc]
    assert journey.arrives().bytes_resumed >= MIB


@pytest.mark.fault("concurrency.cancelled")
@pytest.mark.parametrize("how", ["fork", "exit"])
def test_a_process_that_ends_while_connected_does_not_hang_or_break_others(journey: Journey, how: str) -> None:
    """A forked child does not close its parent's connection; an interpreter that ends does not wait for the server."""
    program = [sys.executable, "-m", "ansible_collections.backhaul.sftp.tests.actors.abandoning_client", how]
    work = pickle.dumps(journey.target.proxy.endpoint())
    ended = subprocess.run(program, input=work, capture_output=True, timeout=_LONGEST_WAIT_SECONDS, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"/" if how == "fork" else b"leaving")
    eventually(lambda: not journey.target.proxy.open_connections)
    journey.arrives()
