# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""From progress records to live lines: a job that runs for an hour says that it is alive."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import threading
import time
import typing as t

from ansible import constants
from ansible.utils.display import Display

# Its attributes are made when it is imported; asking the configuration instead would make one more folder each time.
_constants: t.Any = constants

_POLL_SECONDS = 0.25
# How long a module may take to say who it is before it is left alone.
_ANNOUNCEMENT_SECONDS = 2.0


class Heartbeat:
    """Shows at most one line for each transfer every ``interval_seconds``; none at all when that is 0."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._shown: dict[tuple[str, str], float] = {}
        self._pid = 0
        self._run_pid = os.getppid()
        self._display = Display()

    @contextlib.contextmanager
    def following(self) -> t.Iterator[str]:
        """Yield the name of the file that the module is to write to, and show what appears there meanwhile.

        When the block is left by an exception, such as the task's ``timeout``, or when the run that this worker belongs
        to is killed, the module is told to end, too.
        """
        descriptor, file_name = tempfile.mkstemp(prefix="backhaul-progress-", dir=_constants.DEFAULT_LOCAL_TMP)
        os.close(descriptor)
        done = threading.Event()
        follower = threading.Thread(target=self._follow, args=(file_name, done), daemon=True)
        follower.start()
        try:
            yield file_name
        except BaseException:
            self._end_module()
            raise
        finally:
            done.set()
            follower.join()
            os.unlink(file_name)

    def _follow(self, file_name: str, done: threading.Event) -> None:
        with open(file_name, encoding="utf-8") as file:
            rest = ""
            while not done.wait(_POLL_SECONDS):
                rest += file.read()
                *lines, rest = rest.split("\n")
                for line in lines:
                    self._take(json.loads(line))
                if os.getppid() != self._run_pid:
                    self._end_module()
                    return

    def _take(self, record: dict[str, t.Any]) -> None:
        if "pid" in record:
            self._pid = int(record["pid"])
            return
        now, key = time.monotonic(), (record["host"], record["path"] + record.get("doing", ""))
        # The first line comes after one interval: short transfers stay silent.
        since = self._shown.setdefault(key, now - float(record["seconds"]))
        if self._interval_seconds and now - since >= self._interval_seconds:
            self._shown[key] = now
            self._display.display(progress_line(record))

    def _end_module(self) -> None:
        deadline = time.monotonic() + _ANNOUNCEMENT_SECONDS
        while not self._pid and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)


def progress_line(record: t.Mapping[str, t.Any]) -> str:
    """Return one line for people: destination, percent, bytes, rate, time left."""
    done, total, seconds = int(record["done_bytes"]), int(record["total_bytes"]), float(record["seconds"])
    rate = (done - int(record.get("begun_bytes", 0))) / seconds if seconds else 0.0
    part = f"{min(100 * done // total, 100):3d}% of {_size(total)}, " if total else ""
    left = f", {_clock((total - done) / rate)} left" if rate and total > done else ""
    doing = record.get("doing", "sent")
    return f"  {record['host']}: {part}{_size(done)} {doing}, {_size(rate)}/s{left}  {record['path']}"


def _size(byte_count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if byte_count < 1024:
            return f"{byte_count:.0f} {unit}" if unit == "B" else f"{byte_count:.1f} {unit}"
        byte_count /= 1024
    return f"{byte_count:.1f} TiB"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
