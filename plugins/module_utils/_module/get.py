# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_get``."""

from __future__ import annotations

from .._engine.source import Ends as OpenedEnds
from .._local.confined import ConfinedFileSystem
from .._model import Endpoint
from .._options import (
    get_spec,
    read_endpoint,
    read_path,
    read_relay_options,
    read_resources,
    read_retries,
    read_sources,
)
from .._rules.retry import RetryPolicy
from .answers import answer
from .boundary import serve
from .carrying import carry
from .ends import Ends
from .insist import insist
from .loads import Wish, is_directory, load_file, load_list, load_tree
from .many import Load
from .overlay import Overlay
from .ownership import Owning, read_ownership
from .request import Answer, Module, Request

HERE = Endpoint(role="destination", local=True, name="localhost")


def get(request: Request) -> Answer:
    """Find out what there is to copy, then bring each file to where it should be."""
    params = request.params
    endpoint = read_endpoint(params["endpoint"], role="source")
    retries, options = read_retries(params), read_relay_options(params)
    owner = read_ownership(params["owner"], params["group"])
    wish = Wish(read_sources(params), params["src"] is None, read_path(params["dest"], option="dest"), HERE, options)
    with Ends(request.reports, read_resources(params)) as ends:
        load = _load(ends, endpoint, wish, retries)
        # From here on nothing that is at the destination can lead out of it.
        files = ConfinedFileSystem(load.top)
        directories, reports = carry(
            request,
            Overlay(ends, HERE, files),
            endpoint,
            load,
            retries=retries,
            around=lambda work: Owning(work, files, owner, request.check_mode),
        )
    return answer(request, endpoint, load, directories=directories, reports=reports)


def _load(ends: OpenedEnds, endpoint: Endpoint, wish: Wish, retries: RetryPolicy) -> Load:
    if wish.is_list:
        return load_list(wish)
    (source,) = wish.sources
    if insist(ends, endpoint, lambda files: is_directory(files, source, follow=False), retries=retries):
        return insist(ends, endpoint, lambda files: load_tree(files, wish), retries=retries)
    return load_file(wish)


GET = Module("backhaul.sftp.sftp_get", get_spec(), get)


def main() -> None:
    """Run the module file."""
    serve(GET)
