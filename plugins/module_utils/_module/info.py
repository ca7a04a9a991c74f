# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_info``."""

from __future__ import annotations

import itertools
import typing as t

from .._errors import BackhaulError, InputError
from .._filesystem import FileSystem
from .._model import Endpoint
from .._names import suspicion
from .._options.endpoint import endpoint_spec, read_endpoint
from .._options.paths import read_path
from .._paths import join
from .._retry import RetryPolicy
from .._ssh.scan import ScannedKey, scan_host_keys
from .._transfer.inspect import blame
from . import results
from .connection_pool import ConnectionPool
from .entry import run_module
from .request import Module, ModuleResult, Request, Spec
from .retrying import retry_at

# At most this many entries of the directory are looked at for a file that can be hashed as a test.
ENTRIES_LOOKED_AT = 1000
# After a lost link nothing is tried again. A session that ended at an optional request is opened again without it.
_NO_RETRIES = RetryPolicy(retries=0)


def info_spec() -> Spec:
    """Return the argument specification."""
    return {**endpoint_spec(), "path": {"type": "str", "default": "."}, "login": {"type": "bool", "default": True}}


def info(request: Request) -> ModuleResult:
    """Scan the host keys without logging in, then collect the rest over a verified connection."""
    endpoint = read_endpoint(request.params["endpoint"], role="endpoint")
    path = read_path(request.params["path"], option="path")
    if endpoint.local:
        raise InputError("invalid_input", "endpoint is local, and sftp_info is about servers", remedy="Name a server.")
    result: results.Json = {"changed": False, "host_keys": [_key_fields(key) for key in scan_host_keys(endpoint)]}
    if request.params["login"]:
        inside, warnings = _inside(request, endpoint, path)
        return ModuleResult({**result, **inside}, warnings=warnings)
    return ModuleResult(result)


def _key_fields(scanned: ScannedKey) -> results.Json:
    verdict, refusal = scanned.verdict, scanned.refusal
    return {
        "type": scanned.key.key_type,
        "fingerprint": scanned.key.fingerprint,
        "key": scanned.key.line,
        "trusted": verdict is not None,
        "trusted_by": verdict.trusted_by if verdict else None,
        "trust_origin": verdict.origin if verdict else None,
        "refused_as": refusal.code if refusal else None,
    }


def _inside(request: Request, endpoint: Endpoint, path: bytes) -> tuple[results.Json, tuple[str, ...]]:
    with ConnectionPool(request.reports) as pool, blame(endpoint):
        fields = retry_at(pool, endpoint, lambda files: _found(files, pool, path), retries=_NO_RETRIES)
        return fields, results.connection_warnings(pool.reports)


def _found(files: FileSystem, pool: ConnectionPool, path: bytes) -> results.Json:
    space = _asked(lambda: files.space(path))
    method, tested_on = _hash_method(files, path)
    features = files.features()
    return {
        "connection": results.connection_fields(pool.reports[0]),
        **results.path_fields(files.canonical(path), key="canonical_path"),
        "extensions": dict(features.extensions),
        "limits": {
            "packet_bytes": features.limits.packet_bytes,
            "read_bytes": features.limits.read_bytes,
            "write_bytes": features.limits.write_bytes,
            "open_handles": features.limits.open_handles,
        },
        "can_sync": features.can_sync,
        "can_replace": features.can_replace,
        "remote_checksum": method,
        "remote_checksum_tested_on": tested_on,
        "space": space and {"free_bytes": space.free_bytes, "total_bytes": space.total_bytes},
    }


_ValueT = t.TypeVar("_ValueT")


def _asked(ask: t.Callable[[], _ValueT | None]) -> _ValueT | None:
    """Return the answer to a request that a server may refuse, None then; a lost link is raised."""
    try:
        return ask()
    except BackhaulError as exc:
        if exc.breaks_link:
            raise
        return None


def _hash_method(files: FileSystem, path: bytes) -> tuple[str | None, str | None]:
    """Return how the server hashed the first byte of a file, and that file's path; None where none could be tried."""
    candidate = next(_files_to_try(files, path), None)
    if candidate is None:
        return None, None
    digest = _asked(lambda: files.digest(candidate, algorithm="sha256", length=1))
    return (digest.method if digest else None), results.path_fields(candidate)["path"]


def _files_to_try(files: FileSystem, path: bytes) -> t.Iterator[bytes]:
    if files.attributes(path, follow=True).kind == "file":
        yield path
        return
    for entry in itertools.islice(files.entries(path), ENTRIES_LOOKED_AT):
        if entry.attributes.kind == "file" and entry.attributes.size and not suspicion(entry.name):
            yield join(path, entry.name)


INFO = Module("backhaul.sftp.sftp_info", info_spec(), info)


def main() -> None:
    """Run the module file."""
    run_module(INFO)
