# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The average rate is the limit for blocks of any size, and a pause allows no long burst."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.rate_limit import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("piece", [100, 32_768, 255 * 1024])
def test_the_average_is_the_rate(piece: int) -> None:
    clock = Clock()
    rate_limiter = RateLimiter(1_000_000, clock=clock, sleep=clock.sleep)
    count = 20_000_000 // piece
    for _piece in range(count):
        rate_limiter.acquire(piece)
    assert clock.now - 100 == pytest.approx(count * piece / 1_000_000, rel=0.01)


def test_work_between_the_pieces_counts_too() -> None:
    clock = Clock()
    rate_limiter = RateLimiter(1_000_000, clock=clock, sleep=clock.sleep)
    for _piece in range(100):
        rate_limiter.acquire(100_000)
        clock.sleep(0.05)
    assert clock.now - 100 == pytest.approx(10, rel=0.01)


def test_a_long_pause_is_made_up_for_by_no_more_than_half_a_second() -> None:
    clock = Clock()
    rate_limiter = RateLimiter(1_000_000, clock=clock, sleep=clock.sleep)
    rate_limiter.acquire(1)
    clock.sleep(60)
    began = clock.now
    for _piece in range(50):
        rate_limiter.acquire(100_000)
    assert clock.now - began == pytest.approx(4.5, rel=0.01)


def test_no_rate_is_no_limit() -> None:
    RateLimiter(0, clock=lambda: 0, sleep=lambda seconds: pytest.fail("it slept")).acquire(10**12)
