# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Several jobs at once, each in its own thread, and all of them ended when the main thread is."""

from __future__ import annotations

import threading
import time
import typing as t

from .._cancellation import CancelToken, bind, checkpoint, shielded
from .._errors import BackhaulError

# How long interrupted jobs may take to put everything in order before they are left behind.
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.25

Job = t.Callable[[], None]
_FirstT = t.TypeVar("_FirstT")
_SecondT = t.TypeVar("_SecondT")


def run_parallel(jobs: t.Sequence[Job], meanwhile: Job = lambda: None) -> None:
    """Run every job in a thread of its own and ``meanwhile`` in this one; return when all have ended.

    Jobs handle their own errors; one that does not is a mistake of ours, and raised here in the end. When this thread
    is interrupted, the same is raised in every job, and after they ended, or took too long for that, here.
    """
    token = CancelToken()
    failures: list[BaseException] = []
    threads = [threading.Thread(target=_run, args=(job, token, failures), daemon=True) for job in jobs]
    try:
        with shielded():  # whoever was started is to hear of an interruption
            for thread in threads:
                thread.start()
        meanwhile()
        for thread in threads:
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                checkpoint()
    except BaseException as exc:
        token.error = exc
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        raise
    if failures:
        raise failures[0]


def run_both(first: t.Callable[[], _FirstT], second: t.Callable[[], _SecondT]) -> tuple[_FirstT, _SecondT]:
    """Return what both return, worked out side by side; of two errors the first one's is raised."""
    found: list[_SecondT] = []
    failed: list[BackhaulError] = []
    firsts: list[_FirstT] = []

    def work_on_second() -> None:
        try:
            found.append(second())
        except BackhaulError as exc:
            failed.append(exc)

    run_parallel([work_on_second], lambda: firsts.append(first()))
    if failed:
        raise failed[0]
    return firsts[0], found[0]


def _run(job: Job, token: CancelToken, failures: list[BaseException]) -> None:
    bind(token)
    try:
        job()
    except BaseException as exc:  # noqa: BLE001 - told to the thread that waits, whatever it is
        if exc is not token.error:
            failures.append(exc)
