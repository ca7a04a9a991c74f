# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Running the module on a host of the task, and saying what is wrong when it cannot run there."""

from __future__ import annotations

import contextlib
import typing as t

from ansible.errors import AnsibleConnectionFailure

from ..module_utils._errors import BackhaulError, InputError, LinkError, TrustError

Result = t.Dict[str, t.Any]
_INSTEAD = "'route: controller' needs nothing there."
_REFUSALS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "host_key_mismatch", "ssh knows another host key for it"),
    ("Host key verification failed", "host_key_unknown", "ssh does not know its host key"),
    ("Permission denied", "authentication_refused", "Ansible cannot log in there"),
    ("Incorrect sudo password", "authentication_refused", "become was refused"),
)


@contextlib.contextmanager
def reaching(host: str, *, role: str) -> t.Iterator[None]:
    """Turn Ansible's errors about its connection to the host into those of the collection."""
    try:
        yield
    except AnsibleConnectionFailure as exc:
        raise _unreachable(str(exc), host, role) from exc


def _unreachable(text: str, host: str, role: str) -> BackhaulError:
    for sign, code, cause in _REFUSALS:
        if sign in text:
            return TrustError(code, f"{cause}: {_told(text)}", remedy=_REMEDIES[code], role=role, host=host)
    cause = f"Ansible cannot connect to it to run the module there: {_told(text)}"
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


def _told(text: str) -> str:
    """Return the last thing that ssh said that is no record of how it went about it."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("debug", "OpenSSH_"))]
    return lines[-1] if lines else "no reason was given"


def explained(result: Result, host: str, *, role: str) -> Result:
    """Return a module's result with what is missing on the host said as such."""
    if not result.get("failed"):
        return result
    if "error" not in result:
        return _not_started(result, host, role) if {"module_stderr", "module_stdout"} & set(result) else result
    amended = {**result, "error": _amended(result["error"], host, role)}
    if amended["error"] is not result["error"]:
        amended["msg"] = _message(amended["error"])
    if isinstance(result.get("destinations"), list):
        entries = [{**entry, "error": _amended(entry["error"], host, role)} for entry in result["destinations"]]
        amended["destinations"] = entries
    return amended


def _amended(error: Result | None, host: str, role: str) -> Result | None:
    """Say of a missing library on which host it is missing."""
    if not error or error["code"] != "dependency_missing":
        return error
    remedy = f"Install paramiko 3.5 or newer for the Python that runs modules on {host}. {_INSTEAD}"
    return {**error, "role": role, "host": host, "remedy": remedy}


def _message(error: Result) -> str:
    return InputError(
        "dependency_missing", error["message"], remedy=error["remedy"], role=error["role"], host=error["host"]
    ).message


def _not_started(result: Result, host: str, role: str) -> Result:
    """Add to what Ansible says of a module that did not start what it takes to run there."""
    hint = f"The route runs the module on {host}, which takes Python 3.9 and paramiko 3.5 or newer there. {_INSTEAD}"
    error = InputError("dependency_missing", str(result["msg"]), remedy=hint, role=role, host=host)
    return {**result, **error.to_fail_json(), "changed": False}
