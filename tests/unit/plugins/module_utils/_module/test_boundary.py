# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One result goes out, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import typing as t

import pytest
from ansible.module_utils import basic

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.boundary import Answer, Request, serve

SPEC = {"name": {"type": "str", "required": True}, "password": {"type": "str", "no_log": True}}


@pytest.fixture(autouse=True)
def _signals_as_before() -> t.Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Served(t.NamedTuple):
    """How the module ended."""

    exit_code: int
    result: dict[str, t.Any]
    complaints: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> t.Callable[..., Served]:
    def run_body(body: t.Callable[[Request], Answer], **given: t.Any) -> Served:
        arguments = {"ANSIBLE_MODULE_ARGS": {"name": "n", "_ansible_remote_tmp": "/tmp", **given}}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as caught:
            serve(body, SPEC)
        code = caught.value.code if isinstance(caught.value.code, int) else 0
        printed, complaints = capsys.readouterr()
        return Served(code, json.loads(printed) if printed else {}, complaints)

    return run_body


Run = t.Callable[..., Served]


def test_a_result_goes_out_with_its_warnings(run: Run) -> None:
    served = run(lambda request: Answer({"changed": True, "name": request.params["name"]}, warnings=("careful",)))
    assert (served.exit_code, served.result["changed"], served.result["name"]) == (0, True, "n")
    # Where this process imported the controller's half of Ansible before, a warning is shown in place of returned.
    assert "careful" in json.dumps(served.result.get("warnings")) + served.complaints


def test_check_and_diff_mode_are_passed_on(run: Run) -> None:
    seen: list[Request] = []

    def body(request: Request) -> Answer:
        seen.append(request)
        return Answer({"changed": False})

    run(body, _ansible_check_mode=True, _ansible_diff=True)
    run(body)
    assert [(each.check_mode, each.diff_mode) for each in seen] == [(True, True), (False, False)]


def test_an_error_becomes_a_failure_with_data(run: Run) -> None:
    def body(request: Request) -> Answer:
        raise RemoteError("not_found", "nothing there", remedy="look", role="source", host="h")

    served = run(body)
    assert served.exit_code == 1
    assert (served.result["failed"], served.result["changed"], served.result["error"]["code"]) == (
        True,
        False,
        "not_found",
    )
    assert served.result["msg"] == "source h: nothing there\nlook"


def test_a_failure_keeps_the_results_of_what_succeeded(run: Run) -> None:
    error = RemoteError("no_space", "full")
    served = run(lambda request: Answer({"changed": True, "destinations": [1]}, error=error))
    assert (served.result["failed"], served.result["changed"], served.result["destinations"]) == (True, True, [1])


def test_a_mistake_of_ours_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(request: Request) -> Answer:
        raise ZeroDivisionError

    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {"name": "n"}}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(ZeroDivisionError):
        serve(body, SPEC)


def test_a_secret_is_masked_in_whatever_goes_out(run: Run) -> None:
    served = run(
        lambda request: Answer({"changed": False, "text": request.params["password"]}), password="canary-secret"
    )
    assert "canary-secret" not in json.dumps(served.result)


def test_a_cancelled_job_leaves_through_the_context_managers(run: Run) -> None:
    left: list[str] = []

    class Work:
        def __enter__(self) -> None: ...

        def __exit__(self, *_exc_info: object) -> None:
            left.append("left")

    def body(request: Request) -> Answer:
        with Work():
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        return Answer({"changed": False})

    served = run(body)
    assert (served.exit_code, left) == (128 + signal.SIGTERM, ["left"])


def test_the_time_that_a_task_is_given_ends_it_as_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKHAUL_SFTP_TIME_LIMIT", "0.1")

    def body(request: Request) -> Answer:
        signal.pause()
        return Answer({"changed": False})

    assert run(body).result["error"]["code"] == "timed_out"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
