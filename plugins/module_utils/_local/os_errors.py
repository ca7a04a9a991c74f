# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Translate errors of the operating system to errors of the collection."""

from __future__ import annotations

import errno
import typing as t
from contextlib import contextmanager

from .._errors import RemoteError, printable
from .._paths import require_safe

# The groups are those of OpenSSH's sftp-server (errno_to_portable), so that a local end and a server report the same
# code. They are finer where SFTP version 3 has only "failure".
_CODES = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.ELOOP: "not_found",
    errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied",
    errno.EROFS: "permission_denied",
    errno.EEXIST: "already_exists",
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.ENOSYS: "unsupported",
    errno.EOPNOTSUPP: "unsupported",
}
_REMEDIES = {
    "not_found": "Check the path; it must exist on this machine.",
    "permission_denied": "Let the account that runs this have access to the path.",
    "already_exists": "Remove or rename what is there, or choose another path.",
    "no_space": "Free space there, or choose another file system.",
}


@contextmanager
def translated(action: str, path: bytes, *, target: bytes | None = None) -> t.Iterator[None]:
    """Raise a ``RemoteError`` in place of an ``OSError``; it names the action and the path, or both paths.

    A path that is empty or contains a NUL is ``unsafe_path``, raised before the block runs.
    """
    for each in (path,) if target is None else (path, target):
        require_safe(each, what="path")
    try:
        yield
    except OSError as exc:
        where = printable(path) if target is None else f"{printable(path)} to {printable(target)}"
        raise translate(f"{action} {where}", path, exc) from exc


def translate(attempt: str, path: bytes, exc: OSError) -> RemoteError:
    """Return the error for one refused system call."""
    code = _CODES.get(exc.errno or 0, "remote_failure")
    reason = exc.strerror or type(exc).__name__
    return RemoteError(
        code,
        f"cannot {attempt}: {reason}",
        remedy=_REMEDIES.get(code, ""),
        path=path,
        details={"errno": errno.errorcode.get(exc.errno or 0, "")},
    )
