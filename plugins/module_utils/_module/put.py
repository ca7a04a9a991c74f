# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_put``."""

from __future__ import annotations

from dataclasses import replace

from .._filesystem import FileSystem
from .._local.confined import ConfinedFileSystem
from .._local.filesystem import LocalFileSystem
from .._local.links import followed
from .._model import Endpoint
from .._options import (
    put_spec,
    read_endpoint,
    read_path,
    read_relay_options,
    read_retries,
    read_sources,
)
from .._rules.paths import names_directory, normalise
from .answers import answer
from .boundary import serve
from .carrying import carry
from .ends import Ends
from .loads import Wish, is_directory, load_file, load_list, load_tree
from .many import FileJob, Load
from .overlay import Overlay
from .request import Answer, Module, Request, StandIns

HERE = Endpoint(role="source", local=True, name="localhost")


def put(request: Request) -> Answer:
    """Find out what there is to copy, then bring each file to where it should be."""
    params = request.params
    endpoint = read_endpoint(params["endpoint"], role="destination")
    retries, options = read_retries(params), read_relay_options(params)
    wish = Wish(
        read_sources(params), params["src"] is None, read_path(params["dest"], option="dest"), endpoint, options
    )
    with Ends(request.reports) as ends:
        files, load = _load(wish, request.stand_ins)
        directories, reports = carry(request, Overlay(ends, HERE, files), HERE, load, retries=retries)
    return answer(request, HERE, load, directories=directories, reports=reports)


def _load(wish: Wish, instead: StandIns) -> tuple[FileSystem, Load]:
    """Return what there is to copy, and the file system to read it from: no link inside a directory leads out of it.

    Files that the task names are read by paths without links, so that one which is planted meanwhile is not followed.
    """
    if wish.is_list or not is_directory(LocalFileSystem(), _followed(wish.sources[0]), follow=False):
        load = _replaced(load_list(wish) if wish.is_list else load_file(wish), instead)
        return ConfinedFileSystem(b"/"), replace(load, jobs=tuple(map(_link_followed, load.jobs)))
    confined = ConfinedFileSystem(wish.sources[0])
    return confined, _replaced(load_tree(confined, wish), instead)


def _followed(path: bytes) -> bytes:
    """Return what a task's path leads to; a slash at the end says that this is a directory."""
    return path if names_directory(path) else followed(path)


def _link_followed(job: FileJob) -> FileJob:
    """Take what a link leads to, where the task names a link, as Ansible's ``copy`` does."""
    return replace(job, source=followed(job.source))


def _replaced(load: Load, instead: StandIns) -> Load:
    return replace(load, jobs=tuple(_substituted(job, instead) for job in load.jobs))


def _substituted(job: FileJob, instead: StandIns) -> FileJob:
    """Take the file that stands in for a job's, with the mode that the real one has."""
    if instead.content and job.name == instead.content:
        return replace(job, name=None)
    file = instead.files.get(normalise(job.name or b""))
    if file is None:
        return job
    options = job.options
    if options.preserve_mode:
        mode = LocalFileSystem().attributes(job.source, follow=True).permissions
        options = replace(options, mode=mode, preserve_mode=False)
    return replace(job, source=file, options=options)


PUT = Module("backhaul.sftp.sftp_put", put_spec(), put)


def main() -> None:
    """Run the module file."""
    serve(PUT)
