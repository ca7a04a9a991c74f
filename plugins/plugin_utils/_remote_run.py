# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Run the module on another host: explain its failures, and end it with the task."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import typing as t
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure

from ..module_utils._errors import BackhaulError, InputError, LinkError, TrustError

Result = t.Dict[str, t.Any]
_POLL_SECONDS = 0.25
_INSTEAD = "'route: controller' needs nothing there."
_SSH_ERRORS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "host_key_mismatch", "ssh knows another host key for it"),
    ("Host key verification failed", "host_key_unknown", "ssh does not know its host key"),
    ("Permission denied", "authentication_refused", "Ansible cannot log in there"),
    ("Incorrect sudo password", "authentication_refused", "become was refused"),
)


@contextlib.contextmanager
def translate_errors(host: str, *, role: str) -> t.Iterator[None]:
    """Convert Ansible's connection errors in the block to LinkError or TrustError."""
    try:
        yield
    except AnsibleConnectionFailure as exc:
        raise _unreachable(str(exc), host, role) from exc


def _unreachable(text: str, host: str, role: str) -> BackhaulError:
    for text_of_ssh, code, cause in _SSH_ERRORS:
        if text_of_ssh in text:
            return TrustError(code, f"{cause}: {_last_line(text)}", remedy=_REMEDIES[code], role=role, host=host)
    cause = f"Ansible cannot connect to it to run the module there: {_last_line(text)}"
    return LinkError(
        "connect_failed", cause, remedy=f"See whether 'ansible -m ping {host}' works.", role=role, host=host
    )


_VERIFIED = (
    "Credentials for the other end go there, so ssh must know the host: put its key, once checked, into the known-hosts"
    " file that ssh reads. Ansible's host key checking cannot be turned off for this."
)
_REMEDIES = {
    "host_key_unknown": _VERIFIED,
    "host_key_mismatch": _VERIFIED,
    "authentication_refused": f"The account of Ansible's own connection is used. {_INSTEAD}",
}


def _last_line(text: str) -> str:
    """Return the last line of ssh's output that is no debug message."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("debug", "OpenSSH_"))]
    return lines[-1] if lines else "no reason was given"


def explain(result: Result, host: str, *, role: str) -> Result:
    """Return a module's result; an error about a missing library or interpreter names the host and a remedy."""
    if not result.get("failed"):
        return result
    if "error" not in result:
        return _not_started(result, host, role) if {"module_stderr", "module_stdout"} & set(result) else result
    amended = {**result, "error": _install_hint(result["error"], host, role)}
    if amended["error"] is not result["error"]:
        amended["msg"] = _message(amended["error"])
    if isinstance(result.get("destinations"), list):
        entries = [{**entry, "error": _install_hint(entry["error"], host, role)} for entry in result["destinations"]]
        amended["destinations"] = entries
    return amended


def _install_hint(error: Result | None, host: str, role: str) -> Result | None:
    """Return the error; for ``dependency_missing`` with the host and the way to install the library there."""
    if not error or error["code"] != "dependency_missing":
        return error
    remedy = f"Install paramiko 3.5 or newer for the Python that runs modules on {host}. {_INSTEAD}"
    return {**error, "role": role, "host": host, "remedy": remedy}


def _message(error: Result) -> str:
    return InputError(
        "dependency_missing", error["message"], remedy=error["remedy"], role=error["role"], host=error["host"]
    ).message


def _not_started(result: Result, host: str, role: str) -> Result:
    """Return Ansible's result for a module that did not start, with the requirements of the host as a remedy."""
    hint = f"The route runs the module on {host}, which takes Python 3.9 and paramiko 3.5 or newer there. {_INSTEAD}"
    error = InputError("dependency_missing", str(result["msg"]), remedy=hint, role=role, host=host)
    return {**result, **error.to_fail_json(), "changed": False}


@contextlib.contextmanager
def terminate_children_on_error() -> t.Iterator[None]:
    """Terminate the children of this process on an exception in the block, or when the process of the playbook exits.

    A module on another host ends when the local ssh ends. The exception may be the task's ``timeout``. Only Linux lists
    the children of a process (proc(5)); on other systems they run to their end.
    """
    finished = threading.Event()
    watching = threading.Thread(target=_watch, args=(finished, os.getppid()), daemon=True)
    watching.start()
    try:
        yield
    except BaseException:
        terminate_children()
        raise
    finally:
        finished.set()
        watching.join()


def _watch(finished: threading.Event, run_pid: int) -> None:
    while not finished.wait(_POLL_SECONDS):
        if os.getppid() != run_pid:
            terminate_children()
            return


def terminate_children() -> None:
    """Send SIGTERM to the children of this process."""
    for pid in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def _children() -> list[int]:
    """Return the process ids of the children of all threads (proc(5), /proc/pid/task/tid/children)."""
    found: list[int] = []
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in listing.read_text(encoding="ascii").split()]
    return found
