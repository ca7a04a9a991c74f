# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks as a playbook writes them and as their results come back, without Ansible in between."""

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
# What a task says of the time to wait for a server that is there and slow, and for one that says nothing any more.
PATIENT: Json = {"connect_timeout": 30, "operation_timeout": 10, "stall_timeout": 10}
IMPATIENT: Json = {"connect_timeout": 30, "operation_timeout": 1, "stall_timeout": 1}


class Result(t.NamedTuple):
    """What a task returned; ``error`` is empty for a success."""

    value: Json
    error: Json
    warnings: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """Return the code of the error, or an empty text."""
        return str(self.error.get("code", ""))

    @property
    def entry(self) -> Json:
        """Return what became of the first destination."""
        return t.cast(Json, self.value["destinations"][0])


def relay(source: Json, *destinations: Json, **options: t.Any) -> Result:
    """Relay, without retries unless they are asked for."""
    given = {"retries": 0, "retry_delay": "0.1s", **options}
    return _run(relay_body, parameters(_RELAY, source=source, destinations=list(destinations), **given))


def find(end: Json, **options: t.Any) -> Result:
    """Find in the path that is beside the endpoint's suboptions."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    return _run(find_body, parameters(_FIND, endpoint=endpoint, path=end["path"], **options))


def answer_of_find(end: Json, **options: t.Any) -> ModuleResult:
    """Find, and return the whole answer, with its warnings."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    params = parameters(_FIND, endpoint=endpoint, path=end["path"], **options)
    return find_body(Request(params, check_mode=False, diff_mode=True))


def get(end: Json, dest: str, **options: t.Any) -> Result:
    """Download what the path beside the endpoint's suboptions names, without retries unless they are asked for."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    given = {"src": end["path"], "dest": dest, "retries": 0, "retry_delay": "0.1s", **options}
    return _run(get_body, parameters(get_spec(), endpoint=endpoint, **given))


def put(source: str, end: Json, **options: t.Any) -> Result:
    """Upload to the path that is beside the endpoint's suboptions, without retries unless they are asked for."""
    endpoint = {name: value for name, value in end.items() if name != "path"}
    given = {"src": source, "dest": end["path"], "retries": 0, "retry_delay": "0.1s", **options}
    return _run(put_body, parameters(put_spec(), endpoint=endpoint, **given))


def _run(body: t.Callable[[Request], ModuleResult], params: Json) -> Result:
    """Return what the module would; anything but an error of the collection is the test's failure."""
    try:
        answer = body(Request(params, check_mode=False, diff_mode=True))
    except BackhaulError as exc:
        answer = ModuleResult({"changed": False}, error=exc)
    error = {} if answer.error is None else answer.error.to_dict()
    return Result(json.loads(json.dumps(answer.result)), json.loads(json.dumps(error)), tuple(answer.warnings))
