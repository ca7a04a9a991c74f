# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_get``."""

from __future__ import annotations

from dataclasses import replace

from .._filesystem import ConnectionPool as OpenedEnds
from .._local.confined import ConfinedFileSystem
from .._model import Endpoint
from .._options.endpoint import read_endpoint
from .._options.paths import get_spec, read_path, read_sources
from .._options.transfer import read_relay_options, read_resources, read_retries
from .._retry import RetryPolicy
from .accounts import read_ownership
from .connection_pool import ConnectionPool
from .entry import run_module
from .file_jobs import FileRunner
from .file_results import files_result
from .file_set import CopyRequest, FileSet, file_set_of_file, file_set_of_list, file_set_of_tree, is_directory
from .pool_views import SubstitutePool
from .request import Module, ModuleResult, Request
from .retrying import retry_at

HERE = Endpoint(role="destination", local=True, name="localhost")


def get(request: Request) -> ModuleResult:
    """Download a file, a list of files or a directory."""
    params = request.params
    endpoint = read_endpoint(params["endpoint"], role="source")
    owner = read_ownership(params["owner"], params["group"])
    retries, options = read_retries(params), replace(read_relay_options(params), uid=owner.uid, gid=owner.gid)
    copy_request = CopyRequest(
        read_sources(params), params["src"] is None, read_path(params["dest"], option="dest"), HERE, options
    )
    with ConnectionPool(request.reports, read_resources(params)) as pool:
        file_set = _load(pool, endpoint, copy_request, retries)
        # From here on no link below the destination is followed.
        files = ConfinedFileSystem(file_set.top)
        inside = SubstitutePool(pool, HERE, files)
        runner = FileRunner(request, inside, endpoint, [file_set], namesakes=file_set.namesakes)
        runner.run()
    return files_result(request, endpoint, file_set, runner)


def _load(pool: OpenedEnds, endpoint: Endpoint, copy_request: CopyRequest, retries: RetryPolicy) -> FileSet:
    if copy_request.is_list:
        return file_set_of_list(copy_request)
    (source,) = copy_request.sources
    if retry_at(pool, endpoint, lambda files: is_directory(files, source, follow=False), retries=retries):
        return retry_at(pool, endpoint, lambda files: file_set_of_tree(files, copy_request), retries=retries)
    return file_set_of_file(copy_request)


GET = Module("backhaul.sftp.sftp_get", get_spec(), get)


def main() -> None:
    """Run the module file."""
    run_module(GET)
