# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one command and write its figures to a file. A small program, so that its own memory does not count.

    python -I -S watched.py RESULT COMMAND [ARGUMENT...]

A new process starts with the peak memory of its parent (Linux keeps it across ``exec``), so this program imports
little. It is the subreaper of every descendant and counts those that outlive their parent, such as the connection that
Ansible's ``ssh`` keeps open; these are ended after the command.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_GRACE_SECONDS = 1.0


def main(result: str, command: list[str]) -> None:
    """Run the command, wait for its descendants, and write the sums as JSON."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_all)
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.monotonic()
    first = os.posix_spawnp(command[0], command, os.environ)
    found = {"seconds": 0.0, "cpu_seconds": 0.0, "peak_bytes": 0, "status": -1}
    deadline = None
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0 if deadline is None else os.WNOHANG)
        except ChildProcessError:
            break
        if pid:
            # ru_maxrss is in KiB, of the largest process; the times include the children that the process waited for.
            found["peak_bytes"] = max(found["peak_bytes"], usage.ru_maxrss * 1024)
            found["cpu_seconds"] += usage.ru_utime + usage.ru_stime
        if pid == first:
            found["seconds"] = time.monotonic() - started
            found["status"] = os.waitstatus_to_exitcode(status)
            deadline = time.monotonic() + _GRACE_SECONDS
        elif not pid:
            _end_after(deadline or 0.0)
    with open(result, "w", encoding="ascii") as stream:
        json.dump(found, stream)


def _end_all(_number: int, _frame: object) -> None:
    """End all descendants and exit: the benchmark was interrupted."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _children():
            os.kill(pid, number)
        time.sleep(_GRACE_SECONDS / 2)
    os._exit(1)


def _end_after(deadline: float) -> None:
    """Wait for the remaining descendants until the deadline, then end them."""
    time.sleep(0.02)
    if time.monotonic() > deadline:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if time.monotonic() < deadline + _GRACE_SECONDS else signal.SIGKILL)


def _children() -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{int(name)}/stat", "rb") as stat:
            if int(stat.read().rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
