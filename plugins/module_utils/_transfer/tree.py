# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The files of a directory as a list, and the directories that a copy of them needs."""

from __future__ import annotations

import collections
import typing as t
from dataclasses import dataclass

from .._errors import BackhaulError, RemoteError
from .._filesystem import FileSystem
from .._model import Attributes, DirectoryEntry, RemoteFile
from .._names import is_own_name
from .._paths import normalise
from .._selection.model import Skipped
from .layout import below
from .walk import walk

# Ansible cannot return a million results.
MAX_FILES = 1_000_000
# The limit of all paths together: those of the files and of their directories.
MAX_PATHS_BYTES = 128 * 1024 * 1024
# Entries of ``passed_over`` for each reason; the others are only counted.
PASSED_OVER_LISTED = 1000
SUSPICIOUS, UNREADABLE = "suspicious_name", "unreadable"


@dataclass(frozen=True)
class Tree:
    """The content of a directory: paths relative to it, ordered by name, each directory before its content.

    ``passed_over`` has everything else by its whole path: links, devices, temporary files of this collection, names
    that must not be used, and directories that could not be listed (their errors are in ``errors``). For each reason
    the first thousand are listed; one more entry, with the path of the top, counts the others.
    """

    directories: tuple[bytes, ...]
    files: tuple[RemoteFile, ...]
    passed_over: tuple[Skipped, ...]
    errors: tuple[BackhaulError, ...] = ()


def read_tree(files: FileSystem, top: bytes) -> Tree:
    """Return everything below ``top``; no link is followed, and every name is checked.

    A tree of implausible size is an error, and so is a ``top`` that cannot be listed.
    """
    collected = _TreeCollector(normalise(top))
    walk(_TolerantListing(files, collected), collected.top, collected, depth=None)
    return collected.tree()


class _TolerantListing:
    """Lists directories; a failure of one below the top is recorded and does not end the walk."""

    def __init__(self, files: FileSystem, collected: _TreeCollector) -> None:
        self._files = files
        self._collected = collected

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        try:
            yield from self._files.entries(path)
        except RemoteError as exc:
            if path == self._collected.top or exc.code == "protocol_violation":
                raise
            self._collected.refuse(path, exc)

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        return self._files.attributes(path, follow=follow)


class _TreeCollector:
    """Collects what a walk finds."""

    def __init__(self, top: bytes) -> None:
        self.top = top
        self._errors: list[BackhaulError] = []
        self._found: dict[bytes, RemoteFile] = {}
        self._passed_over: list[Skipped] = []
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self._paths_bytes = 0

    def tree(self) -> Tree:
        ordered = sorted(self._found.items(), key=lambda item: item[0].split(b"/"))
        return Tree(
            directories=tuple(path for path, file in ordered if file.attributes.kind == "directory"),
            files=tuple(RemoteFile(path, file.attributes) for path, file in ordered if file.attributes.kind == "file"),
            passed_over=(*sorted(self._passed_over, key=lambda skipped: skipped.path), *self._not_listed()),
            errors=tuple(self._errors),
        )

    def refuse(self, directory: bytes, error: BackhaulError) -> None:
        """Record a directory that cannot be listed, or not to its end."""
        if len(self._errors) < PASSED_OVER_LISTED:
            self._errors.append(error.with_location(path=directory))
        self.skip(directory, UNREADABLE, "it cannot be listed")

    def missing_attributes(self, file: RemoteFile) -> t.Sequence[str]:
        return ("mode",) if file.attributes.kind == "unknown" else ()

    def skip(self, path: bytes, reason: str, text: str) -> None:
        self._counts[reason, text] += 1
        if self._counts[reason, text] <= PASSED_OVER_LISTED:
            self._passed_over.append(Skipped(path, reason, text))
        self._require_plausible_size()

    def _not_listed(self) -> t.Iterator[Skipped]:
        """Yield one entry for each reason that has more than the listed ones."""
        for (reason, text), count in sorted(self._counts.items()):
            if count > PASSED_OVER_LISTED:
                yield Skipped(self.top, reason, text, count - PASSED_OVER_LISTED)

    def _require_plausible_size(self) -> None:
        too_much = None
        if len(self._found) + sum(self._counts.values()) > MAX_FILES:
            too_much = f"{MAX_FILES} files"
        elif self._paths_bytes > MAX_PATHS_BYTES:
            too_much = f"{MAX_PATHS_BYTES} bytes of paths"
        if too_much is not None:
            raise RemoteError(
                "protocol_violation",
                f"the server lists more than {too_much}",
                remedy="Copy the directories in it one by one.",
                path=self.top,
            )

    def offer(self, file: RemoteFile) -> None:
        path, kind = below(self.top, file.path), file.attributes.kind
        if path in self._found:
            self.skip(file.path, SUSPICIOUS, "the server listed this name twice")
        elif is_own_name(file.name):
            self.skip(file.path, "temporary", "it is a hidden file of this collection")
        elif kind in ("file", "directory"):
            self._found[path] = file
            self._paths_bytes += len(path)
            self._require_plausible_size()
        else:
            self.skip(file.path, "not_a_file", _WHY[kind])


_WHY = {
    "link": "it is a symbolic link, and links are not followed",
    "other": "it is a device, pipe or socket",
    "unknown": "the server does not tell what it is",
}
