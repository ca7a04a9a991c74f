# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run modules with a task's options and return their results, without Ansible."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.find import find as find_body
from ansible_collections.backhaul.sftp.plugins.module_utils._module.get import get as get_body
from ansible_collections.backhaul.sftp.plugins.module_utils._module.put import put as put_body
from ansible_collections.backhaul.sftp.plugins.module_utils._module.relay import relay as relay_body
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import ModuleResult, Request
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import (
    destinations_spec,
    endpoint_spec,
    source_spec,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._options.paths import get_spec, put_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.selection import selection_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.transfer import transfer_spec
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import parameters

Json = t.Dict[str, t.Any]
_RELAY = {**source_spec(), **destinations_spec(), **transfer_spec(), "min_success": {"type": "int"}}
_FIND = {**endpoint_spec(), "path": {"type": "str", "required": True}, **selection_spec()}
# Timeout options for a slow server, and for one that no longer replies.
LONG_TIMEOUTS: Json = {"connect_timeout": 30, "operation_timeout": 10, "stall_timeout": 10}
SHORT_TIMEOUTS: Json = {"connect_timeout": 30, "operation_timeout": 1, "stall_timeout": 1}


class Result(t.NamedTuple):
    """The result of a task; ``error`` is empty after success."""

    value: Json
    error: Json
    warnings: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """Return the code of the error, or an empty text."""
        return str(self.error.get("code", ""))

    @property
    def entry(self) -> Json:
        """Return the entry of the first destination."""
        return t.cast(Json, self.value["destinations"][0])


def relay(source: Json, *destinations: Json, **options: t.Any) -> Result:
    """Run sftp_relay; ``retries`` is 0 by default."""
    given = {"retries": 0, "retry_delay": "0.1s", **options}
    return _run(relay_body, parameters(_RELAY, source=source, destinations=list(destinations), **given))


def find(end: Json, **options: t.Any) -> Result:
    """Run sftp_find; the path is among the endpoint's suboptions."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    return _run(find_body, parameters(_FIND, endpoint=endpoint, path=end["path"], **options))


def answer_of_find(end: Json, **options: t.Any) -> ModuleResult:
    """Run sftp_find; return the module result with its warnings."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    params = parameters(_FIND, endpoint=endpoint, path=end["path"], **options)
    return find_body(Request(params, check_mode=False, diff_mode=True))


def get(end: Json, dest: str, **options: t.Any) -> Result:
    """Run sftp_get; the path is among the endpoint's suboptions and ``retries`` is 0 by default."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    given = {"src": end["path"], "dest": dest, "retries": 0, "retry_delay": "0.1s", **options}
    return _run(get_body, parameters(get_spec(), endpoint=endpoint, **given))


def put(source: str, end: Json, **options: t.Any) -> Result:
    """Run sftp_put; the path is among the endpoint's suboptions and ``retries`` is 0 by default."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    given = {"src": source, "dest": end["path"], "retries": 0, "retry_delay": "0.1s", **options}
    return _run(put_body, parameters(put_spec(), endpoint=endpoint, **given))


def _run(body: t.Callable[[Request], ModuleResult], params: Json) -> Result:
    """Return the module's result. Exceptions other than BackhaulError fail the test."""
    try:
        answer = body(Request(params, check_mode=False, diff_mode=True))
    except BackhaulError as exc:
        answer = ModuleResult({"changed": False}, error=exc)
    error = {} if answer.error is None else answer.error.to_dict()
    return Result(json.loads(json.dumps(answer.result)), json.loads(json.dumps(error)), tuple(answer.warnings))
