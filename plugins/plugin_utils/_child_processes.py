# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Ending what a worker has started: a module on another host ends when the ssh that waits for it does."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import typing as t
from pathlib import Path

_POLL_SECONDS = 0.25


@contextlib.contextmanager
def ending_children() -> t.Iterator[None]:
    """End this process's children when the block is left by an exception, or when the run it belongs to is gone.

    An exception may be the task's ``timeout``. Only Linux tells a process's children; elsewhere they come to their end.
    """
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(over, os.getppid()), daemon=True)
    watching.start()
    try:
        yield
    except BaseException:
        end_children()
        raise
    finally:
        over.set()
        watching.join()


def _watch(over: threading.Event, run_pid: int) -> None:
    while not over.wait(_POLL_SECONDS):
        if os.getppid() != run_pid:
            end_children()
            return


def end_children() -> None:
    """Send SIGTERM to the children of this process."""
    for pid in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def _children() -> list[int]:
    """Return the children of every thread (proc(5), /proc/pid/task/tid/children)."""
    found: list[int] = []
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in listing.read_text(encoding="ascii").split()]
    return found
