# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Show progress records as lines on the terminal while a transfer runs."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from ansible.utils.display import Display


class Heartbeat:
    """Shows at most one line per transfer every ``interval_seconds``. Thread-safe."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._shown: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._display = Display()

    def __call__(self, record: t.Mapping[str, t.Any]) -> None:
        """Show a record, unless the last line about the same transfer was shown within the interval."""
        now, key = time.monotonic(), (record["host"], record["path"] + record.get("doing", ""))
        with self._lock:
            # The first line is shown after one interval, so that a short transfer shows none.
            since = self._shown.setdefault(key, now - float(record["seconds"]))
            if now - since < self._interval_seconds:
                return
            self._shown[key] = now
        with contextlib.suppress(OSError):  # the controller has exited; _worker.py ends this process for that
            self._display.display(progress_line(record))


def progress_line(record: t.Mapping[str, t.Any]) -> str:
    """Return one line of text: destination, percent, bytes, rate, time left."""
    done, total, seconds = int(record["done_bytes"]), int(record["total_bytes"]), float(record["seconds"])
    if not done and record.get("doing") == "checked":
        return f"  hashing on {record['host']} for {_clock(seconds)}  {record['path']}"
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
