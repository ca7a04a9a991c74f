# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cancellation is raised at once, or at the end of a shielded block."""

from __future__ import annotations

import signal

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._cancellation import cancel, shielded


class _Stop(BaseException):
    """The exception that a signal handler raises."""


def test_a_cancellation_outside_of_a_shielded_block_is_raised_at_once() -> None:
    with pytest.raises(_Stop):
        cancel(_Stop())


def test_a_cancellation_waits_for_the_end_of_the_outermost_shielded_block() -> None:
    done = []

    def work() -> None:
        with shielded():
            with shielded():
                cancel(_Stop())
                done.append("inner")
            done.append("outer")
        done.append("after")

    with pytest.raises(_Stop):
        work()
    assert done == ["inner", "outer"]
    with shielded():
        done.append("again")  # the cancellation is not raised a second time


def test_a_signal_inside_a_shielded_block_does_not_divide_it() -> None:
    done = []

    def work() -> None:
        with shielded():
            signal.raise_signal(signal.SIGUSR1)
            done.append("whole")

    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: cancel(_Stop()))
    try:
        with pytest.raises(_Stop):
            work()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert done == ["whole"]


def test_a_cancellation_replaces_the_error_of_the_shielded_block() -> None:
    with pytest.raises(_Stop) as caught, shielded():
        cancel(_Stop())
        raise ValueError
    assert isinstance(caught.value.__context__, ValueError)
