# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_relay``."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._errors import InputError
from .._filesystem import ConnectionPool as Pool
from .._local.confined import ConfinedFileSystem
from .._model import Endpoint
from .._options.endpoint import destinations_spec, read_endpoint, source_spec
from .._options.paths import read_path, read_sources
from .._options.transfer import read_relay_options, read_resources, read_retries, route_spec, transfer_spec
from .._paths import destination_path, split
from .._transfer.destination import Destination
from .._transfer.namesakes import Namesakes
from .._transfer.tree import read_tree
from .connection_pool import ConnectionPool
from .entry import run_module
from .file_jobs import FileRunner
from .file_set import FileSet, file_set_of_place, file_sets_for, is_directory, refuse_collisions
from .pool_views import SubstitutePool
from .relay_result import RelayedFiles, read_needed
from .request import Module, ModuleResult, Request, Spec
from .retrying import retry_at

Place = t.Tuple[Endpoint, bytes]


def relay_spec() -> Spec:
    """Return the argument specification."""
    options = {**source_spec(), **destinations_spec(), **transfer_spec(), **route_spec()}
    return {**options, "min_success": {"type": "int"}}


def relay(request: Request) -> ModuleResult:
    """Copy a file, a list of files or a directory to each destination, and fail when too few of them succeeded."""
    started, params = time.monotonic(), request.params
    source = read_endpoint(params["source"], role="source")
    paths = read_sources(params["source"], single="path", within="source")
    destinations = _destinations(params["destinations"])
    needed = read_needed(params["min_success"], len(destinations))
    is_list, retries = params["source"]["path"] is None, read_retries(params)
    with ConnectionPool(request.reports, read_resources(params, destinations=len(destinations))) as opened:
        opened.prepare(destination.endpoint for destination in destinations)
        pool: Pool = opened
        is_tree = not is_list and retry_at(
            pool, source, lambda files: is_directory(files, paths[0], follow=False), retries=retries
        )
        if is_tree and source.local:
            pool = SubstitutePool(pool, source, ConfinedFileSystem(paths[0]))
        options = read_relay_options(params)
        if is_list or is_tree:
            tree = (
                retry_at(pool, source, lambda files: read_tree(files, paths[0]), retries=retries) if is_tree else None
            )
            file_sets = file_sets_for(destinations, paths, tree, options)
            places = _places_of(destinations, file_sets)
            pool = _confined(pool, file_sets)
        else:
            file_sets = [file_set_of_place(destination, paths[0], options) for destination in destinations]
            places = list(_places(destinations, paths[0]))
        refuse_collisions(places)
        namesakes = Namesakes(places)
        runner = FileRunner(request, pool, source, file_sets, namesakes=namesakes)
        runner.run()
    relayed = RelayedFiles(request, source, destinations, file_sets, runner, needed, namesakes)
    if is_list or is_tree:
        return relayed.many_result(None if is_list else paths[0], seconds=time.monotonic() - started)
    return relayed.single_result()


def _destinations(params: t.Sequence[t.Mapping[str, t.Any]]) -> list[Destination]:
    if not params:
        raise InputError("invalid_input", "destinations is empty", remedy="Name at least one destination.")
    return [
        Destination(
            read_endpoint(entry, role="destination"), read_path(entry["path"], option=f"destinations[{index}].path")
        )
        for index, entry in enumerate(params)
    ]


def _places(destinations: t.Sequence[Destination], source: bytes) -> t.Iterator[Place]:
    """Yield the paths of the copies of a file; a path that cannot be used is an error of its destination alone."""
    for destination in destinations:
        with contextlib.suppress(InputError):
            yield destination.endpoint, destination_path(destination.path, split(source)[1])


def _places_of(destinations: t.Sequence[Destination], file_sets: t.Sequence[FileSet]) -> list[Place]:
    return [
        (destination.endpoint, job.destination.path)
        for destination, file_set in zip(destinations, file_sets)
        for job in file_set.jobs
    ]


def _confined(pool: Pool, file_sets: t.Sequence[FileSet]) -> Pool:
    """Return a pool whose local destinations follow no link below the directory that is copied to."""
    for file_set in file_sets:
        if file_set.endpoint.local:
            pool = SubstitutePool(pool, file_set.endpoint, ConfinedFileSystem(file_set.top))
    return pool


RELAY = Module("backhaul.sftp.sftp_relay", relay_spec(), relay)


def main() -> None:
    """Run the module file."""
    run_module(RELAY)
