# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""When to try again, and after which pause. Randomness is passed in."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ._errors import BackhaulError, IntegrityError

# What a second transfer may mend, and only once: a source that changes goes on changing, and a refused rename stays so.
INTEGRITY_RETRIES = 1
INTEGRITY_CODES = frozenset({"digest_mismatch", "short_transfer"})
# How often work may begin again without a retry being used up. Each time, one more request is not made.
MOST_UNCOUNTED = 8
# What all pauses together may last: each attempt ends by its own deadlines, and so there is an end to all of them.
LONGEST_SECONDS = 3600.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try again after the first attempt, and the bounds of the pauses in between."""

    retries: int = 3
    base_seconds: float = 1.0
    cap_seconds: float = 60.0

    def delays(self, random: t.Callable[[], float]) -> t.Iterator[float]:
        """Yield the pause before each retry; see :func:`delays`."""
        return delays(self.retries, base_seconds=self.base_seconds, cap_seconds=self.cap_seconds, random=random)


def delays(
    retries: int, *, base_seconds: float, cap_seconds: float, random: t.Callable[[], float]
) -> t.Iterator[float]:
    """Yield ``retries`` pauses in seconds: doubling from ``base_seconds``, never above ``cap_seconds``, jittered.

    There are fewer when they would last longer than an hour in all.

    ``random`` returns numbers from 0.0 up to 1.0. Half of each pause is fixed and half is random: servers that count
    connections (MaxStartups, PerSourcePenalties) get their rest, and jobs that failed together come back apart.
    """
    ceiling, left_seconds = min(base_seconds, cap_seconds), LONGEST_SECONDS
    for _retry in range(retries):
        pause = ceiling * (0.5 + 0.5 * random())
        left_seconds -= pause
        if left_seconds < 0:
            return
        yield pause
        ceiling = min(ceiling * 2, cap_seconds)


def may_retry(
    error: BaseException, *, attempt: int, policy: RetryPolicy, earlier: t.Sequence[BaseException] = ()
) -> bool:
    """Say whether another attempt is allowed after ``error`` ended attempt number ``attempt`` (the first is 1).

    Only errors that call themselves retryable are; a damaged or short transfer is once, counted over the ``earlier``
    errors of the same work. Whatever is not a ``BackhaulError`` is a mistake of ours that no retry mends.
    """
    if attempt > policy.retries:
        return False
    if isinstance(error, IntegrityError):
        damaged = sum(isinstance(failure, IntegrityError) for failure in earlier)
        return error.code in INTEGRITY_CODES and damaged < INTEGRITY_RETRIES
    return isinstance(error, BackhaulError) and error.retryable
