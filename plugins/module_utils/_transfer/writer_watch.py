# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Two runs of one job at the same time: one copies, and the other waits for it.

The partial file has a name that is derived from the job and is created exclusively, so it is the lock as well: no other
file has to be written or removed. Its size or modification time changes while a run writes it, and stays the same after
that run was killed. A run that only pauses may be taken for a killed one. Then both write the same bytes to the same
offsets, or to two files if the second run starts over; one publishes, after verifying, and the other sees that.
"""

from __future__ import annotations

import typing as t

from .._errors import BackhaulError, IntegrityError, printable
from .._filesystem import FileSystem
from .._model import Attributes
from .inspect import lstat_or_none

# A partial file that stays the same for this long has no writer.
_IDLE_SECONDS = 2.0
# A complete one also stays the same while it is verified, at this rate at least.
_VERIFIED_BYTES_PER_SECOND = 100 * 1024 * 1024
_POLL_SECONDS = 1.0
# A vanished file uses up time of the lock timeout only after this many other runs have finished.
_FINISHED_RUNS = 3


class OtherRunFinished(Exception):
    """Another run of the same job has finished; ``error`` is what happened to this one because of it, if anything."""

    def __init__(self, error: BackhaulError | None = None) -> None:
        super().__init__("another run of this job has ended")
        self.error = error


class WriterWatch:
    """Waits for other runs that write one destination, for ``timeout_seconds`` in all."""

    def __init__(self, *, timeout_seconds: float, sleep: t.Callable[[float], None]) -> None:
        self._left_seconds = timeout_seconds
        self._sleep = sleep
        self._finished_runs = 0

    def wait_until_idle(self, files: FileSystem, path: bytes, found: Attributes, *, complete_bytes: int) -> Attributes:
        """Return the attributes of the partial file at ``path`` once no run writes it any more.

        ``found`` are its attributes so far, ``complete_bytes`` is its final size. Raises OtherRunFinished when the file
        is gone, and IntegrityError ``locked`` when it is still changing at the end of the timeout.
        """
        idle_seconds = 0.0
        while idle_seconds < _IDLE_SECONDS or (
            self._left_seconds > 0 and idle_seconds < self._needed_seconds(found, complete_bytes)
        ):
            self._sleep(_POLL_SECONDS)
            self._left_seconds -= _POLL_SECONDS
            again = lstat_or_none(files, path)
            if again is None:
                self.raise_finished(path)
            if (again.size, again.mtime) == (found.size, found.mtime):
                idle_seconds += _POLL_SECONDS
                continue
            if self._left_seconds <= 0:
                raise _locked(path)
            found, idle_seconds = again, 0.0
        return found

    @property
    def may_wait(self) -> bool:
        """Whether a file that changes or vanishes may still be taken for another run's work, not for the server's."""
        return self._finished_runs < _FINISHED_RUNS

    def raise_finished(self, path: bytes) -> t.NoReturn:
        """Raise OtherRunFinished for a partial file that is gone; ``locked`` if that happens too often.

        Without a limit, a server that reports a file and then denies it would hold the task for ever.
        """
        self._finished_runs += 1
        if self._finished_runs > _FINISHED_RUNS:
            self._sleep(_POLL_SECONDS)
            self._left_seconds -= _POLL_SECONDS
            if self._left_seconds <= 0:
                raise _locked(path)
        raise OtherRunFinished

    @staticmethod
    def _needed_seconds(found: Attributes, complete_bytes: int) -> float:
        if found.size != complete_bytes:
            return _IDLE_SECONDS
        return _IDLE_SECONDS + complete_bytes / _VERIFIED_BYTES_PER_SECOND


def _locked(path: bytes) -> IntegrityError:
    return IntegrityError(
        "locked",
        "another run is bringing the same file to the same place",
        remedy="Nothing was changed. Let it end, or raise lock_timeout to wait for it; two jobs may be scheduled at"
        " the same time.",
        role="destination",
        details={"temporary_name": printable(path)},
    )
