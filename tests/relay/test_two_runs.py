# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same job in two independent processes at once: one copies, and the other finds the copy."""

from __future__ import annotations

import signal
import threading
import typing as t

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Outcome

from .scene import MIB, Place, Report, eventually, put, random_content, run, start_relay

SIZE = 6 * MIB + 77


def in_background(source: Place, place: Place, **options: t.Any) -> t.Callable[[], Report]:
    """Start a run with its own connections, and return a function that waits for its report."""
    reports: list[Report] = []
    thread = threading.Thread(target=lambda: reports.append(run(source, place, **options)))
    thread.start()

    def report() -> Report:
        thread.join(120)
        assert reports, "the run did not end"
        return reports[0]

    return report


def test_the_second_waits_and_finds_it_done(source: Place, destination: Place) -> None:
    content = random_content(SIZE)
    put(source, content)
    destination.proxy.upstream.throttle(2 * MIB)
    first = in_background(source, destination)
    eventually(lambda: destination.partial_bytes() > 0)
    second = run(source, destination)
    (done,), (found,) = first().outcomes, second.outcomes
    assert (done.state, done.bytes_sent) == ("created", SIZE)
    assert (found.state, found.changed, found.bytes_sent) == ("unchanged", False, 0)
    assert destination.content() == content
    assert destination.partial_files() == []


def test_the_second_is_locked_when_it_may_not_wait(source: Place, destination: Place) -> None:
    content = random_content(SIZE)
    put(source, content)
    destination.proxy.upstream.throttle(2 * MIB)
    first = in_background(source, destination)
    eventually(lambda: destination.partial_bytes() > 0)
    (error,) = run(source, destination, lock_timeout_seconds=0, retries=2).results
    assert isinstance(error, BackhaulError)
    assert (error.code, error.role, error.details["attempts"]) == ("locked", "destination", 1)
    assert first().outcomes[0].state == "created"
    assert destination.content() == content
    assert destination.partial_files() == []


def test_five_at_once_send_it_once(source: Place, destination: Place) -> None:
    content = random_content(SIZE)
    put(source, content)
    put(destination, b"old", "copy")
    destination.proxy.upstream.throttle(6 * MIB)
    reports = [wait() for wait in [in_background(source, destination) for _run in range(5)]]
    states = sorted(report.outcomes[0].state for report in reports)
    assert states == ["replaced", "unchanged", "unchanged", "unchanged", "unchanged"]
    assert sum(report.outcomes[0].bytes_sent for report in reports) == SIZE
    assert destination.content() == content
    assert destination.partial_files() == []


def test_the_partial_file_of_a_killed_run_locks_no_other_run_out(source: Place, destination: Place) -> None:
    content = random_content(SIZE)
    put(source, content)
    destination.proxy.upstream.throttle(2 * MIB)
    with start_relay(source, destination) as victim:
        eventually(lambda: destination.partial_bytes() > 2 * MIB)
        victim.send_signal(signal.SIGKILL)
    destination.proxy.upstream.throttle(0)
    (outcome,) = run(source, destination, lock_timeout_seconds=0).outcomes
    assert isinstance(outcome, Outcome)
    assert outcome.bytes_sent + outcome.bytes_resumed == SIZE
    assert outcome.bytes_resumed >= MIB
    assert destination.content() == content
    assert destination.partial_files() == []


def test_without_resume_each_makes_a_copy_of_its_own(source: Place, destination: Place) -> None:
    content = random_content(SIZE)
    put(source, content)
    destination.proxy.upstream.throttle(6 * MIB)
    reports = [wait() for wait in [in_background(source, destination, resume=False) for _run in range(2)]]
    # The later run either finds the copy, and replaces nothing, or replaces it with the same content.
    results = [result for report in reports for result in report.results]
    assert any(isinstance(result, Outcome) for result in results)
    assert destination.content() == content
    assert destination.partial_files() == []
