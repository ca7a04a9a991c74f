# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Decide whether to retry, compute the pauses, and run the loop. The caller passes the random source and sleep."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from ._errors import BackhaulError, IntegrityError
from ._model import FailedAttempt

# A second transfer can repair these, and is tried once. Other integrity errors would recur: a source that keeps
# changing, a rename that the server refuses.
INTEGRITY_RETRIES = 1
INTEGRITY_CODES = frozenset({"digest_mismatch", "short_transfer"})
# The number of new attempts that do not count as retries. Each of them avoids one more kind of request.
MOST_UNCOUNTED = 8
# The upper bound for the sum of all pauses. Each attempt has deadlines of its own, so that the whole work ends.
LONGEST_SECONDS = 3600.0

_ResultT = t.TypeVar("_ResultT")


@dataclass(frozen=True)
class RetryPolicy:
    """The number of retries after the first attempt, and the bounds of the pauses between attempts."""

    retries: int = 3
    base_seconds: float = 1.0
    cap_seconds: float = 60.0

    def delays(self, random: t.Callable[[], float]) -> t.Iterator[float]:
        """Yield the pause before each retry; see :func:`delays`."""
        return delays(self.retries, base_seconds=self.base_seconds, cap_seconds=self.cap_seconds, random=random)


def delays(
    retries: int, *, base_seconds: float, cap_seconds: float, random: t.Callable[[], float]
) -> t.Iterator[float]:
    """Yield up to ``retries`` pauses in seconds, which double from ``base_seconds`` up to ``cap_seconds``.

    The pauses end early when their sum would exceed LONGEST_SECONDS. ``random`` returns numbers from 0.0 to 1.0. Half
    of each pause is fixed, so that a server which limits connections (sshd_config(5), MaxStartups and
    PerSourcePenalties) can recover. The other half is random, so that jobs which failed together do not retry together.
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
    """Return whether to retry after ``error`` ended attempt number ``attempt`` (the first is 1).

    A retryable error allows it. A damaged or short transfer allows it once, counted over the ``earlier`` errors of the
    same work. An exception that is no ``BackhaulError`` is a bug, which a retry does not fix.
    """
    if attempt > policy.retries:
        return False
    if isinstance(error, IntegrityError):
        damaged = sum(isinstance(failure, IntegrityError) for failure in earlier)
        return error.code in INTEGRITY_CODES and damaged < INTEGRITY_RETRIES
    return isinstance(error, BackhaulError) and error.retryable


def retry(
    work: t.Callable[[], _ResultT],
    *,
    policy: RetryPolicy,
    random: t.Callable[[], float],
    sleep: t.Callable[[float], None],
    failed: t.Callable[[BackhaulError], None],
    has_details: bool = False,
) -> tuple[_ResultT, tuple[FailedAttempt, ...]]:
    """Run ``work``, again after an error that allows it; return its result and the attempts that were retried.

    ``failed`` is called with every error, before the pause and before the last error is raised. An error that
    ``is_uncounted`` starts the work again at once and uses up no retry, at most ``MOST_UNCOUNTED`` times. With
    ``has_details`` the last error has ``attempts`` and ``retried`` in its ``details``.
    """
    pauses = policy.delays(random)
    earlier: list[BackhaulError] = []
    uncounted = 0
    while True:
        try:
            return work(), _failed_attempts(earlier)
        except BackhaulError as exc:
            failed(exc)
            if exc.is_uncounted and uncounted < MOST_UNCOUNTED:
                uncounted += 1
                continue
            may = may_retry(exc, attempt=len(earlier) + 1, policy=policy, earlier=earlier)
            pause = next(pauses, None) if may else None
            if pause is None:
                if has_details:
                    exc.details.setdefault("attempts", len(earlier) + 1)
                    exc.details.setdefault("retried", [asdict(attempt) for attempt in _failed_attempts(earlier)])
                raise
            earlier.append(exc)
        sleep(pause)


def _failed_attempts(earlier: t.Iterable[BackhaulError]) -> tuple[FailedAttempt, ...]:
    return tuple(FailedAttempt(error.code, error.role, error.cause) for error in earlier)
