# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Progress of a transfer as records in a file, which the action plugin turns into live lines.

A module cannot show anything before it ends. So the controller names a file, and the module appends one line of JSON
whenever enough time has passed: ``host``, ``path``, ``doing`` (``sent`` or ``checked``), ``done_bytes``,
``begun_bytes`` (those that were there before), ``total_bytes``, ``seconds``.
"""

from __future__ import annotations

import json
import os
import time
import typing as t

from .._errors import shown

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

    def follow(self, host: str, path: bytes, *, total_bytes: t.Callable[[], int], doing: str = "sent") -> Followed:
        """Return who is to be told of the bytes of one transfer."""
        return Followed(self, {"host": host, "path": shown(path), "doing": doing}, total_bytes)

    @property
    def is_read(self) -> bool:
        """Whether anybody reads the records."""
        return bool(self._file_name)

    def write(self, record: dict[str, object]) -> None:
        """Append a record, if anybody reads it."""
        try:
            _append(self._file_name, record)
        except OSError:
            self._file_name = ""  # live lines are a comfort; a full disk on the controller must not end a transfer


class Followed:
    """One transfer: counts its bytes, and writes a record now and then. Its time runs from the first call."""

    def __init__(self, log: ProgressLog, record: dict[str, object], total_bytes: t.Callable[[], int]) -> None:
        self._log = log
        self._record = record
        self._total_bytes = total_bytes
        self._started = self._last = 0.0
        self._done_bytes = self._begun_bytes = 0

    def __call__(self, byte_count: int) -> None:
        """Count bytes."""
        self._done_bytes += byte_count
        now = time.monotonic()
        if not self._started:
            self._started = self._last = now
        if self._log.is_read and now - self._last >= _RECORD_SECONDS:
            self._last = now
            self._log.write(
                {
                    **self._record,
                    "done_bytes": self._done_bytes,
                    "begun_bytes": self._begun_bytes,
                    "total_bytes": self._total_bytes(),
                    "seconds": round(now - self._started, 1),
                }
            )

    def begin_at(self, byte_count: int) -> None:
        """Say that so many bytes are there already, as an attempt begins; its rate is that of the others."""
        self._done_bytes = self._begun_bytes = byte_count
        self._started = self._last = time.monotonic()
