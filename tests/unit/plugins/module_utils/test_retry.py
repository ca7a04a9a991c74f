# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision to retry, the pauses and the loop."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import (
    BackhaulError,
    InputError,
    IntegrityError,
    LinkError,
    RemoteError,
    SelectionError,
    TrustError,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy, delays, may_retry, retry

LOST = LinkError("link_lost", "the connection was lost")
BROKEN = IntegrityError("digest_mismatch", "the digests differ")


def test_pauses_double_up_to_the_cap() -> None:
    longest = list(delays(6, base_seconds=1, cap_seconds=10, random=lambda: 1.0))
    shortest = list(delays(6, base_seconds=1, cap_seconds=10, random=lambda: 0.0))
    assert longest == [1, 2, 4, 8, 10, 10]
    assert shortest == [0.5, 1, 2, 4, 5, 5]


def test_without_retries_no_random_number_is_drawn() -> None:
    drawn = itertools.count()
    assert list(delays(0, base_seconds=1, cap_seconds=10, random=lambda: 0.5)) == []
    schedule = delays(5, base_seconds=1, cap_seconds=10, random=lambda: next(drawn) / 10)
    next(schedule)
    assert next(drawn) == 1


@given(
    st.integers(0, 2000),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.floats(0, 1, exclude_max=True),
)
def test_every_pause_keeps_within_its_bounds(retries: int, base: float, cap: float, runtime: float) -> None:
    pauses = list(delays(retries, base_seconds=base, cap_seconds=cap, random=lambda: runtime))
    assert len(pauses) == retries or sum(pauses) > 3600 - cap
    assert sum(pauses) <= 3600
    assert all(min(base, cap) / 2 <= pause <= cap for pause in pauses)
    assert pauses == sorted(pauses)


def test_a_thousand_retries_end_within_an_hour() -> None:
    pauses = list(delays(1000, base_seconds=1, cap_seconds=60, random=lambda: 0.5))
    assert 3500 < sum(pauses) <= 3600


def test_the_policy_passes_its_numbers() -> None:
    policy = RetryPolicy(retries=2, base_seconds=4, cap_seconds=6)
    assert list(policy.delays(lambda: 1.0)) == [4, 6]


def test_a_lost_link_is_retried_as_often_as_allowed() -> None:
    policy = RetryPolicy(retries=3)
    assert [may_retry(LOST, attempt=attempt, policy=policy) for attempt in (1, 2, 3, 4)] == [True, True, True, False]
    assert not may_retry(LOST, attempt=1, policy=RetryPolicy(retries=0))


@pytest.mark.parametrize(
    "error",
    [
        InputError("invalid_input", "no"),
        TrustError("authentication_refused", "no"),
        RemoteError("no_space", "no"),
        SelectionError("no_match", "no"),
    ],
    ids=lambda error: error.code,
)
def test_permanent_errors_are_not_retried(error: BackhaulError) -> None:
    assert not may_retry(error, attempt=1, policy=RetryPolicy(retries=9))


def test_a_damaged_copy_is_retried_once() -> None:
    policy = RetryPolicy(retries=9)
    assert may_retry(BROKEN, attempt=1, policy=policy)
    assert may_retry(BROKEN, attempt=3, policy=policy, earlier=[LOST, LOST])
    assert not may_retry(BROKEN, attempt=2, policy=policy, earlier=[BROKEN])
    assert not may_retry(BROKEN, attempt=3, policy=policy, earlier=[BROKEN, LOST])
    assert may_retry(LOST, attempt=2, policy=policy, earlier=[BROKEN])
    assert not may_retry(BROKEN, attempt=1, policy=RetryPolicy(retries=0))


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError("a bug"), KeyboardInterrupt()], ids=repr)
def test_bugs_are_not_retried(error: BaseException) -> None:
    assert not may_retry(error, attempt=1, policy=RetryPolicy())


def test_the_loop_pauses_between_attempts_and_returns_why_they_were_retried() -> None:
    errors: list[BackhaulError] = [LOST, BROKEN]
    slept: list[float] = []
    failed: list[BackhaulError] = []

    def work() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    result, retried = retry(
        work, policy=RetryPolicy(base_seconds=1), random=lambda: 1.0, sleep=slept.append, failed=failed.append
    )
    assert (result, [attempt.code for attempt in retried]) == ("done", ["link_lost", "digest_mismatch"])
    assert (slept, failed) == ([1, 2], [LOST, BROKEN])


@pytest.mark.parametrize("has_details", [True, False])
def test_the_last_error_counts_the_attempts_where_that_is_asked_for(has_details: bool) -> None:
    broken = IntegrityError("digest_mismatch", "the digests differ")

    def work() -> None:
        raise broken

    with pytest.raises(IntegrityError):
        retry(
            work,
            policy=RetryPolicy(),
            random=lambda: 0.0,
            sleep=lambda _seconds: None,
            failed=lambda _error: None,
            has_details=has_details,
        )
    retried = [{"code": "digest_mismatch", "role": "", "message": "the digests differ"}]
    assert broken.details == ({"attempts": 2, "retried": retried} if has_details else {})
