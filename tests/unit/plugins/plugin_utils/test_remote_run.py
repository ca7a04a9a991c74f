# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of Ansible about a host on which the module cannot run, and the end of a run."""

from __future__ import annotations

import signal
import subprocess
import sys
import typing as t

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._remote_run import (
    explain,
    terminate_children,
    terminate_children_on_error,
    translate_errors,
)

Vars = t.Dict[str, t.Any]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ssh: connect to host h port 1: Connection refused", "connect_failed"),
        ("root@h: Permission denied (publickey).", "authentication_refused"),
        ("No ED25519 host key is known for h.\nHost key verification failed.", "host_key_unknown"),
        ("@ REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "host_key_mismatch"),
        ("", "connect_failed"),
    ],
)
def test_an_unreachable_host_is_an_error_with_a_code(text: str, code: str) -> None:
    with pytest.raises(BackhaulError) as caught, translate_errors("h", role="source"):
        raise AnsibleConnectionFailure(f"Failed to connect to the host via ssh: OpenSSH_9.2p1\ndebug1: x\n{text}")
    assert (caught.value.code, caught.value.host, caught.value.role) == (code, "h", "source")
    assert "debug1" not in caught.value.cause
    assert "\n" not in caught.value.cause
    assert caught.value.remedy


def _missing(code: str = "dependency_missing") -> Vars:
    return InputError(code, "paramiko cannot be imported", host="far", role="destination").to_dict()


def test_a_missing_library_is_reported_for_the_host_that_ran_the_module() -> None:
    given: Vars = {
        "failed": True,
        "msg": "x",
        "error": _missing(),
        "destinations": [{"error": _missing()}, {"error": None}],
    }
    found = explain(given, "near", role="source")
    for error in (found["error"], found["destinations"][0]["error"]):
        assert (error["host"], error["role"]) == ("near", "source")
        assert "near" in error["remedy"]
    assert found["destinations"][1]["error"] is None
    assert found["msg"].startswith("source near: paramiko cannot be imported\n")


def test_any_other_result_is_unchanged() -> None:
    for given in (
        {"changed": True},
        {"failed": True, "msg": "Unsupported parameters"},
        {"failed": True, "msg": "x", "error": _missing("unsafe_path"), "destinations": []},
    ):
        assert explain(dict(given), "near", role="source") == given


def test_a_module_that_did_not_start_is_explained() -> None:
    given = {
        "failed": True,
        "msg": "MODULE FAILURE",
        "module_stderr": "python: not found",
        "module_stdout": "",
        "rc": 127,
    }
    found = explain(given, "near", role="source")
    assert found["error"]["code"] == "dependency_missing"
    assert "MODULE FAILURE" in found["msg"]
    assert "route: controller" in found["msg"]
    assert found["module_stderr"] == "python: not found"


@pytest.fixture
def child() -> t.Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_an_exception_terminates_the_children(child: subprocess.Popen[bytes]) -> None:
    with pytest.raises(KeyError), terminate_children_on_error():
        raise KeyError
    assert child.wait(timeout=20) == -signal.SIGTERM


def test_a_block_without_exception_does_not_terminate_children(child: subprocess.Popen[bytes]) -> None:
    with terminate_children_on_error():
        pass
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.2)


def test_without_children_no_process_is_terminated() -> None:
    terminate_children()


def test_the_exit_of_the_playbooks_process_terminates_the_children(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the process of the playbook is killed, the worker gets another parent."""
    parents = iter([1])
    monkeypatch.setattr("os.getppid", lambda: next(parents, 2))
    with terminate_children_on_error():
        assert child.wait(timeout=20) == -signal.SIGTERM
