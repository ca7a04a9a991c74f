# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request is bounded by, and what its result shows of the parameters."""

from __future__ import annotations

import signal

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import (
    ModuleResult,
    TaskTimeout,
    limited,
    result_fields,
)


def test_a_timer_of_others_that_is_earlier_is_left_alone() -> None:
    """The task's ``timeout`` uses the same timer in Ansible's worker."""
    fired: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: fired.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with limited(30):
            signal.pause()
        assert fired == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_timer_of_others_that_is_later_goes_on_afterwards() -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        signal.setitimer(signal.ITIMER_REAL, 100)
        with pytest.raises(TaskTimeout), limited(0.05):
            signal.pause()
        assert 90 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_parameters_that_are_not_utf8_are_shown_escaped() -> None:
    result = result_fields(ModuleResult({"changed": False}), {"paths": ["a\udcff"], "limit": 3})
    assert result["invocation"]["module_args"] == {"paths": ["a\\xff"], "limit": 3}
