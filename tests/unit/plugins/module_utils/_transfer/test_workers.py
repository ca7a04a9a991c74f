# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in parallel, and how they end."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._cancellation import acquire, checkpoint, shielded, sleep
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.workers import run_both, run_parallel


class Enough(BaseException):
    """The exception that a signal handler raises."""


def test_all_jobs_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=30)

    def meet() -> None:
        meeting.wait()

    run_parallel([meet, meet], meanwhile=meet)


def test_an_interruption_of_the_main_thread_ends_every_job_where_it_may_be_ended() -> None:
    ended: list[str] = []
    started = threading.Barrier(4, timeout=30)
    lock = threading.Lock()
    lock.acquire()

    def napping() -> None:
        started.wait()
        try:
            sleep(600)
        except Enough:
            ended.append("napping")
            sleep(0.01)  # the clean-up is not cancelled a second time
            raise

    def waiting() -> None:
        started.wait()
        try:
            acquire(lock)
        except Enough:
            ended.append("waiting")

    def busy() -> None:
        started.wait()
        try:
            with shielded():
                checkpoint()
                while not ended:
                    threading.Event().wait(0.01)
                whole.append(True)
        except Enough:
            ended.append("busy")

    def interrupted() -> None:
        started.wait()
        raise Enough

    whole: list[bool] = []
    with pytest.raises(Enough):
        run_parallel([napping, waiting, busy], meanwhile=interrupted)
    assert sorted(ended) == ["busy", "napping", "waiting"]
    assert whole == [True]


def test_a_defect_in_a_job_is_raised_when_all_have_ended() -> None:
    done: list[bool] = []

    def wrong() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_parallel([wrong, lambda: done.append(True)])
    assert done == [True]


def test_both_functions_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=30)
    assert run_both(lambda: meeting.wait() >= 0, lambda: str(meeting.wait() >= 0)) == (True, "True")


@pytest.mark.parametrize("which", [0, 1])
def test_an_error_of_either_is_raised(which: int) -> None:
    def fail() -> None:
        raise LinkError("link_lost", "lost")

    def work() -> None:
        sleep(0.01)

    with pytest.raises(LinkError):
        run_both(*((fail, work) if which == 0 else (work, fail)))


def test_an_interruption_reaches_jobs_of_jobs() -> None:
    ended: list[str] = []
    started = threading.Barrier(3, timeout=30)

    def deep() -> None:
        started.wait()
        try:
            sleep(600)
        except Enough:
            ended.append("deep")
            raise

    def shallow() -> None:
        try:
            run_both(lambda: started.wait() >= 0, deep)
        except Enough:
            ended.append("shallow")
            raise

    def interrupted() -> None:
        started.wait()
        raise Enough

    with pytest.raises(Enough):
        run_parallel([shallow], meanwhile=interrupted)
    assert ended == ["deep", "shallow"]
