# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark must be right about what it measures; how long anything takes is not tested."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import struct
import subprocess
import sys
import time
import typing as t
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.bench import cases, delaying, loads, peers, relays, rounds, ways
from ansible_collections.backhaul.sftp.tests.bench.__main__ import main
from ansible_collections.backhaul.sftp.tests.bench.cases import Case
from ansible_collections.backhaul.sftp.tests.bench.figures import CONNECTIONS, FAST, PEAK, READ, SECONDS, Goal, Series
from ansible_collections.backhaul.sftp.tests.bench.measure import Measurement, RunError, measure
from ansible_collections.backhaul.sftp.tests.bench.report import Table, to_markdown
from ansible_collections.backhaul.sftp.tests.bench.site import Site
from ansible_collections.backhaul.sftp.tests.bench.ways import Way
from ansible_collections.backhaul.sftp.tests.bench.workloads import FULL, QUICK, Workload, workloads
from ansible_collections.backhaul.sftp.tests.conftest import skip_or_fail
from ansible_collections.backhaul.sftp.tests.lab import UnavailableError

_LARGE_BYTES = 96 * 1024 * 1024
_ORPHAN = f"import os, sys\nif not os.fork():\n    os.setsid()\n    block = bytearray(os.urandom(1)) * {_LARGE_BYTES}\n"


def run_python(folder: Path, code: str) -> Measurement:
    """Measure a run of some Python code."""
    return measure((sys.executable, "-I", "-S", "-c", code), folder=folder, env={}, connections=lambda: 0)


def test_processes_that_outlive_their_parent_are_measured_too(tmp_path: Path) -> None:
    assert run_python(tmp_path, _ORPHAN).peak_bytes > _LARGE_BYTES
    assert run_python(tmp_path, "pass").peak_bytes < _LARGE_BYTES / 2


def test_output_of_a_run_is_kept(tmp_path: Path) -> None:
    assert run_python(tmp_path, "print('found')").output == "found\n"


def test_a_command_that_fails_says_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such backup"):
        run_python(tmp_path, "raise SystemExit('no such backup')")


@contextmanager
def delayed(port: int) -> t.Iterator[int]:
    """Run the delaying proxy before a port, and return its own."""
    command = [sys.executable, "-I", "-S", delaying.__file__, "0.01", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as proxy:
        assert proxy.stdin is not None and proxy.stdout is not None
        yield int(proxy.stdout.readline())
        proxy.stdin.close()
        assert proxy.wait(30) == 0


def test_proxy_delivers_every_byte_both_ways() -> None:
    sent = bytes(range(256)) * 4096
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        delayed(listener.getsockname()[1]) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as client,
    ):
        server, _address = listener.accept()
        with server:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            assert read_all(server) == sent
            server.sendall(sent[::-1])
        assert read_all(client) == sent[::-1]


def read_all(end: socket.socket) -> bytes:
    """Read until the other side has finished."""
    return b"".join(iter(lambda: end.recv(65536), b""))


def one_run(seconds: float, facts: t.Mapping[str, float] | None = None, *, connections: int = 2) -> Measurement:
    """Return a run that took this long."""
    return Measurement(
        seconds=seconds, cpu_seconds=1.0, peak_bytes=2**20, connections=connections, output="", facts=facts or {}
    )


def table(*series: Series, goal: Goal | None = None) -> Table:
    """Return the table of a workload whose goal is half of what the peer takes, or another one."""
    workload = Workload("x", "Work", no_ways, amount=1, warm_up=1, goals=(goal or Goal("ours", 0.5, "peer"),))
    return Table(workload, series, load=(0.1, 0.2))


def no_ways(_site: Site, _amount: int) -> Case:
    """Prepare nothing."""
    return Case([], lambda: None, lambda _way, _measurement: {})


