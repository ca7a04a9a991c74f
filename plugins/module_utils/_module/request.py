# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The request and the result of a module, in Ansible's worker and as a module file alike."""

from __future__ import annotations

import contextlib
import signal
import time
import typing as t
from dataclasses import dataclass, field

from .._cancellation import cancel
from .._errors import BackhaulError, LinkError
from .._model import ConnectionReport
from .._ssh.audit import recording
from .progress import ProgressLog
from .results import connection_fields

Result = t.Dict[str, t.Any]
Spec = t.Dict[str, t.Any]


@dataclass(frozen=True)
class SubstituteFiles:
    """Files to read instead of others, by path; ``content`` is a file that replaces no other one."""

    files: t.Mapping[bytes, bytes] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True)
class Request:
    """The parameters of a task, and whether to change anything and to show differences.

    ``reports`` has an entry for each connection that was made; a result has them also when the module fails.
    ``substitutes`` are files to read instead of others.
    """

    params: t.Mapping[str, t.Any]
    check_mode: bool
    diff_mode: bool
    reports: list[ConnectionReport] = field(default_factory=list)
    progress: ProgressLog = field(default_factory=ProgressLog)
    substitutes: SubstituteFiles = field(default_factory=SubstituteFiles)


@dataclass(frozen=True)
class ModuleResult:
    """What a module found or did; with an ``error`` it fails and still returns the ``result``.

    ``result`` has no key ``path`` or ``dest``: Ansible would add the attributes of that path on the controller.
    """

    result: Result
    error: BackhaulError | None = None
    warnings: tuple[str, ...] = field(default=())


Body = t.Callable[[Request], ModuleResult]


@dataclass(frozen=True)
class Module:
    """A module: its full name, its argument specification, and the function that does its work."""

    name: str
    argument_spec: Spec
    body: Body


def perform(body: Body, request: Request, *, limit_seconds: float) -> ModuleResult:
    """Run a body with its audit log and within ``limit_seconds``, 0 for no limit; return its errors as a result.

    Exceptions other than BackhaulError are raised.
    """
    params = request.params
    try:
        with recording(params["log_file"] or "", params["log_level"]), limited(limit_seconds):
            return body(request)
    except BackhaulError as exc:
        return _failed(request, exc)
    except TaskTimeout:
        return _failed(request, timeout_error())


def result_fields(answer: ModuleResult, params: t.Mapping[str, t.Any]) -> Result:
    """Return the keys of a task's result; ``failed`` and ``warnings`` are left to the caller."""
    error = {} if answer.error is None else answer.error.to_fail_json()
    return {**answer.result, **error, "invocation": {"module_args": _as_valid_text(dict(params))}}


def _failed(request: Request, error: BackhaulError) -> ModuleResult:
    connections = [connection_fields(report) for report in request.reports]
    return ModuleResult({"changed": False, "connections": connections}, error=error)


def _as_valid_text(value: t.Any) -> t.Any:  # noqa: ANN401 - parameters of any type
    """Escape bytes that are not UTF-8 in the parameters; Ansible refuses a result that contains them.

    They come from paths that were given as ``path_base64``.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {key: _as_valid_text(inner) for key, inner in value.items()}
    return [_as_valid_text(inner) for inner in value] if isinstance(value, list) else value


class TaskTimeout(BaseException):
    """The seconds of the task's ``async`` are over. No retry loop catches it; context managers clean up."""


@contextlib.contextmanager
def limited(seconds: float) -> t.Iterator[None]:
    """Raise TaskTimeout in the block after ``seconds``, 0 for never; a timer that is set already keeps running.

    The task's ``timeout`` uses the same timer (SIGALRM) in Ansible's worker. The earlier of both ends the block.
    """
    others_seconds = signal.getitimer(signal.ITIMER_REAL)[0]
    if seconds <= 0 or 0 < others_seconds <= seconds:
        yield
        return

    def expire(_number: int, _frame: object) -> None:
        cancel(TaskTimeout())

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if others_seconds:
            left = others_seconds - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))


def timeout_error() -> LinkError:
    """Return the error of a task that has used up the seconds of its ``async``."""
    return LinkError(
        "timed_out",
        "the task did not finish within the seconds that its 'async' allows",
        remedy="Nothing half-done was published. Allow more time, or find out what is slow.",
    )
