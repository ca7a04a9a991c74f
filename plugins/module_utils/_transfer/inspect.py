# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Looking before acting: what the source is, and what is at a destination."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._errors import BackhaulError, InputError, RemoteError, SelectionError
from .._filesystem import FileSystem
from .._model import Attributes, Comparison, Endpoint, Progress, RelayOptions, Source, Step
from .._paths import destination_path, split
from . import plan
from .checksum import SourceDigest, compare, no_progress
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


def inspect_destination(
    files: FileSystem,
    base: bytes,
    *,
    source: Source,
    digest: SourceDigest,
    options: RelayOptions,
    watched: t.Callable[[bytes], Progress] = lambda _path: no_progress,
) -> Step:
    """Look at one destination and return the step it needs; nothing is changed and the source is not read for it,
    except to compare files of the same size where no server can hash.
    """
    path = destination_path(base, split(source.path)[1])
    step = _decide(files, path, source, digest, options, watched)
    if options.if_exists == "version" and step.action == "replace":
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(source.mtime))
        step = _decide(files, plan.versioned_path(path, stamp), source, digest, options, watched)
        if step.action == "replace":
            raise _version_taken(step.path)
    if step.transfers:
        _require_space(files, step, source)
    return step


def _decide(
    files: FileSystem,
    path: bytes,
    source: Source,
    digest: SourceDigest,
    options: RelayOptions,
    watched: t.Callable[[bytes], Progress],
) -> Step:
    found = lstat_or_none(files, path)
    if found is None:
        missing = _missing_directories(files, split(path)[0], may_create=options.create_directories)
        nothing = Comparison(same=False, compared_by="nothing")
        return plan.decide(path, found=None, comparison=nothing, source=source, options=options, missing=missing)
    plan.require_file(path, found)
    comparison = compare(
        files,
        path,
        found,
        size=source.size,
        mtime=source.mtime,
        is_racy=source.racy,
        source=digest,
        policy=options.compare,
        progress=watched(path),
    )
    return plan.decide(path, found=found, comparison=comparison, source=source, options=options)


def lstat_or_none(files: FileSystem, path: bytes) -> Attributes | None:
    """Return what is at ``path`` without following links, or None when there is nothing."""
    try:
        return files.attributes(path, follow=False)
    except RemoteError as exc:
        if exc.code == "not_found":
            return None
        raise


def _missing_directories(files: FileSystem, directory: bytes, *, may_create: bool) -> tuple[bytes, ...]:
    """Return the directories to create, outermost first; links to directories are directories here."""
    missing: list[bytes] = []
    while True:
        try:
            kind = files.attributes(directory, follow=True).kind
        except RemoteError as exc:
            parent = split(directory)[0]
            if exc.code != "not_found" or parent == directory:
                raise
            if not may_create:
                raise _no_directory(directory) from exc
            missing.insert(0, directory)
            directory = parent
            continue
        if kind not in ("directory", "unknown"):
            raise InputError("invalid_input", "this is to be a directory, and is something else", path=directory)
        return tuple(missing)


def _no_directory(directory: bytes) -> RemoteError:
    return RemoteError(
        "not_found",
        "the destination's directory does not exist",
        remedy="Create it, correct the path, or set create_directories: true.",
        path=directory,
    )


def _version_taken(path: bytes) -> RemoteError:
    return RemoteError(
        "already_exists",
        "another file has the name that if_exists 'version' would give this one",
        remedy="Two different backups have the same name and modification time: look at both.",
        path=path,
    )


def _require_space(files: FileSystem, step: Step, source: Source) -> None:
    directory = split(step.path)[0] if not step.missing_directories else split(step.missing_directories[0])[0]
    try:
        space = files.space(directory)
    except RemoteError:
        return  # it only spares a transfer that would fail: the writes tell for certain
    if space is not None and space.free_bytes < source.size:
        raise RemoteError(
            "no_space",
            f"{source.size} bytes do not fit: {space.free_bytes} are free",
            remedy="Make room, for example by pruning old backups first. Nothing was read or written.",
            path=step.path,
            details={"needed_bytes": source.size, "free_bytes": space.free_bytes},
        )
