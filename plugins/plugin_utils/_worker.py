# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Run a module's body in the process that Ansible forked for a host and task.

This replaces the work of AnsibleModule and of a separate process: plain types of arguments, the check against the
argument spec, a result without secrets, and cancellation by signals.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import traceback
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.utils.display import Display

from ..module_utils._cancellation import cancel
from ..module_utils._errors import InputError, printable
from ..module_utils._module.progress import ProgressLog, Sink
from ..module_utils._module.request import Module, Request, SubstituteFiles, perform, result_fields
from ..module_utils._module.secret_options import checked_arguments
from ..module_utils._options.attributes import log_spec

Result = t.Dict[str, t.Any]
_POLL_SECONDS = 0.25


def run_body(
    module: Module,
    arguments: t.Mapping[str, t.Any],
    *,
    check_mode: bool,
    diff_mode: bool,
    limit_seconds: float,
    shows_invocation: bool,
    sink: Sink | None,
    substitutes: SubstituteFiles,
) -> Result:
    """Return the result that the module file would return for these arguments.

    ``limit_seconds`` is the task's ``async``, 0 for no limit. With ``shows_invocation`` the result contains the
    parameters, without secrets.
    """
    spec = {**module.argument_spec, **log_spec()}
    try:
        checked, secrets = checked_arguments(as_plain(arguments), spec)
    except InputError as exc:
        return {"failed": True, "changed": False, **exc.to_fail_json()}
    validation = ArgumentSpecValidator(spec).validate(checked)
    params = validation.validated_parameters
    secrets |= set(validation._no_log_values)
    if validation.error_messages:
        message = _validation_message(validation, module.name)
        invocation = {"invocation": {"module_args": params}} if shows_invocation else {}
        return _masked(secrets, {"failed": True, "msg": message, **invocation})
    _warn_about_options(validation)
    request = Request(params, check_mode, diff_mode, progress=ProgressLog(sink), substitutes=substitutes)
    try:
        outcome = perform(module.body, request, limit_seconds=limit_seconds)
    except Exception as exc:  # noqa: BLE001 - a bug: its traceback is shown without secrets
        text = f"{type(exc).__name__}: {exc}"
        return _masked(secrets, {"failed": True, "msg": text, "exception": traceback.format_exc()})
    result = result_fields(outcome, params)
    if not shows_invocation:
        del result["invocation"]
    if outcome.error is not None:
        result["failed"] = True
    if outcome.warnings:
        result["warnings"] = [printable(warning) for warning in outcome.warnings]
    return _masked(secrets, result)


def as_plain(value: t.Any) -> t.Any:  # noqa: ANN401 - arguments of any type
    """Return arguments as a module file gets them: plain JSON types, without Ansible's subclasses and vault texts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, t.Mapping):
        return {as_plain(key): as_plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _validation_message(validation: t.Any, module_name: str) -> str:  # noqa: ANN401 - a ValidationResult
    message = str(validation.errors.msg)
    if validation.unsupported_parameters:
        return f"Unsupported parameters for ({module_name}) module: {message}"
    return message


def _warn_about_options(validation: t.Any) -> None:  # noqa: ANN401 - a ValidationResult
    display = Display()
    for entry in validation._warnings:
        display.warning("Both option {option} and its alias {alias} are set.".format(**entry))
    for entry in validation._deprecations:
        display.deprecated(
            entry["msg"],
            version=entry.get("version"),
            date=entry.get("date"),
            collection_name=entry.get("collection_name"),
        )


def _masked(secrets: set[str], result: Result) -> Result:
    """Return the result with every secret masked; true, false and null stay, as in AnsibleModule."""
    kept = {key: value for key, value in result.items() if value is None or isinstance(value, bool)}
    return {**t.cast(Result, remove_values(result, secrets)), **kept}


@contextlib.contextmanager
def cancellable() -> t.Iterator[None]:
    """Let signals cancel the block through its context managers; afterwards deliver them to the previous handlers.

    SIGTERM and SIGINT end a worker. SIGALRM is the task's ``timeout``. When the controller process has exited, the
    block is cancelled as well, and then the process exits. The previous signal handlers are restored after the block.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread receives signals
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
    received: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        if not received:
            received.append(number)
            cancel(SystemExit(128 + number))

    def on_timeout(number: int, frame: t.Any) -> None:  # noqa: ANN401 - as Python gives it
        handler = before[signal.SIGALRM]
        if callable(handler):
            try:
                handler(number, frame)
            except BaseException as exc:  # noqa: BLE001 - cancel() raises it between two packets
                cancel(exc)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    if callable(before[signal.SIGALRM]):
        signal.signal(signal.SIGALRM, on_timeout)
    orphaned, finished = threading.Event(), threading.Event()
    watch = threading.Thread(target=_watch_controller, args=(os.getppid(), orphaned, finished), daemon=True)
    watch.start()
    try:
        yield
    finally:
        finished.set()
        watch.join()
        for number, handler in before.items():
            if handler is not None:  # None: it was installed by other code than Python's, which cannot put it back
                signal.signal(number, handler)
        if orphaned.is_set():
            os._exit(128 + signal.SIGTERM)
        for received_number in received:
            os.kill(os.getpid(), received_number)


def _watch_controller(pid: int, orphaned: threading.Event, finished: threading.Event) -> None:
    """Send SIGTERM to this process when its parent is no longer ``pid``: a killed controller sends no signal."""
    while not finished.wait(_POLL_SECONDS):
        if os.getppid() != pid:
            orphaned.set()
            os.kill(os.getpid(), signal.SIGTERM)
            return