def test_proxy_outlives_servers_that_hang_up_on_clients_who_go_on() -> None:
    """The socket of such a client was closed while it was watched, and the proxy ended at the next client."""
    with socket.create_server(("127.0.0.1", 0)) as server, delayed(server.getsockname()[1]) as port:
        for _time in range(4):
            client = socket.create_connection(("127.0.0.1", port), timeout=20)
            far, _address = server.accept()
            far.settimeout(20)
            client.sendall(b"hello")
            assert far.recv(5) == b"hello"
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            far.close()
            assert client.recv(1) == b""
            with contextlib.suppress(OSError):
                for _piece in range(50):
                    client.sendall(b"and more")
                    time.sleep(0.002)
            client.close()


def test_report_compares_medians_with_the_goals() -> None:
    ours = Series("ours", [one_run(1.0), one_run(2.0), one_run(9.0)])
    found = table(ours, Series("peer", [one_run(4.0), one_run(3.0), one_run(5.0)]))
    text = found.to_markdown()
    assert "| peer | 4.00 | 3.00 | 5.00 | 0.50 | 1.00 | 1 | 2 |" in text
    assert "- Goal: time of ours at most 0.5 of peer: 0.50, met." in text
    slower = table(ours, Series("peer", [one_run(1.0)]))
    assert "2.00, not met." in slower.to_markdown()
    summary = to_markdown([found, slower], 3)
    assert "| x | time of ours at most 0.5 of peer | 0.50 | met |" in summary
    assert "| x | time of ours at most 0.5 of peer | 2.00 | not met |" in summary
    assert slower.to_json()["goals"][0]["status"] == "not met"


def test_report_says_why_a_peer_is_missing() -> None:
    found = table(Series("ours", [one_run(1.0)]), Series("peer", absent="it is not installed"))
    assert "| peer | it is not installed |" in found.to_markdown()
    assert "- Goal: time of ours at most 0.5 of peer, not measured." in found.to_markdown()
    assert found.to_json()["goals"][0]["measured"] is None


def test_a_goal_may_be_a_bound_of_its_own() -> None:
    runs = [one_run(1.0, connections=1), one_run(2.0, connections=2)]
    ours = Series("ours", runs)
    assert Goal("ours", 1, figure=CONNECTIONS).status([ours]) == "not met"
    assert Goal("ours", 2, figure=CONNECTIONS).status([ours]) == "met"
    assert Goal("ours", 1, figure=PEAK).text == "peak memory in MiB of ours at most 1"
    assert Goal("ours", 1, figure=PEAK).status([ours]) == "met"


def test_a_goal_may_be_about_what_only_the_check_knows() -> None:
    ours = Series("ours", [one_run(9.0, {FAST: 1.2, READ: 1.0}), one_run(9.0, {FAST: 1.2, READ: 2.0})])
    alone = Series("alone", [one_run(1.0, {FAST: 1.0})])
    goal = Goal("ours", 1.2, "alone", figure=FAST)
    assert goal.measured([ours, alone]) == pytest.approx(1.2)
    assert goal.status([ours, Series("alone", [one_run(1.0)])]) == "not measured"
    assert Goal("ours", 1, figure=READ).measured([ours]) == 2.0, "a file that was read twice in one run only"
    assert f"- ours: {READ} 2.00." in table(ours, alone, goal=goal).to_markdown()
    assert ours.to_json()["facts"] == {READ: 2.0, FAST: 1.2}


def test_every_goal_is_about_ways_that_there_are() -> None:
    named = {str(value) for kind in (ways, peers) for name, value in vars(kind).items() if name.isupper()}
    for workload in workloads(FULL):
        for goal in workload.goals:
            assert {goal.way, goal.peer} - {""} <= named, workload.key
    keys = [workload.key for workload in workloads(QUICK)]
    assert len(set(keys)) == len(keys)


