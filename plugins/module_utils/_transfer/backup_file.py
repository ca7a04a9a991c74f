# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The old file on a server that cannot replace one in a single step: out of the way, and found again after a crash."""

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
    """Return where the old file waits while the new one takes its name: the same on every run, so that it is found."""
    directory, name = split(final)
    return join(directory, temporary_name(name, job_token(b"moved aside", final, key=key)))


def move_to_backup(files: FileSystem, final: bytes, aside: bytes, *, uid: int | None, otherwise: bytes) -> bytes:
    """Move the old file out of the way, and return where it is.

    What an earlier run has left at ``aside`` was replaced since, and is removed. What belongs to another user than
    ``uid`` is left alone: the old file goes to ``otherwise`` then, a name that nobody knows.
    """
    try:
        files.rename(final, aside)
    except RemoteError as exc:
        if exc.code != "already_exists":
            raise
    else:
        return aside
    files.attributes(final, follow=False)  # while it has no file, another run may be about to bring it back
    left = lstat_or_none(files, aside)
    has_other_owner = left is not None and uid is not None and left.uid not in (None, uid)
    if left is not None and (has_other_owner or left.kind not in ("file", "unknown")):
        aside = otherwise
    else:
        files.remove(aside)
    files.rename(final, aside)
    return aside


def recover_backup(
    files: FileSystem,
    step: Step,
    *,
    backup_path: t.Callable[[bytes], bytes],
    is_own: t.Callable[[bytes, Attributes], bool],
) -> bool:
    """Finish what a run that was killed has left: True when the old file is back, so that all is to be planned again.

    Where there is a file of that name, what is left aside was replaced, and is removed. What is not ours is neither
    brought back nor removed: another user may have put it there. Nothing there, or a refusal, is fine.
    """
    if files.features().can_replace or step.missing_directories:
        return False
    path = backup_path(step.path)
    with contextlib.suppress(RemoteError):
        left = lstat_or_none(files, path)
        if left is None or not is_own(path, left):
            return False
        if step.action == "create":
            files.rename(path, step.path)
            return True
        if lstat_or_none(files, step.path) is not None:  # another run may be replacing it by now
            files.remove(path)
    return False
