# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""A limit in bytes per second for all that is read from one source."""

from __future__ import annotations

import threading
import time
import typing as t

from .._cancellation import sleep

# A pause that was too long may be made up for by this much, so that the average is the limit.
_LARGEST_DEBT_SECONDS = 0.5


class RateLimiter:
    """Delays its callers so that all of them together read at most ``bytes_per_second``; 0 is no limit."""

    def __init__(
        self,
        bytes_per_second: float,
        *,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._due: float | None = None
        self._lock = threading.Lock()

    def acquire(self, byte_count: int) -> None:
        """Wait until ``byte_count`` more bytes are allowed."""
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            if self._due is None:
                self._due = now
            self._due = max(self._due, now - _LARGEST_DEBT_SECONDS) + byte_count / self._rate
            pause = self._due - now
        if pause > 0:
            self._sleep(pause)


def unlimited() -> RateLimiter:
    """Return a limiter without a limit."""
    return RateLimiter(0)
