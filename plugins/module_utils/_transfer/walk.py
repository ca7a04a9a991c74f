# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Walk a tree; every name is checked before it becomes part of a path."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._errors import BackhaulError, RemoteError
from .._filesystem import FileSystem
from .._model import Attributes, DirectoryEntry, RemoteFile
from .._names import suspicion
from .._paths import beneath

# A deeper tree is a loop or an attack.
MAX_DEPTH = 64
MAX_DIRECTORIES = 100_000
# The paths of the directories that are still to be listed; 100,000 of a usual length take a tenth of it.
MAX_WAITING_BYTES = 64 * 1024 * 1024
# PATH_MAX of Linux: a longer path cannot be opened there.
MAX_PATH_BYTES = 4096


class Listing(t.Protocol):
    """The part of a file system that a walk uses."""

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        """Yield a directory's entries."""

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        """Return the attributes of ``path``."""


class Collector(t.Protocol):
    """Receives everything in a tree: the selector of a search, or a list of files to copy."""

    def missing_attributes(self, file: RemoteFile) -> t.Sequence[str]:
        """Return the needed attributes that the listing lacks; the walk asks for them by LSTAT."""

    def offer(self, file: RemoteFile) -> None:
        """Receive a file, a directory or anything else."""

    def skip(self, path: bytes, reason: str, text: str) -> None:
        """Receive a path whose name must not be used."""


def walk(files: Listing, top: bytes, selector: Collector, *, depth: int | None) -> None:
    """Offer everything below ``top`` to the selector; ``depth`` 1 is the directory itself, None the whole tree.

    Links to directories are not followed. A directory that cannot be listed is an error, and so is a tree of
    implausible depth or width: the newest backup could be in the part that was not listed.
    """
    waiting, listed, waiting_bytes = [(top, 1)], 0, len(top)
    while waiting:
        directory, level = waiting.pop()
        listed += 1
        waiting_bytes -= len(directory)
        front = beneath(directory)
        for entry in files.entries(directory):
            below = _offer(files, front, entry, selector)
            if below is not None and (depth is None or level < depth):
                waiting.append((below, level + 1))
                waiting_bytes += len(below)
                if listed + len(waiting) > MAX_DIRECTORIES:
                    raise _endless(top, f"more than {MAX_DIRECTORIES} directories")
                if waiting_bytes > MAX_WAITING_BYTES:
                    raise _endless(top, f"directories whose paths have more than {MAX_WAITING_BYTES} bytes")
        if waiting and waiting[-1][1] > MAX_DEPTH:
            raise _endless(waiting[-1][0], f"directories more than {MAX_DEPTH} levels deep")


def _endless(path: bytes, what: str) -> RemoteError:
    return RemoteError(
        "protocol_violation",
        f"the server lists {what}",
        remedy="Search in a directory further down, or limit the depth.",
        path=path,
    )


def _offer(files: Listing, front: bytes, entry: DirectoryEntry, selector: Collector) -> bytes | None:
    """Offer one entry of the directory whose paths begin with ``front``; return its path when it is a directory."""
    if len(front) + len(entry.name) > MAX_PATH_BYTES:
        raise _endless(front, f"a path of more than {MAX_PATH_BYTES} bytes")
    reason = suspicion(entry.name)
    if reason:
        selector.skip(front + entry.name, "suspicious_name", f"its name was refused: {reason}")
        return None
    file = RemoteFile(front + entry.name, entry.attributes)
    if selector.missing_attributes(file):
        found = _lstat(files, file)
        if found is None:
            return None
        file = replace(file, attributes=found)
    selector.offer(file)
    return file.path if file.attributes.kind == "directory" else None


def _lstat(files: Listing, file: RemoteFile) -> Attributes | None:
    """Return the attributes (LSTAT); None for a file that is gone, those of the listing after ``permission_denied``."""
    try:
        return files.attributes(file.path, follow=False)
    except BackhaulError as exc:
        if exc.code == "not_found":
            return None
        if exc.code == "permission_denied":
            return file.attributes
        raise


def look_again(files: FileSystem, chosen: t.Sequence[RemoteFile]) -> list[Attributes | None]:
    """Return the present attributes of files; None for one that is gone."""
    found: list[Attributes | None] = []
    for file in chosen:
        try:
            found.append(files.attributes(file.path, follow=False))
        except RemoteError as exc:
            if exc.code != "not_found":
                raise
            found.append(None)
    return found
