# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The files that a task copies: one file, a list of files, or a directory with everything in it."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, replace

from .._errors import BackhaulError, InputError, printable
from .._filesystem import FileSystem
from .._model import Endpoint, RelayOptions
from .._paths import destination_path, names_directory, normalise, split
from .._selection.model import Skipped
from .._transfer.destination import Destination
from .._transfer.layout import joined, places, tree_base
from .._transfer.namesakes import Namesakes
from .._transfer.tree import Tree, read_tree


@dataclass(frozen=True)
class FileJob:
    """One file to copy. ``name`` is the source's path in results, None for content that has no file of its own.

    ``size_bytes`` is the size as far as it is known before the file is looked at.
    """

    source: bytes
    destination: Destination
    options: RelayOptions
    name: bytes | None
    size_bytes: int = 0


@dataclass(frozen=True)
class FileSet:
    """Everything that a task copies to one endpoint: directories, each before those in it, and files in any order.

    ``top`` is the directory that everything goes into. With ``may_create`` it and its parents may be made. ``errors``
    are the reasons why entries of ``passed_over`` are not copied; they fail the task in the end.
    """

    endpoint: Endpoint
    top: bytes
    directories: tuple[bytes, ...] = ()
    may_create: bool = False
    jobs: tuple[FileJob, ...] = ()
    passed_over: tuple[Skipped, ...] = ()
    errors: tuple[BackhaulError, ...] = ()

    @functools.cached_property
    def namesakes(self) -> Namesakes:
        """The paths of the copies that the endpoint may fold into one."""
        return Namesakes((self.endpoint, job.destination.path) for job in self.jobs)


@dataclass(frozen=True)
class CopyRequest:
    """Files or a directory to copy, and their destination."""

    sources: tuple[bytes, ...]
    is_list: bool
    dest: bytes
    endpoint: Endpoint
    options: RelayOptions


def is_directory(files: FileSystem, path: bytes, *, follow: bool) -> bool:
    """Say whether a path is a directory: it ends in a slash, or a directory is found there."""
    return names_directory(path) or files.attributes(path, follow=follow).kind == "directory"


def file_set_of_file(copy_request: CopyRequest) -> FileSet:
    """Return the set of one file; a destination that ends in a slash is the directory that it goes into."""
    (source,) = copy_request.sources
    place = destination_path(copy_request.dest, split(source)[1])
    return FileSet(
        copy_request.endpoint, top=split(place)[0], jobs=(_job(copy_request, source, place, copy_request.options),)
    )


def file_set_of_place(destination: Destination, source: bytes, options: RelayOptions) -> FileSet:
    """Return the set of one file; the destination's path is checked when the file is copied."""
    job = FileJob(source, destination, options, name=source)
    return FileSet(destination.endpoint, top=destination.path, jobs=(job,))


def file_set_of_list(copy_request: CopyRequest) -> FileSet:
    """Return the set of a list of files; each is looked at when it is copied."""
    top, options = normalise(copy_request.dest), replace(copy_request.options, create_directories=True)
    pairs = zip(copy_request.sources, places(copy_request.sources, top))
    jobs = tuple(_job(copy_request, source, place, options) for source, place in pairs)
    return FileSet(
        copy_request.endpoint, top, directories=(top,), may_create=copy_request.options.create_directories, jobs=jobs
    )


def file_set_of_tree(files: FileSystem, copy_request: CopyRequest) -> FileSet:
    """Return the set of a directory with everything in it; missing directories below the top are made."""
    return file_set_of_read_tree(read_tree(files, copy_request.sources[0]), copy_request)


def file_set_of_read_tree(tree: Tree, copy_request: CopyRequest) -> FileSet:
    """Return the set of a directory that was read before."""
    (source,) = copy_request.sources
    top, base = normalise(copy_request.dest), tree_base(source, copy_request.dest)
    options = replace(copy_request.options, create_directories=True)
    jobs = tuple(
        replace(
            _job(copy_request, joined(source, file.path), joined(base, file.path), options),
            size_bytes=file.attributes.size or 0,
        )
        for file in tree.files
    )
    inside = [joined(base, directory) for directory in tree.directories]
    return FileSet(
        copy_request.endpoint,
        top,
        directories=(top, *([] if base == top else [base]), *inside),
        may_create=copy_request.options.create_directories,
        jobs=jobs,
        passed_over=tree.passed_over,
        errors=tree.errors,
    )


def file_sets_for(
    destinations: t.Sequence[Destination], sources: tuple[bytes, ...], tree: Tree | None, options: RelayOptions
) -> list[FileSet]:
    """Return a set for each destination, of a directory or of a list; all have the same files in the same order.

    Each local endpoint gets its number as its host, since each is confined to a directory of its own.
    """
    file_sets = []
    for number, destination in enumerate(destinations):
        endpoint = destination.endpoint
        if endpoint.local:
            endpoint = replace(endpoint, host=str(number))
        copy_request = CopyRequest(sources, tree is None, destination.path, endpoint, options)
        file_sets.append(file_set_of_list(copy_request) if tree is None else file_set_of_read_tree(tree, copy_request))
    return file_sets


def refuse_collisions(places: t.Iterable[tuple[Endpoint, bytes]]) -> None:
    """Raise ``invalid_input`` when two copies would have the same path."""
    taken: set[tuple[Endpoint, bytes]] = set()
    for place in places:
        endpoint, path = place
        if place in taken:
            raise InputError(
                "invalid_input",
                f"two destinations on {endpoint.label} would both have the file {printable(path)}",
                remedy="Name each destination once, and none inside of another.",
                role="destination",
                host=endpoint.label,
                path=path,
                details={"option": "destinations"},
            )
        taken.add(place)


def _job(copy_request: CopyRequest, source: bytes, place: bytes, options: RelayOptions) -> FileJob:
    return FileJob(source, Destination(copy_request.endpoint, place), options, name=source)
