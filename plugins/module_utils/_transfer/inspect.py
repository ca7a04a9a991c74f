# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Looking before acting: what the source is, and what is at a destination."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field

from .._errors import BackhaulError, InputError, RemoteError, SelectionError
from .._filesystem import FileSystem
from .._model import Attributes, Comparison, Endpoint, Progress, RelayOptions, Source, Step
from .._paths import destination_path, split
from . import plan
from .checksum import SourceDigest, compare, no_progress
from .directories import missing_directories
from .known_facts import KnownFacts
from .racy import is_racy


@contextlib.contextmanager
def blame(endpoint: Endpoint) -> t.Iterator[None]:
    """Say of every error that it happened at this end, unless it says already that it was the other."""
    try:
        yield
    except BackhaulError as exc:
        if exc.role in ("", endpoint.role):
            exc.with_location(role=endpoint.role, host=endpoint.label)
        raise


def inspect_source(files: FileSystem, path: bytes, *, now: float) -> Source:
    """Return the source as it is ``now``; it must be a regular file, by LSTAT, that tells its size and mtime."""
    found = files.attributes(path, follow=False)
    if found.kind != "file":
        raise InputError(
            "invalid_input",
            f"the source is not a regular file but {_described(found.kind)}",
            remedy="Links, directories and devices are not relayed. Name the file itself, or find it with sftp_find.",
            path=path,
        )
    if found.size is None or found.mtime is None:
        raise SelectionError(
            "suspicious",
            "the server does not tell size and modification time of the source",
            remedy="Without them nobody can tell a whole file from half of one.",
            path=path,
        )
    racy = is_racy(found.mtime, looked_at=now)
    return Source(path=path, size=found.size, mtime=found.mtime, mode=found.permissions, seen=found, racy=racy)


def _described(kind: str) -> str:
    return {"link": "a symbolic link", "directory": "a directory"}.get(kind, "something else")


@dataclass(frozen=True)
class DestinationInspector:
    """Looks at one destination and returns the step it needs; nothing is changed.

    The source is read only to compare files of the same size where its server cannot hash. ``watched`` returns the
    progress of reading a file at the destination.
    """

    files: FileSystem
    endpoint: Endpoint
    source: Source
    digest: SourceDigest
    options: RelayOptions
    facts: KnownFacts = field(default_factory=KnownFacts)
    watched: t.Callable[[bytes], Progress] = lambda _path: no_progress

    def inspect(self, base: bytes) -> Step:
        """Return the step for a copy at ``base``, which may end in a slash."""
        path = destination_path(base, split(self.source.path)[1])
        step = self._decide(path)
        if self.options.if_exists == "version" and step.action == "replace":
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.source.mtime))
            step = self._decide(plan.versioned_path(path, stamp))
            if step.action == "replace":
                raise _version_taken(step.path)
        if step.transfers:
            self._require_space(step)
        return step

    def _decide(self, path: bytes) -> Step:
        found = lstat_or_none(self.files, path)
        if found is None:
            missing = missing_directories(
                self.files,
                split(path)[0],
                may_create=self.options.create_directories,
                is_known=lambda directory: self.facts.has_directory(self.endpoint, directory),
            )
            comparison = Comparison(same=False, compared_by="nothing")
        else:
            plan.require_file(path, found)
            missing = ()
            comparison = compare(
                self.files,
                path,
                found,
                size=self.source.size,
                mtime=self.source.mtime,
                is_racy=self.source.racy,
                source=self.digest,
                policy=self.options.compare,
                progress=self.watched(path),
                without_command=self.facts.without_command(self.source.size),
            )
        return plan.decide(
            path, found=found, comparison=comparison, source=self.source, options=self.options, missing=missing
        )

    def _require_space(self, step: Step) -> None:
        """Raise ``no_space`` where the server says that the file does not fit; the writes tell for certain."""
        size = self.source.size
        directory = split(step.missing_directories[0] if step.missing_directories else step.path)[0]
        try:
            space = self.facts.space(self.endpoint, directory, self.files.space, size_bytes=size)
        except RemoteError:
            return
        if space is not None and space.free_bytes < size:
            raise RemoteError(
                "no_space",
                f"{size} bytes do not fit: {space.free_bytes} are free",
                remedy="Make room, for example by pruning old backups first. Nothing was read or written.",
                path=step.path,
                details={"needed_bytes": size, "free_bytes": space.free_bytes},
            )


def lstat_or_none(files: FileSystem, path: bytes) -> Attributes | None:
    """Return what is at ``path`` without following links, or None when there is nothing."""
    try:
        return files.attributes(path, follow=False)
    except RemoteError as exc:
        if exc.code == "not_found":
            return None
        raise


def _version_taken(path: bytes) -> RemoteError:
    return RemoteError(
        "already_exists",
        "another file has the name that if_exists 'version' would give this one",
        remedy="Two different backups have the same name and modification time: look at both.",
        path=path,
    )
