# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Directories at a destination: which are missing, and making them."""

from __future__ import annotations

import typing as t

from .._errors import InputError, RemoteError
from .._filesystem import FileSystem
from .._paths import split

DIRECTORY_MODE = 0o755


def missing_directories(
    files: FileSystem,
    directory: bytes,
    *,
    may_create: bool,
    is_known: t.Callable[[bytes], bool] = lambda _directory: False,
) -> tuple[bytes, ...]:
    """Return the directories to make so that ``directory`` exists, itself included, outermost first.

    Links to directories count as directories. ``is_known`` tells which directories need not be looked at. Raises
    ``not_found`` when there are any and ``may_create`` is false.
    """
    missing: list[bytes] = []
    while not is_known(directory) and not is_directory(files, directory):
        parent = split(directory)[0]
        if not may_create or parent == directory:
            raise RemoteError(
                "not_found",
                "the destination's directory does not exist",
                remedy="Create it, correct the path, or set create_directories: true.",
                path=directory,
            )
        missing.insert(0, directory)
        directory = parent
    return tuple(missing)


def is_directory(files: FileSystem, path: bytes) -> bool:
    """Say whether a directory exists; ``invalid_input`` when something else has its name."""
    try:
        kind = files.attributes(path, follow=True).kind
    except RemoteError as exc:
        if exc.code != "not_found":
            raise
        return False
    if kind not in ("directory", "unknown"):
        raise InputError("invalid_input", "this is to be a directory, and is something else", path=path)
    return True


def make_directory(files: FileSystem, path: bytes) -> bool:
    """Make a directory; False when another process has made it meanwhile."""
    try:
        files.make_directory(path, mode=DIRECTORY_MODE)
    except RemoteError as exc:
        if exc.code != "already_exists" or not is_directory(files, path):
            raise
        return False
    return True
