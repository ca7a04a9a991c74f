# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""From what a task names to what it copies: one file, a list of files, or a directory with all that is in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._engine.shipment import Destination
from .._engine.tree import Tree, read_tree
from .._filesystem import FileSystem
from .._model import Endpoint, RelayOptions
from .._rules.layout import joined, places, tree_base
from .._rules.paths import destination_path, names_directory, normalise, split
from .many import FileJob, Load


@dataclass(frozen=True)
class Wish:
    """What a task asks for: files or a directory at one end, and where to put them at the other."""

    sources: tuple[bytes, ...]
    is_list: bool
    dest: bytes
    endpoint: Endpoint
    options: RelayOptions


def is_directory(files: FileSystem, path: bytes, *, follow: bool) -> bool:
    """Say whether a path is a directory, by its spelling or by what is there."""
    return names_directory(path) or files.attributes(path, follow=follow).kind == "directory"


def load_file(wish: Wish) -> Load:
    """Return one file; a destination that ends in a slash is the directory to put it into."""
    (source,) = wish.sources
    place = destination_path(wish.dest, split(source)[1])
    return Load(wish.endpoint, top=split(place)[0], jobs=(_job(wish, source, place, wish.options),))


def load_list(wish: Wish) -> Load:
    """Return a list of files as it is; each is looked at when its turn comes."""
    top, options = normalise(wish.dest), replace(wish.options, create_directories=True)
    pairs = zip(wish.sources, places(wish.sources, top))
    jobs = tuple(_job(wish, source, place, options) for source, place in pairs)
    return Load(wish.endpoint, top, directories=(top,), may_create=wish.options.create_directories, jobs=jobs)


def load_tree(files: FileSystem, wish: Wish) -> Load:
    """Return a directory with everything in it; what is in it, and its own name, is made where it is missing."""
    return load_read_tree(read_tree(files, wish.sources[0]), wish)


def load_read_tree(tree: Tree, wish: Wish) -> Load:
    """Return the same for a directory that was read before."""
    (source,) = wish.sources
    top, base = normalise(wish.dest), tree_base(source, wish.dest)
    options = replace(wish.options, create_directories=True)
    jobs = tuple(
        replace(
            _job(wish, joined(source, file.path), joined(base, file.path), options),
            size_bytes=file.attributes.size or 0,
        )
        for file in tree.files
    )
    inside = [joined(base, directory) for directory in tree.directories]
    return Load(
        wish.endpoint,
        top,
        directories=(top, *([] if base == top else [base]), *inside),
        may_create=wish.options.create_directories,
        jobs=jobs,
        passed_over=tree.passed_over,
        errors=tree.errors,
    )


def _job(wish: Wish, source: bytes, place: bytes, options: RelayOptions) -> FileJob:
    return FileJob(source, Destination(wish.endpoint, place), options, name=source)
