# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_find``."""

from __future__ import annotations

import time
import typing as t

from .._filesystem import FileSystem
from .._model import Digest, Endpoint, RemoteFile
from .._options.endpoint import endpoint_spec, read_endpoint
from .._options.paths import read_path
from .._options.selection import read_selection, read_stable_seconds, selection_spec
from .._retry import RetryPolicy
from .._selection.checks import unstable_error
from .._selection.model import Selected
from .._selection.selector import Selector
from .._transfer.inspect import blame
from .._transfer.reading import hashed
from .._transfer.walk import look_again, walk
from . import results
from .connection_pool import ConnectionPool
from .entry import run_module
from .pattern_time import BoundedSelector
from .request import Module, ModuleResult, Request, Spec
from .retrying import retry_at

# After a lost link nothing is tried again. A session that ended at an optional request is opened again without it.
_NO_RETRIES = RetryPolicy(retries=0)


def find_spec() -> Spec:
    """Return the argument specification."""
    return {**endpoint_spec(), "path": {"type": "str", "required": True}, **selection_spec()}


def find(request: Request) -> ModuleResult:
    """List the directory and select files; look again for ``stable_for``, and hash them for ``checksum``."""
    params = request.params
    endpoint = read_endpoint(params["endpoint"], role="endpoint")
    top = read_path(params["path"], option="path")
    selector = Selector(read_selection(params), now=time.time())
    stable_seconds = read_stable_seconds(params)
    with ConnectionPool(request.reports) as pool, blame(endpoint):
        files = retry_at(pool, endpoint, lambda opened: opened, retries=_NO_RETRIES)
        with BoundedSelector(selector) as bounded:
            walk(files, top, bounded, depth=_depth(params))
        selected = selector.result()
        if stable_seconds:
            _require_stable(files, selected, float(stable_seconds))
        chosen = [_described(request, pool, endpoint, file) for file in selected.files]
        connections = [results.connection_fields(report) for report in pool.reports]
    return ModuleResult(
        {
            "changed": False,
            "files": chosen,
            "latest": chosen[0] if chosen else None,
            "connection": connections[0] if connections else None,
            **results.selected_fields(selected),
        },
        warnings=(*results.connection_warnings(pool.reports), *_cut(selected)),
    )


def _cut(selected: Selected) -> t.Iterator[str]:
    if selected.is_cut:
        count = len(selected.files)
        yield f"files holds the first {count} of {selected.qualified} files, since a result cannot be larger: set limit"


def _depth(params: t.Mapping[str, t.Any]) -> int | None:
    if not params["recurse"]:
        return 1
    return None if params["depth"] is None else max(1, int(params["depth"]))


def _require_stable(files: FileSystem, selected: Selected, seconds: float) -> None:
    time.sleep(seconds)
    for file, now in zip(selected.files, look_again(files, selected.files)):
        error = unstable_error(file, now)
        if error is not None:
            raise error


def _described(request: Request, pool: ConnectionPool, endpoint: Endpoint, file: RemoteFile) -> results.Json:
    fields, algorithm = results.file_fields(file), request.params["checksum"]
    if algorithm != "none" and file.attributes.kind == "file":
        digest = retry_at(pool, endpoint, lambda files: _hashed(request, files, endpoint, file), retries=_NO_RETRIES)
        fields.update({"checksum": digest.hexdigest, "checksum_by": digest.method})
    return fields


def _hashed(request: Request, files: FileSystem, endpoint: Endpoint, file: RemoteFile) -> Digest:
    seen = files.attributes(file.path, follow=False)
    error = unstable_error(file, seen)
    if error is not None:
        raise error
    algorithm, progress = request.params["checksum"], request.progress.checked(endpoint, file.path)
    return hashed(files, file.path, seen, algorithm=algorithm, progress=progress)


FIND = Module("backhaul.sftp.sftp_find", find_spec(), find)


def main() -> None:
    """Run the module file."""
    run_module(FIND)
