# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""From what a task names to what it copies: one file, a list of files, or a directory with all that is in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._filesystem import FileSystem
from .._model import Endpoint, RelayOptions
from .._paths import destination_path, names_directory, normalise, split
from .._transfer.destination import Destination
from .._transfer.layout import joined, places, tree_base
from .._transfer.tree import Tree, read_tree
from .file_jobs import FileJob, FileSet


@dataclass(frozen=True)
class CopyRequest:
    """What a task asks for: files or a directory at one end, and where to put them at the other."""

    sources: tuple[bytes, ...]
    is_list: bool
    dest: bytes
    endpoint: Endpoint
    options: RelayOptions


def is_directory(files: FileSystem, path: bytes, *, follow: bool) -> bool:
    """Say whether a path is a directory, by its spelling or by what is there."""
    return names_directory(path) or files.attributes(path, follow=follow).kind == "directory"


def file_set_of_file(copy_request: CopyRequest) -> FileSet:
    """Return one file; a destination that ends in a slash is the directory to put it into."""
    (source,) = copy_request.sources
    place = destination_path(copy_request.dest, split(source)[1])
    return FileSet(
        copy_request.endpoint, top=split(place)[0], jobs=(_job(copy_request, source, place, copy_request.options),)
    )


def file_set_of_list(copy_request: CopyRequest) -> FileSet:
    """Return a list of files as it is; each is looked at when its turn comes."""
    top, options = normalise(copy_request.dest), replace(copy_request.options, create_directories=True)
    pairs = zip(copy_request.sources, places(copy_request.sources, top))
    jobs = tuple(_job(copy_request, source, place, options) for source, place in pairs)
    return FileSet(
        copy_request.endpoint, top, directories=(top,), may_create=copy_request.options.create_directories, jobs=jobs
    )


def file_set_of_tree(files: FileSystem, copy_request: CopyRequest) -> FileSet:
    """Return a directory with everything in it; what is in it, and its own name, is made where it is missing."""
    return file_set_of_read_tree(read_tree(files, copy_request.sources[0]), copy_request)


def file_set_of_read_tree(tree: Tree, copy_request: CopyRequest) -> FileSet:
    """Return the same for a directory that was read before."""
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


def _job(copy_request: CopyRequest, source: bytes, place: bytes, options: RelayOptions) -> FileJob:
    return FileJob(source, Destination(copy_request.endpoint, place), options, name=source)
