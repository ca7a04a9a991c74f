# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of a task with a route. tests/integration/test_routes.py uses real hosts."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.errors import AnsibleError

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, LinkError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._routed import RoutedAction
from ansible_collections.backhaul.sftp.plugins.plugin_utils._routes import Leg

NOTHING: t.Any = None
LEGS = [Leg("a", {}, (0,)), Leg("b", {}, (1,))]


def _action(*, poll: int = 10, limit: int = 0, timeout: int | None = None) -> RoutedAction:
    task: t.Any = types.SimpleNamespace(async_val=limit, poll=poll, timeout=timeout)
    return RoutedAction(task, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)


def test_a_job_in_the_background_stays_on_the_controller() -> None:
    action = _action(poll=0, limit=60)
    with pytest.raises(InputError, match="background"):
        action._refuse_background([Leg("", {}, (0,)), *LEGS])
    action._refuse_background([Leg("", {}, (0,))])
    assert action._seconds_left()() is None
    assert action._task.async_val == 60


def test_the_shorter_time_limit_applies() -> None:
    assert _action()._seconds_left()() is None
    for action in (_action(limit=60, timeout=900), _action(limit=900, timeout=60)):
        left = action._seconds_left()()
        assert left is not None
        assert 0 < left <= 60
        assert action._task.async_val == 0


def test_a_host_gets_no_run_when_the_time_is_up() -> None:
    with pytest.raises(LinkError) as caught:
        _action()._run_leg(LEGS[0], NOTHING, lambda: -1.0)
    assert caught.value.code == "timed_out"


@pytest.mark.parametrize("error", [InputError("invalid_input", "no"), AnsibleError("no")])
def test_a_failed_host_is_a_result(error: Exception) -> None:
    def fail() -> float:
        raise error

    result = _action()._try_leg(LEGS[0], NOTHING, fail)
    assert (result["failed"], result["changed"], result["msg"]) == (True, False, "no")
