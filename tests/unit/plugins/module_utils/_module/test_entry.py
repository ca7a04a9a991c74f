# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One result goes out, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import syslog
import typing as t

import pytest
from ansible.module_utils import basic

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.entry import run_module
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import (
    Body,
    Module,
    ModuleResult,
    Request,
    SubstituteFiles,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import endpoint_spec
from ansible_collections.backhaul.sftp.plugins.plugin_utils._worker import cancellable, run_body
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import SHOWING_INVOCATION

SPEC = {
    "name": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    **endpoint_spec(),
}


class Served(t.NamedTuple):
    """How the module ended."""

    exit_code: int
    result: dict[str, t.Any]
    complaints: str


@pytest.fixture(autouse=True)
def _signals_as_before() -> t.Iterator[None]:
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture(params=["module file", "worker"])
def run(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> t.Callable[..., Served]:
    """Return what runs a body, as a module file or in Ansible's worker, with 'name' and 'password' as options."""

    def as_module_file(body: Body, seconds: float, given: dict[str, t.Any]) -> Served:
        arguments = {"ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": "/tmp", **SHOWING_INVOCATION, **given}}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        monkeypatch.setenv("BACKHAUL_SFTP_TIME_LIMIT", str(seconds))
        with pytest.raises(SystemExit) as caught:
            run_module(Module("backhaul.sftp.sftp_test", SPEC, body))
        code = caught.value.code if isinstance(caught.value.code, int) else 0
        printed, complaints = capsys.readouterr()
        return Served(code, json.loads(printed) if printed else {}, complaints)

    def in_worker(body: Body, seconds: float, given: dict[str, t.Any]) -> Served:
        check, diff = given.pop("_ansible_check_mode", False), given.pop("_ansible_diff", False)
        signal.signal(signal.SIGTERM, _exit_as_a_process_would)
        try:
            with cancellable():
                result = run_body(
                    Module("backhaul.sftp.sftp_test", SPEC, body),
                    given,
                    check_mode=check,
                    diff_mode=diff,
                    limit_seconds=seconds,
                    shows_invocation=True,
                    sink=None,
                    substitutes=SubstituteFiles(),
                )
        except SystemExit as exc:
            return Served(exc.code if isinstance(exc.code, int) else 0, {}, "")
        return Served(1 if result.get("failed") else 0, json.loads(json.dumps(result)), "")

    def run_body_of(body: Body, *, seconds: float = 0, **given: t.Any) -> Served:
        arguments = {"name": "n", **given}
        return (in_worker if request.param == "worker" else as_module_file)(body, seconds, arguments)

    return run_body_of


def _exit_as_a_process_would(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


Run = t.Callable[..., Served]


def test_a_result_goes_out_with_its_warnings(run: Run) -> None:
    served = run(lambda request: ModuleResult({"changed": True, "name": request.params["name"]}, warnings=("careful",)))
    assert (served.exit_code, served.result["changed"], served.result["name"]) == (0, True, "n")
    # Where this process imported the controller's half of Ansible before, a warning is shown in place of returned.
    assert "careful" in json.dumps(served.result.get("warnings")) + served.complaints


def test_check_and_diff_mode_are_passed_on(run: Run) -> None:
    seen: list[Request] = []

    def body(request: Request) -> ModuleResult:
        seen.append(request)
        return ModuleResult({"changed": False})

    run(body, _ansible_check_mode=True, _ansible_diff=True)
    run(body)
    assert [(each.check_mode, each.diff_mode) for each in seen] == [(True, True), (False, False)]


def test_an_error_becomes_a_failure_with_data(run: Run) -> None:
    def body(request: Request) -> ModuleResult:
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
    served = run(lambda request: ModuleResult({"changed": True, "destinations": [1]}, error=error))
    assert (served.result["failed"], served.result["changed"], served.result["destinations"]) == (True, True, [1])


def test_a_mistake_of_ours_keeps_its_traceback_as_a_module_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {"name": "n"}}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(ZeroDivisionError):
        run_module(Module("backhaul.sftp.sftp_test", SPEC, _mistaken))


def test_a_mistake_of_ours_keeps_its_traceback_in_the_worker_without_the_secret() -> None:
    result = run_body(
        Module("backhaul.sftp.sftp_test", SPEC, _mistaken),
        {"name": "n", "password": "canary-secret"},
        check_mode=False,
        diff_mode=False,
        limit_seconds=0,
        shows_invocation=True,
        sink=None,
        substitutes=SubstituteFiles(),
    )
    assert "ZeroDivisionError" in result["exception"]
    assert result["failed"]
    assert "canary-secret" not in json.dumps(result)


def _mistaken(request: Request) -> ModuleResult:
    raise ZeroDivisionError(request.params["password"])


def test_what_the_specification_refuses_is_a_failure_that_names_the_module(run: Run) -> None:
    refused = run(_nothing, wrong="x", password="canary-secret")
    assert (refused.exit_code, refused.result["failed"]) == (1, True)
    assert refused.result["msg"].startswith("Unsupported parameters for (")
    assert "wrong" in refused.result["msg"]
    assert "canary-secret" not in json.dumps(refused.result)


def test_the_invocation_is_shown_without_the_secret(run: Run) -> None:
    arguments = run(_nothing, password="canary-secret").result["invocation"]["module_args"]
    assert (arguments["name"], arguments["password"]) == ("n", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")


def _nothing(request: Request) -> ModuleResult:
    return ModuleResult({"changed": False})


def test_a_secret_is_masked_in_whatever_goes_out(run: Run) -> None:
    served = run(
        lambda request: ModuleResult({"changed": False, "text": request.params["password"]}), password="canary-secret"
    )
    assert "canary-secret" not in json.dumps(served.result)


def test_a_cancelled_job_leaves_through_the_context_managers(run: Run) -> None:
    left: list[str] = []

    class Work:
        def __enter__(self) -> None: ...

        def __exit__(self, *_exc_info: object) -> None:
            left.append("left")

    def body(request: Request) -> ModuleResult:
        with Work():
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        return ModuleResult({"changed": False})

    served = run(body)
    assert (served.exit_code, left) == (128 + signal.SIGTERM, ["left"])


def test_the_time_that_a_task_is_given_ends_it_as_a_failure(run: Run) -> None:
    def body(request: Request) -> ModuleResult:
        signal.pause()
        return ModuleResult({"changed": False})

    assert run(body, seconds=0.1).result["error"]["code"] == "timed_out"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


KEY = "-----BEGIN KEY-----\ncanary-key-line\n-----END KEY-----\n"


@pytest.mark.parametrize("run", ["module file"], indirect=True)
def test_secrets_with_quotes_and_line_breaks_are_not_in_the_system_log(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible logs the parameters of a module file as Python writes them, and looks for the secrets as they are."""
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(syslog, "syslog", lambda _level, text: logged.append(text))
    endpoint = {"host": "h", "password": "canary'pass\"wörd", "private_key": KEY, "jump": [{"password": "canary\\hop"}]}
    run(lambda request: ModuleResult({"changed": False}), endpoint=endpoint)
    assert "Invoked with" in "".join(logged)
    assert "canary" not in "".join(logged)


def test_a_secret_of_the_wrong_type_is_refused_before_ansible_sees_it(run: Run) -> None:
    def body(request: Request) -> ModuleResult:
        raise AssertionError("the body ran")

    for endpoint in ({"host": "h", "private_key": [KEY]}, {"jump": [{"password": {"a": KEY}}]}, [KEY]):
        served = run(body, endpoint=endpoint, log_file="/nowhere/log")
        assert (served.exit_code, served.result["error"]["code"]) == (1, "invalid_input")
        assert "canary" not in json.dumps(served.result) + served.complaints


def test_the_value_of_a_misspelt_option_is_not_shown(run: Run) -> None:
    served = run(lambda request: ModuleResult({}), endpoint={"host": "h", "pasword": "canary"}, paswort="canary")
    assert (served.exit_code, served.result["failed"]) == (1, True)
    assert "paswort" in served.result["msg"]
    assert "canary" not in json.dumps(served.result) + served.complaints
