# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The boundary to Ansible: parameters come in, one result goes out, and nowhere else does anything exit or fail."""

from __future__ import annotations

import contextlib
import signal
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule

from .._errors import BackhaulError, LinkError
from .._interruption import interrupt
from .._model import ConnectionReport
from .._options import log_spec
from .._ssh.audit import recording
from .abandonment import end_when_abandoned
from .progress import announce_process, time_limit_seconds
from .results import connection_fields
from .withheld import restore, take_secrets

Result = t.Dict[str, t.Any]
# Where Ansible reads a module's result: its standard output.
RESULT_DESCRIPTOR = 1


@dataclass(frozen=True)
class Request:
    """What a module was asked: its parameters, and whether to change anything and to show differences.

    ``reports`` are of the connections that were made for it; a result has them also when the module fails.
    """

    params: t.Mapping[str, t.Any]
    check_mode: bool
    diff_mode: bool
    reports: list[ConnectionReport] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """What a module found or did; with an ``error`` it fails, and still returns the ``result``.

    ``result`` has no ``path`` or ``dest`` at its top: Ansible would add what the controller's file system says of it.
    """

    result: Result
    error: BackhaulError | None = None
    warnings: tuple[str, ...] = field(default=())


def serve(body: t.Callable[[Request], Answer], argument_spec: t.Mapping[str, t.Any]) -> None:
    """Run a module's body on Ansible's parameters and exit with what it answers.

    Every BackhaulError becomes ``fail_json``; anything else is a mistake of ours and keeps its traceback. A job that is
    cancelled (SIGTERM, SIGINT, or nobody left to read its result) leaves through the context managers, so that nothing
    half-done stays behind.
    """
    secrets = take_secrets()
    module = AnsibleModule(argument_spec={**argument_spec, **log_spec()}, supports_check_mode=True)
    module.no_log_values.update(secrets.values())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    announce_process()
    end_when_abandoned(RESULT_DESCRIPTOR)
    params = restore(module.params, secrets)
    request = Request(params=params, check_mode=module.check_mode, diff_mode=bool(module._diff))
    try:
        with recording(module.params["log_file"] or "", module.params["log_level"]), limited(time_limit_seconds()):
            answer = body(request)
    except BackhaulError as exc:
        answer = _failed(request, exc)
    except TimeIsUp:
        answer = _failed(request, too_long())
    for warning in answer.warnings:
        module.warn(warning)
    invocation = {"invocation": {"module_args": _as_valid_text(module.params)}}
    if answer.error is not None:
        module.fail_json(**{**answer.result, **answer.error.to_fail_json(), **invocation})
    module.exit_json(**answer.result, **invocation)


def _failed(request: Request, error: BackhaulError) -> Answer:
    connections = [connection_fields(report) for report in request.reports]
    return Answer({"changed": False, "connections": connections}, error=error)


def _as_valid_text(value: t.Any) -> t.Any:  # noqa: ANN401 - parameters of any type
    """Escape bytes that are not UTF-8 in the parameters: Ansible refuses a whole result that shows them as they are.

    They are in paths that were made from ``path_base64``.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {key: _as_valid_text(inner) for key, inner in value.items()}
    return [_as_valid_text(inner) for inner in value] if isinstance(value, list) else value


def _leave(number: int, _frame: object) -> None:
    interrupt(SystemExit(128 + number))


class TimeIsUp(BaseException):
    """The seconds of the task's ``async`` are over: leaves a body through everything that retries or cleans up."""


@contextlib.contextmanager
def limited(seconds: float) -> t.Iterator[None]:
    """Bound the body by the seconds of the task's ``async``; 0 is no bound."""

    def expire(_number: int, _frame: object) -> None:
        interrupt(TimeIsUp())

    if seconds > 0:
        signal.signal(signal.SIGALRM, expire)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def too_long() -> LinkError:
    return LinkError(
        "timed_out",
        "the task did not finish within the seconds that its 'async' allows",
        remedy="Nothing half-done was published. Allow more time, or find out what is slow.",
    )
