# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one server until standard input closes, then end the server and its descendants.

Usage: guardian.py LOG FOLDERS PROGRAM [ARGUMENT...]

The lab holds the other end of standard input and writes a byte to stop the server. When the lab is killed, the kernel
closes that end: the server is ended and FOLDERS (separated by colons) are removed. Sessions of a server leave its
process group, so they are found as descendants.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2): orphaned descendants become children of this process


def main() -> int:
    """Start the program, print its process id, wait, clean up."""
    log, folders, *command = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the lab handles them, and its end closes our standard input
    _adopt_orphans()
    pid = _start(command, log)
    print(pid, flush=True)
    is_orphan = False
    try:
        is_orphan = _wait_for_end(pid)
    finally:
        _end_descendants(pid)
    if is_orphan:
        for folder in filter(None, folders.split(":")):
            shutil.rmtree(os.fsencode(folder), ignore_errors=True)
    return 0


def _adopt_orphans() -> None:
    with contextlib.suppress(AttributeError):  # not Linux: only the process group can be ended
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start(command: list[str], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, handle in ((0, null), (1, output), (2, output)):
        os.dup2(handle, target)
    try:
        os.execv(command[0], command)
    finally:
        os._exit(127)


def _wait_for_end(pid: int) -> bool:
    """Wait for the end of the server or the lab; return whether the lab ended without writing a byte."""
    while not select.select([0], [], [], 0.1)[0]:
        if pid in _reap():
            return False
    return not os.read(0, 1)


def _reap() -> list[int]:
    ended: list[int] = []
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.append(pid)


def _end_descendants(pid: int) -> None:
    for _attempt in range(200):
        living = descendants(os.getpid())
        if not living:
            break
        for descendant in living:
            _kill(descendant)
        select.select([], [], [], 0.01)
        _reap()
    if not Path("/proc/self/stat").exists():
        _kill(-pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def descendants(ancestor: int) -> list[int]:
    """Return the living descendants of a process, nearest first (from /proc; empty where there is none)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_bytes().rsplit(b")", 1)[1].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found: list[int] = []
    todo = [ancestor]
    while todo:
        todo = [child for parent in todo for child in children.get(parent, [])]
        found += todo
    return found


if __name__ == "__main__":
    sys.exit(main())
