# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The old file on a server that cannot replace one in a single step: out of the way, and found again after a crash."""

from __future__ import annotations

import contextlib

from .._errors import RemoteError
from .._filesystem import FileSystem
from .._model import Step
from .._rules.names import job_token, temporary_name
from .._rules.paths import join, split
from .examine import look


def aside_path(final: bytes) -> bytes:
    """Return where the old file waits while the new one takes its name: the same on every run, so that it is found."""
    directory, name = split(final)
    return join(directory, temporary_name(name, job_token(b"moved aside", final)))


def move_aside(files: FileSystem, final: bytes, aside: bytes) -> None:
    """Move the old file out of the way; what an earlier run has left there was replaced since, and goes."""
    try:
        files.rename(final, aside)
    except RemoteError as exc:
        if exc.code != "already_exists":
            raise
        files.attributes(final, follow=False)  # while it has no file, another run may be about to bring it back
        files.remove(aside)
        files.rename(final, aside)


def settle(files: FileSystem, step: Step) -> bool:
    """Finish what a run that was killed has left: True when the old file is back, so that all is to be planned again.

    Where there is a file of that name, what is left aside was replaced, and is removed. Nothing there, or a refusal, is
    fine.
    """
    if files.features().can_replace or step.missing_directories:
        return False
    with contextlib.suppress(RemoteError):
        if step.action == "create":
            files.rename(aside_path(step.path), step.path)
            return True
        if look(files, step.path) is not None:  # another run may be replacing it by now
            files.remove(aside_path(step.path))
    return False
