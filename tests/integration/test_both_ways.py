# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module has the same result in Ansible's worker and as a module file, except for times and order of runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module.find import FIND
from ansible_collections.backhaul.sftp.plugins.module_utils._module.get import GET
from ansible_collections.backhaul.sftp.plugins.module_utils._module.info import INFO
from ansible_collections.backhaul.sftp.plugins.module_utils._module.put import PUT
from ansible_collections.backhaul.sftp.plugins.module_utils._module.relay import RELAY
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import Module, SubstituteFiles
from ansible_collections.backhaul.sftp.plugins.plugin_utils._worker import run_body
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import SHOWING_INVOCATION, endpoint_of

Vars = t.Dict[str, t.Any]
_AS_MODULE_FILE = """
import importlib, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
basic._ANSIBLE_PROFILE = "legacy"
importlib.import_module(sys.argv[1]).main()
"""
_TIMES = re.compile(r'"(seconds|bytes_per_second|free_bytes)": [0-9.e-]+')


class Case(t.NamedTuple):
    """A task that runs both ways; ``{out}`` is the folder of each run."""

    module: Module
    arguments: Vars
    check: bool = False


def _as_module_file(case: Case, arguments: Vars) -> Vars:
    modes = {"_ansible_check_mode": case.check, "_ansible_diff": True, **SHOWING_INVOCATION}
    given = {"ANSIBLE_MODULE_ARGS": {**arguments, **modes}}
    name = case.module.body.__module__
    ended = subprocess.run(
        [sys.executable, "-c", _AS_MODULE_FILE, name],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    result = t.cast(Vars, json.loads(ended.stdout))
    if "warnings" in result:  # as texts, which Ansible accepts too
        result["warnings"] = [_text(warning) for warning in result["warnings"]]
    # basic.py does not know the module's name without Ansible's packing.
    return (
        {**result, "msg": result["msg"].replace("(basic.py)", f"({case.module.name})")} if "msg" in result else result
    )


def _text(warning: t.Any) -> str:
    """Return a warning's text; ansible-core 2.19 and later add its origin."""
    while isinstance(warning, dict):
        warning = warning.get("event") or warning["msg"]
    return str(warning)


def _in_worker(case: Case, arguments: Vars) -> Vars:
    return run_body(
        case.module,
        arguments,
        check_mode=case.check,
        diff_mode=True,
        limit_seconds=0,
        shows_invocation=True,
        sink=None,
        substitutes=SubstituteFiles(),
    )


@pytest.fixture
def cases(lab: SharedLab, tmp_path: Path) -> dict[str, Case]:
    server = lab.openssh()
    folder = server.root / "both-ways"
    folder.mkdir(exist_ok=True)
    (folder / "b.tar").write_bytes(b"content")
    os.utime(folder / "b.tar", (1_700_000_000, 1_700_000_000))  # a source that was just written is hashed once more
    at = server.remote_path(folder)
    end = endpoint_of(server)
    there = {**end, "path": f"{at}/b.tar"}
    locked = {**end, "private_key": end["private_key"], "password": "canary-password"}
    out = str(tmp_path / "{out}")
    here = {"local": True, "path": f"{out}/"}
    return {
        "found": Case(FIND, {"endpoint": locked, "path": at, "patterns": ["*.tar"], "checksum": "sha256"}),
        "not found": Case(FIND, {"endpoint": end, "path": at, "patterns": ["*.zip"]}),
        "no such folder": Case(FIND, {"endpoint": end, "path": f"{at}/none"}),
        "information": Case(INFO, {"endpoint": end, "path": at}),
        "relayed": Case(RELAY, {"source": there, "destinations": [here], "create_directories": True}),
        "planned": Case(RELAY, {"source": there, "destinations": [here], "create_directories": True}, check=True),
        "no source": Case(RELAY, {"source": {**end, "path": f"{at}/none"}, "destinations": [here]}),
        "some failed": Case(
            RELAY,
            {
                "source": there,
                "destinations": [here, {"local": True, "path": f"{out}/none/x/y"}],
                "create_directories": False,
                "min_success": 1,
                "retries": 0,
            },
        ),
        "downloaded": Case(GET, {"endpoint": end, "src": f"{at}/b.tar", "dest": f"{out}/", "mode": "0640"}),
        "uploaded": Case(PUT, {"endpoint": end, "src": str(folder / "b.tar"), "dest": f"{at}/up-{{out}}"}),
        "unknown key": Case(FIND, {"endpoint": {**end, "host_keys": None, "known_hosts": "# none"}, "path": at}),
        "unknown option": Case(FIND, {"endpoint": locked, "path": at, "pattern": "x"}),
        "wrong type": Case(RELAY, {"source": {**there, "port": "x"}, "destinations": [here]}),
        "missing option": Case(RELAY, {"source": there}),
        "exclusive options": Case(GET, {"endpoint": end, "src": "a", "paths": ["b"], "dest": out}),
        "blank options": Case(FIND, {"endpoint": end, "path": at, "patterns": "*.tar", "min_size": "", "limit": "1"}),
    }


@pytest.mark.parametrize(
    "name",
    [
        "found",
        "not found",
        "no such folder",
        "information",
        "relayed",
        "planned",
        "no source",
        "some failed",
        "downloaded",
        "uploaded",
        "unknown key",
        "unknown option",
        "wrong type",
        "missing option",
        "exclusive options",
        "blank options",
    ],
)
def test_a_task_answers_the_same_in_the_worker_and_as_a_module_file(
    cases: dict[str, Case], name: str, tmp_path: Path
) -> None:
    case = cases[name]
    answers = []
    for way, run in (("way-1", _in_worker), ("way-2", _as_module_file)):
        (tmp_path / way).mkdir()
        text = json.dumps(case.arguments).replace("{out}", way)
        result = json.dumps(run(case, json.loads(text)), sort_keys=True)
        assert "canary-password" not in result
        answers.append(json.loads(_TIMES.sub('"\\1": 0', result.replace(way, "way"))))
    assert dict(_leaves(answers[0])) == dict(_leaves(answers[1]))


def _leaves(value: t.Any, place: str = "") -> t.Iterator[tuple[str, t.Any]]:
    """Yield every value with its path, so that a failure shows the differing one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{number}]")
    yield place, value if not isinstance(value, (dict, list)) else len(value)
