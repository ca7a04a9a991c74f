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
from .._options.endpoint import read_endpoint
from .._options.paths import put_spec, read_path, read_sources
from .._options.transfer import read_relay_options, read_resources
from .._paths import names_directory, normalise
from .connection_pool import ConnectionPool
from .entry import run_module
from .file_jobs import FileRunner
from .file_results import files_result
from .file_set import CopyRequest, FileJob, FileSet, file_set_of_file, file_set_of_list, file_set_of_tree, is_directory
from .pool_views import SubstitutePool
from .request import Module, ModuleResult, Request, SubstituteFiles

HERE = Endpoint(role="source", local=True, name="localhost")


def put(request: Request) -> ModuleResult:
    """Upload a file, a list of files or a directory."""
    params = request.params
    endpoint = read_endpoint(params["endpoint"], role="destination")
    options = read_relay_options(params)
    copy_request = CopyRequest(
        read_sources(params), params["src"] is None, read_path(params["dest"], option="dest"), endpoint, options
    )
    with ConnectionPool(request.reports, read_resources(params)) as pool:
        files, file_set = _load(copy_request, request.substitutes)
        runner = FileRunner(request, SubstitutePool(pool, HERE, files), HERE, [file_set], namesakes=file_set.namesakes)
        runner.run()
    return files_result(request, HERE, file_set, runner)


def _load(copy_request: CopyRequest, instead: SubstituteFiles) -> tuple[FileSystem, FileSet]:
    """Return the files to copy, and the file system to read them from, which follows no link inside a directory.

    The paths that the task names are resolved once. A link that is planted afterwards is not followed.
    """
    if copy_request.is_list or not is_directory(LocalFileSystem(), _followed(copy_request.sources[0]), follow=False):
        file_set = _replaced(
            file_set_of_list(copy_request) if copy_request.is_list else file_set_of_file(copy_request), instead
        )
        return ConfinedFileSystem(b"/"), replace(file_set, jobs=tuple(map(_link_followed, file_set.jobs)))
    confined = ConfinedFileSystem(copy_request.sources[0])
    return confined, _replaced(file_set_of_tree(confined, copy_request), instead)


def _followed(path: bytes) -> bytes:
    """Return a path with its links resolved; a path that ends in a slash is a directory and stays."""
    return path if names_directory(path) else followed(path)


def _link_followed(job: FileJob) -> FileJob:
    """Replace a source that is a link by its target, as Ansible's ``copy`` does."""
    return replace(job, source=followed(job.source))


def _replaced(file_set: FileSet, instead: SubstituteFiles) -> FileSet:
    return replace(file_set, jobs=tuple(_substituted(job, instead) for job in file_set.jobs))


def _substituted(job: FileJob, instead: SubstituteFiles) -> FileJob:
    """Replace the source by its substitute, if there is one; the mode stays that of the original."""
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
    run_module(PUT)
