# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Two runs of one job at once: one does the work, and the other waits for what comes of it.

A partial file whose name stands for the job is created exclusively, so that it is the lock as well: nothing more has to
be written, and nothing is left behind that the next run does not know what to do with. It is alive as long as it
changes; one that was left by a run that is dead stays the same. Should a run be taken for dead that only slept, both
write the same bytes to the same places of the same file, even when the second one starts over; one of them publishes
it, verified, and the other one sees that it is done.
"""

from __future__ import annotations

import typing as t

from .._errors import BackhaulError, IntegrityError, printable
from .._filesystem import FileSystem
from .._model import Attributes
from .inspect import lstat_or_none

# A partial file that stays the same for so long has nobody who writes it.
_WATCH_SECONDS = 2.0
# One that is complete stays the same while it is verified, which goes at least at this rate.
_VERIFIED_BYTES_PER_SECOND = 100 * 1024 * 1024
_LOOK_SECONDS = 1.0
# So many runs may have ended one after the other, before this one begins to lose patience.
_ENDED_RUNS = 3


class OtherRunFinished(Exception):
    """Another run of the same job has brought its copy to an end; ``error`` is what this one would say by itself."""

    def __init__(self, error: BackhaulError | None = None) -> None:
        super().__init__("another run of this job has ended")
        self.error = error


class WriterWatch:
    """The waiting of one destination for other runs: ``timeout_seconds`` in all."""

    def __init__(self, *, timeout_seconds: float, sleep: t.Callable[[float], None]) -> None:
        self._left_seconds = timeout_seconds
        self._sleep = sleep
        self._ended_runs = 0

    def wait(self, files: FileSystem, path: bytes, found: Attributes, *, complete_bytes: int) -> Attributes:
        """Return the partial file at ``path`` once nobody writes it any more.

        ``found`` is how it looked, and ``complete_bytes`` its size in the end. Raises OtherRunFinished when it is gone,
        and IntegrityError ``locked`` when it goes on changing for longer than there is time.
        """
        still_seconds = 0.0
        while still_seconds < _WATCH_SECONDS or (
            self._left_seconds > 0 and still_seconds < self._patience_seconds(found, complete_bytes)
        ):
            self._sleep(_LOOK_SECONDS)
            self._left_seconds -= _LOOK_SECONDS
            again = lstat_or_none(files, path)
            if again is None:
                self.gone(path)
            if (again.size, again.mtime) == (found.size, found.mtime):
                still_seconds += _LOOK_SECONDS
                continue
            if self._left_seconds <= 0:
                raise _locked(path)
            found, still_seconds = again, 0.0
        return found

    @property
    def may_wait(self) -> bool:
        """Whether there is time to take what changes for another run's doing, and not for the server's."""
        return self._ended_runs < _ENDED_RUNS

    def gone(self, path: bytes) -> t.NoReturn:
        """Raise OtherRunFinished for a partial file that is gone; ``locked`` if that happens again and again.

        A server could say for ever that a file is there which nobody can see.
        """
        self._ended_runs += 1
        if self._ended_runs > _ENDED_RUNS:
            self._sleep(_LOOK_SECONDS)
            self._left_seconds -= _LOOK_SECONDS
            if self._left_seconds <= 0:
                raise _locked(path)
        raise OtherRunFinished

    @staticmethod
    def _patience_seconds(found: Attributes, complete_bytes: int) -> float:
        if found.size != complete_bytes:
            return _WATCH_SECONDS
        return _WATCH_SECONDS + complete_bytes / _VERIFIED_BYTES_PER_SECOND


def _locked(path: bytes) -> IntegrityError:
    return IntegrityError(
        "locked",
        "another run is bringing the same file to the same place",
        remedy="Nothing was changed. Let it end, or raise lock_timeout to wait for it; two jobs may be scheduled at"
        " the same time.",
        role="destination",
        details={"temporary_name": printable(path)},
    )
