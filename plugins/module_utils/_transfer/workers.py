# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Several jobs at once, each in its own thread; a cancellation of the calling thread cancels all of them."""

from __future__ import annotations

import threading
import time
import typing as t

from .._cancellation import CancelToken, bind, checkpoint, shielded
from .._errors import BackhaulError

# How long cancelled jobs may take to clean up; after that they are abandoned.
_CLEAN_UP_SECONDS = 10.0
_POLL_SECONDS = 0.25

Job = t.Callable[[], None]
_FirstT = t.TypeVar("_FirstT")
_SecondT = t.TypeVar("_SecondT")


def run_parallel(jobs: t.Sequence[Job], meanwhile: Job = lambda: None) -> None:
    """Run every job in a thread of its own and ``meanwhile`` in this one; return when all have ended.

    Jobs handle their own errors. An exception that leaves a job is a defect; it is raised here after all jobs have
    ended. A cancellation of this thread is raised in every job first, and here once they ended or their time to clean
    up is over.
    """
    token = CancelToken()
    failures: list[BaseException] = []
    threads = [threading.Thread(target=_run, args=(job, token, failures), daemon=True) for job in jobs]
    try:
        with shielded():  # every thread that was started must get a cancellation
            for thread in threads:
                thread.start()
        meanwhile()
        for thread in threads:
            while thread.is_alive():
                thread.join(_POLL_SECONDS)
                checkpoint()
    except BaseException as exc:
        token.error = exc
        deadline = time.monotonic() + _CLEAN_UP_SECONDS
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        raise
    if failures:
        raise failures[0]


def run_both(first: t.Callable[[], _FirstT], second: t.Callable[[], _SecondT]) -> tuple[_FirstT, _SecondT]:
    """Run both at the same time and return both results; of two errors the first one's is raised."""
    found: list[_SecondT] = []
    failed: list[BackhaulError] = []
    firsts: list[_FirstT] = []

    def run_second() -> None:
        try:
            found.append(second())
        except BackhaulError as exc:
            failed.append(exc)

    run_parallel([run_second], lambda: firsts.append(first()))
    if failed:
        raise failed[0]
    return firsts[0], found[0]


def _run(job: Job, token: CancelToken, failures: list[BaseException]) -> None:
    bind(token)
    try:
        job()
    except BaseException as exc:  # noqa: BLE001 - raised in the thread that waits
        if exc is not token.error:
            failures.append(exc)