def test_a_copy_that_differs_in_one_byte_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    names = cases.small_files(one, 3)
    other.mkdir()
    for name in names:
        (other / name).write_bytes((one / name).read_bytes())
    cases.require_same(one, other)
    with (other / names[1]).open("r+b") as stream:
        stream.seek(100)
        byte = stream.read(1)[0]
        stream.seek(100)
        stream.write(bytes([byte ^ 1]))
    for first, second in ((one, other), (one / names[1], other / names[1])):
        with pytest.raises(RunError, match="is not what"):
            cases.require_same(first, second)
    cases.remove(other / names[1])
    with pytest.raises(RunError):
        cases.require_same(one, other)


@pytest.fixture
def program() -> t.Iterator[t.Callable[[t.Sequence[str]], int]]:
    """The program's entry; what it does about SIGTERM is undone."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield main
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("arguments", "named"), [(["relay", "--size", "huge"], "--size"), (["fanout"], "fanout")])
def test_what_cannot_be_meant_is_refused(
    program: t.Callable[[t.Sequence[str]], int],
    capsys: pytest.CaptureFixture[str],
    arguments: t.Sequence[str],
    named: str,
) -> None:
    with pytest.raises(SystemExit):
        program(arguments)
    assert named in capsys.readouterr().err


def measured(
    build: t.Callable[[Site, int], Case],
    amount: int,
    *,
    warm_up: int = 1000,
    destinations: int = 1,
    slow_bytes_per_second: int = 0,
) -> Series:
    """Run our own way of a workload once, besides one that does nothing."""

    def with_an_idler(site: Site, amount: int) -> Case:
        case = build(site, amount)
        ours = next(way for way in case.ways if way.name == ways.OURS)
        return Case([ours, Way("idler", ("true",))], case.prepare, case.check)

    workload = Workload(
        "x",
        "Work",
        with_an_idler,
        amount=amount,
        warm_up=warm_up,
        destinations=destinations,
        slow_bytes_per_second=slow_bytes_per_second,
    )
    try:
        found = rounds.run(workload, rounds=1, wanted=lambda _name: True, show=lambda _line: None)
    except UnavailableError as exc:
        skip_or_fail(str(exc))
    ours, idler = found.series
    assert ours.failed == ""
    assert idler.failed and not idler.runs, "a run that leaves no copy counts as failed"
    return ours


def test_a_relay_is_measured() -> None:
    ours = measured(relays.relay, 70_000)
    assert (ours.figure(CONNECTIONS), ours.figure(READ)) == (2, 1.0)


def test_what_is_faster_beside_a_slow_destination_is_measured_by_itself() -> None:
    ours = measured(relays.with_a_slow_one, 300_000, destinations=3, slow_bytes_per_second=1024 * 1024)
    fast, whole = ours.figure(FAST), ours.figure(SECONDS)
    assert fast is not None and whole is not None and 0 < fast < whole
    assert ours.figure(CONNECTIONS) == 4


@pytest.mark.parametrize("build", [loads.download_many, loads.upload_many])
def test_small_files_are_measured_even_as_many_as_warm_up(build: t.Callable[[Site, int], Case]) -> None:
    ours = measured(build, 20, warm_up=20)
    assert ours.figure(CONNECTIONS) == 1


def test_figures_are_written_as_json_too() -> None:
    ours = Series("ours", [one_run(1.0, {FAST: 0.5})])
    content = json.loads(json.dumps(table(ours).to_json()))
    assert content["series"][0]["seconds"]["all"] == [1.0]
    assert content["goals"][0]["figure"] == SECONDS


def test_one_way_of_one_workload_can_be_run(
    program: t.Callable[[t.Sequence[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "newest",
        "--files",
        "20",
        "--rounds",
        "1",
        "--only",
        "ours",
        "--skip",
        "tenth",
        "--output",
        str(tmp_path),
    ]
    try:
        assert program(options) == 0
    except SystemExit as exc:
        skip_or_fail(str(exc))
    (content,) = json.loads((tmp_path / "performance.json").read_text(encoding="utf-8"))["tables"]
    assert [series["name"] for series in content["series"]] == [ways.OURS]
    assert "not measured" in capsys.readouterr().out
