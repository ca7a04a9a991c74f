# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The backup of the current file, on a server that cannot replace a file in one step; recovered after a crash."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import RemoteError
from .._filesystem import FileSystem
from .._model import Attributes, Step
from .._names import job_token, temporary_name
from .._paths import join, split
from .inspect import lstat_or_none


def backup_path(final: bytes, *, key: bytes = b"") -> bytes:
    """Return where the current file is kept while the new one gets its name: the same path on every run."""
    directory, name = split(final)
    return join(directory, temporary_name(name, job_token(b"moved aside", final, key=key)))


def move_to_backup(files: FileSystem, final: bytes, backup: bytes, *, uid: int | None, otherwise: bytes) -> bytes:
    """Rename the current file to its backup name, deleting a stale backup; return the path that it has then.

    A file of another owner than ``uid`` at ``backup`` is left alone. The current file is renamed to ``otherwise`` then,
    a random name.
    """
    try:
        files.rename(final, backup)
    except RemoteError as exc:
        if exc.code != "already_exists":
            raise
    else:
        return backup
    files.attributes(final, follow=False)  # not_found: another run may be about to restore it
    stale = lstat_or_none(files, backup)
    has_other_owner = stale is not None and uid is not None and stale.uid not in (None, uid)
    if stale is not None and (has_other_owner or stale.kind not in ("file", "unknown")):
        backup = otherwise
    else:
        files.remove(backup)
    files.rename(final, backup)
    return backup


def recover_backup(
    files: FileSystem,
    step: Step,
    *,
    backup_path: t.Callable[[bytes], bytes],
    is_own: t.Callable[[bytes, Attributes], bool],
) -> bool:
    """Restore the backup that a killed run left, and return whether that was done: then the step is out of date.

    Where the final name has a file, the backup is stale and is removed. A backup that is not this account's own is
    neither restored nor removed: another user may have put it there. No backup and a refusal are no errors.
    """
    if files.features().can_replace or step.missing_directories:
        return False
    path = backup_path(step.path)
    with contextlib.suppress(RemoteError):
        backup = lstat_or_none(files, path)
        if backup is None or not is_own(path, backup):
            return False
        if step.action == "create":
            files.rename(path, step.path)
            return True
        if lstat_or_none(files, step.path) is not None:  # none: another run is between its two renames
            files.remove(path)
    return False
