# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark must be right about what it measures; how long anything takes is not tested."""

from __future__ import annotations

import socket
import subprocess
import sys
import typing as t
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.bench import delaying, rounds, ways, workloads
from ansible_collections.backhaul.sftp.tests.bench.measure import Measurement, RunError, measure
from ansible_collections.backhaul.sftp.tests.bench.report import Series, Table
from ansible_collections.backhaul.sftp.tests.bench.site import Site
from ansible_collections.backhaul.sftp.tests.bench.ways import Way
from ansible_collections.backhaul.sftp.tests.bench.workloads import Case, Goal, Workload
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


def one_run(seconds: float) -> Measurement:
    """Return a run that took this long."""
    return Measurement(seconds=seconds, cpu_seconds=1.0, peak_bytes=2**20, connections=2, output="")


def table(*series: Series) -> str:
    """Return the Markdown of a workload whose goal is half of what the peer takes."""
    workload = Workload("x", "Work", no_ways, amount=1, warm_up=1, goals=(Goal("ours", "peer", 0.5),))
    return Table(workload, series, load=(0.1, 0.2)).to_markdown()


def no_ways(_site: Site, _amount: int) -> Case:
    """Prepare nothing."""
    return Case([], lambda: None, lambda _way, _measurement: None)


def test_report_compares_medians_with_the_goals() -> None:
    ours = Series("ours", [one_run(1.0), one_run(2.0), one_run(9.0)])
    text = table(ours, Series("peer", [one_run(4.0), one_run(3.0), one_run(5.0)]))
    assert "| peer | 4.00 | 3.00 | 5.00 | 0.50 | 1.00 | 1 | 2 |" in text
    assert "0.50, met" in text
    assert "2.00, not met" in table(ours, Series("peer", [one_run(1.0)]))


def test_report_says_why_a_peer_is_missing() -> None:
    text = table(Series("ours", [one_run(1.0)]), Series("peer", absent="it is not installed"))
    assert "| peer | it is not installed |" in text
    assert "not measured" in text


def test_a_relay_that_leaves_no_copy_counts_as_failed() -> None:
    def with_an_idler(site: Site, size: int) -> Case:
        case = workloads.relay(site, size)
        ours = next(way for way in case.ways if way.name == ways.OURS)
        return Case([ours, Way("idler", ("true",))], case.prepare, case.check)

    workload = Workload("relay", "Relay", with_an_idler, amount=70_000, warm_up=1000)
    try:
        found = rounds.run(workload, rounds=1, wanted=lambda _name: True, show=lambda _line: None)
    except UnavailableError as exc:
        skip_or_fail(str(exc))
    ours, idler = found.series
    assert (ours.failed, [run.connections for run in ours.runs]) == ("", [2])
    assert "backup-70000" in idler.failed and not idler.runs
