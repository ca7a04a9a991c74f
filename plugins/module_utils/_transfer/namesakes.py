# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Copies of one task whose names a destination may not distinguish: none of them replaces another."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from .._cancellation import acquire
from .._errors import RemoteError, printable
from .._filesystem import FileSystem
from .._model import Endpoint
from .._paths import normalise
from .folding import first_difference, folded, namesakes

Place = t.Tuple[Endpoint, bytes]
_Where = t.Tuple[object, ...]


class Group:
    """Paths that fold to the same form; their copies are made one after the other.

    ``finished_paths`` are the paths that the task has published, or has found to be up to date.
    """

    def __init__(self, paths: t.Sequence[bytes]) -> None:
        self.paths = paths
        self.finished_paths: set[bytes] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def exclusive(self) -> t.Iterator[None]:
        """Hold the lock of the group: no other copy of it is made during the block."""
        acquire(self._lock)
        try:
            yield
        finally:
            self._lock.release()

    def require_own(self, files: FileSystem, path: bytes) -> None:
        """Raise ``already_exists`` when the file that was found at ``path`` is another copy of this task.

        The directory's listing decides: a server that distinguishes the two names lists both.
        """
        for other in sorted(self.finished_paths - {path}):
            if folded(other) == folded(path) and not _are_listed(files, *first_difference(path, other)):
                raise RemoteError(
                    "already_exists",
                    f"{printable(path)} is the same file there as {printable(other)}, which this task has copied"
                    " already",
                    remedy="This server folds names: letter case, Unicode form, or dots and spaces at the end make no"
                    " difference to it. Rename one of the sources, or copy them into two directories.",
                    path=path,
                    details={"published": printable(other)},
                )


class Namesakes:
    """The groups of paths that fold to the same form, among all destinations of a task."""

    def __init__(self, places: t.Iterable[Place] = ()) -> None:
        by_server: dict[_Where, list[bytes]] = {}
        for endpoint, path in places:
            by_server.setdefault(_where(endpoint), []).append(path)
        self.groups = [(where, Group(group)) for where, paths in by_server.items() for group in namesakes(paths)]
        self._by_path = {(where, path): group for where, group in self.groups for path in group.paths}

    def group(self, endpoint: Endpoint, path: bytes) -> Group | None:
        """Return the group of a path; None when no other path of the task folds to the same form."""
        return self._by_path.get((_where(endpoint), normalise(path)))

    def warnings(self) -> list[str]:
        """Return the warnings for before the first copy; none when every server distinguishes all names."""
        if not self.groups:
            return []
        first, second = self.groups[0][1].paths[:2]
        count = sum(len(group.paths) for _where, group in self.groups)
        text = (
            f"{count} copies have names that differ from another one's only in letter case, Unicode form, or dots and"
            f" spaces at the end, as {printable(first)} and {printable(second)}: on a server that folds names only the"
            " first of them is copied, and the others fail with already_exists"
        )
        return [text]


def _where(endpoint: Endpoint) -> _Where:
    """Return a key that is the same for the same server and account: accounts may have their own folders."""
    return () if endpoint.local else (endpoint.host, endpoint.port, endpoint.credentials.user)


def _are_listed(files: FileSystem, directory: bytes, *names: bytes) -> bool:
    """Return whether a directory lists all these names, byte for byte; False when it cannot be listed."""
    missing = set(names)
    with contextlib.suppress(RemoteError), contextlib.closing(_names(files, directory)) as listing:
        for name in listing:
            missing.discard(name)
            if not missing:
                return True
    return False


def _names(files: FileSystem, directory: bytes) -> t.Generator[bytes, None, None]:
    for entry in files.entries(directory):
        yield entry.name
