# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_find``."""

from __future__ import annotations

import time
import typing as t

from .._engine.examine import at
from .._engine.reading import hashed
from .._engine.walk import look_again, walk
from .._filesystem import FileSystem
from .._model import RemoteFile
from .._options import endpoint_spec, read_endpoint, read_path, read_selection, read_stable_seconds, selection_spec
from .._rules.selection import Selector
from .._rules.selection_model import Selected
from .._rules.selection_verdict import compare_looks
from . import results
from .boundary import serve
from .ends import Ends
from .request import Answer, Module, Request, Spec


def find_spec() -> Spec:
    """Return the argument specification."""
    return {**endpoint_spec(), "path": {"type": "str", "required": True}, **selection_spec()}


def find(request: Request) -> Answer:
    """List, select, look twice where asked, and hash where asked."""
    params = request.params
    endpoint = read_endpoint(params["endpoint"], role="endpoint")
    top = read_path(params["path"], option="path")
    selector = Selector(read_selection(params), now=time.time())
    stable_seconds = read_stable_seconds(params)
    with Ends(request.reports) as ends, at(endpoint):
        files = ends.file_system(endpoint)
        walk(files, top, selector, depth=_depth(params))
        selected = selector.result()
        if stable_seconds:
            _require_stable(files, selected, float(stable_seconds))
        chosen = [_described(files, file, params["checksum"]) for file in selected.files]
        connections = [results.connection_fields(report) for report in ends.reports]
    return Answer(
        {
            "changed": False,
            "files": chosen,
            "latest": chosen[0] if chosen else None,
            "connection": connections[0] if connections else None,
            **results.selected_fields(selected),
        },
        warnings=results.connection_warnings(ends.reports),
    )


def _depth(params: t.Mapping[str, t.Any]) -> int | None:
    if not params["recurse"]:
        return 1
    return None if params["depth"] is None else max(1, int(params["depth"]))


def _require_stable(files: FileSystem, selected: Selected, seconds: float) -> None:
    time.sleep(seconds)
    for file, now in zip(selected.files, look_again(files, selected.files)):
        error = compare_looks(file, now)
        if error is not None:
            raise error


def _described(files: FileSystem, file: RemoteFile, algorithm: str) -> results.Json:
    fields = results.file_fields(file)
    if algorithm != "none" and file.attributes.kind == "file":
        seen = files.attributes(file.path, follow=False)
        error = compare_looks(file, seen)
        if error is not None:
            raise error
        digest = hashed(files, file.path, seen, algorithm=algorithm)
        fields.update({"checksum": digest.hexdigest, "checksum_by": digest.method})
    return fields


FIND = Module("backhaul.sftp.sftp_find", find_spec(), find)


def main() -> None:
    """Run the module file."""
    serve(FIND)
