# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Progress of a transfer as records in a file, which the action plugin turns into live lines.

A module cannot show anything before it ends. So the controller names a file, and the module appends one line of JSON
whenever enough time has passed: ``host``, ``path``, ``doing`` (``sent`` or ``checked``), ``done_bytes``,
``total_bytes``, ``seconds``.
"""

from __future__ import annotations

import json
import os
import time
import typing as t

from .._errors import shown
from .._model import Progress

# Set by the action plugin for a module that it runs on the controller; not an option, so that no result shows it.
ENVIRONMENT_NAME = "BACKHAUL_SFTP_PROGRESS_FILE"
# The seconds after which the module gives up as a whole: those of the task's ``async``.
TIME_LIMIT_NAME = "BACKHAUL_SFTP_TIME_LIMIT"
_RECORD_SECONDS = 0.5


def time_limit_seconds() -> float:
    """Return the seconds that the controller allows this module, 0 for no limit."""
    return float(os.environ.get(TIME_LIMIT_NAME) or 0)


def announce_process() -> None:
    """Tell the controller which process to end when the task is cancelled; end at once when it is cancelled already."""
    file_name = os.environ.get(ENVIRONMENT_NAME, "")
    if not file_name:
        return
    try:
        _append(file_name, {"pid": os.getpid()})
    except FileNotFoundError:
        raise SystemExit("the controller has given up on this task already") from None
    except OSError:
        return  # the controller's disk is full, say: it cannot be told, and need not be


def _append(file_name: str, record: t.Mapping[str, object]) -> None:
    """Append a line to the controller's file, which is never created here: without it nobody reads."""
    descriptor = os.open(file_name, os.O_WRONLY | os.O_APPEND)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


class ProgressLog:
    """Appends records to the file that the environment names; without one, nothing is written at all."""

    def __init__(self) -> None:
        self._file_name = os.environ.get(ENVIRONMENT_NAME, "")

    def follow(self, host: str, path: bytes, *, total_bytes: t.Callable[[], int], doing: str = "sent") -> Progress:
        """Return a callback for the bytes of one transfer, whose time runs from the first of them."""
        started = last = 0.0
        done = 0

        def count(byte_count: int) -> None:
            nonlocal started, last, done
            done += byte_count
            now = time.monotonic()
            if not started:
                started = last = now
            if self._file_name and now - last >= _RECORD_SECONDS:
                last = now
                self._write(
                    {
                        "host": host,
                        "path": shown(path),
                        "doing": doing,
                        "done_bytes": done,
                        "total_bytes": total_bytes(),
                        "seconds": round(now - started, 1),
                    }
                )

        return count

    def _write(self, record: dict[str, object]) -> None:
        try:
            _append(self._file_name, record)
        except OSError:
            self._file_name = ""  # live lines are a comfort; a full disk on the controller must not end a transfer
