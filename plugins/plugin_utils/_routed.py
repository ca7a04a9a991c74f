# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The action of a relay: with the option ``route`` it runs the module on the hosts of the source or destinations."""

from __future__ import annotations

import time
import typing as t

from ansible.errors import AnsibleError

from ..module_utils._errors import BackhaulError, InputError
from ..module_utils._module.entry import TIME_LIMIT_NAME
from ..module_utils._module.request import timeout_error
from ._action import EndpointAction, Vars, as_result
from ._endpoints import EndpointResolver
from ._hosts import action_on
from ._merge import merge, required_successes
from ._remote_run import explain, terminate_children_on_error, translate_errors
from ._routes import Leg, is_routed, plan_legs


class RoutedAction(EndpointAction):
    """Runs the module once on each host that ``route`` selects."""

    def _execute(self, arguments: Vars, resolver: EndpointResolver) -> Vars:
        if not is_routed(arguments):
            return super()._execute(arguments, resolver)
        self._heartbeat_seconds()  # refuses an invalid value; a routed run shows no progress
        legs = plan_legs(arguments, resolver)
        self._refuse_background(legs)
        seconds = self._seconds_left()
        if len(legs) == 1:
            return self._run_leg(legs[0], resolver, seconds)
        required = required_successes(arguments)
        return merge([(leg, self._try_leg(leg, resolver, seconds)) for leg in legs], required=required)

    def _refuse_background(self, legs: t.Sequence[Leg]) -> None:
        hosts = [leg.host for leg in legs if leg.host]
        if hosts and self._is_for_the_background():
            raise InputError(
                "invalid_input",
                f"a job in the background cannot run on {hosts[0]}: its credentials would be in a file there",
                remedy="Leave out 'poll: 0', or take 'route: controller'.",
                host=hosts[0],
            )

    def _seconds_left(self) -> t.Callable[[], float | None]:
        """Return a function for the seconds until ``async`` or ``timeout`` ends the task; None means no limit."""
        if self._is_for_the_background():
            return lambda: None
        limits = [float(seconds) for seconds in (self._take_limit_seconds(), self._task.timeout) if seconds]
        if not limits:
            return lambda: None
        deadline = time.monotonic() + min(limits)
        return lambda: deadline - time.monotonic()

    def _try_leg(self, leg: Leg, resolver: EndpointResolver, seconds: t.Callable[[], float | None]) -> Vars:
        """Run one leg; return an error as its result, so that the other legs run as well."""
        try:
            return self._run_leg(Leg(leg.host, {**leg.arguments, "min_success": None}, leg.indexes), resolver, seconds)
        except BackhaulError as exc:
            return as_result(exc)
        except AnsibleError as exc:
            return {"failed": True, "changed": False, "msg": str(exc)}

    def _run_leg(self, leg: Leg, resolver: EndpointResolver, seconds: t.Callable[[], float | None]) -> Vars:
        if not leg.host:
            return self._run_here(leg.arguments, resolver.variables)
        left = seconds()
        if left is not None and left <= 0:
            raise timeout_error()
        role = str(leg.arguments["route"])
        with translate_errors(leg.host, role=role), action_on(leg.host, plugin=self, resolver=resolver) as remote:
            if left is not None:
                remote.plugin._task.environment.append({TIME_LIMIT_NAME: str(round(left, 1))})
            with terminate_children_on_error():
                result = remote.plugin._execute_module(
                    module_name=self.module.name, module_args=leg.arguments, task_vars=remote.variables
                )
        return explain(result, leg.host, role=role)
