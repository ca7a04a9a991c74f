# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Merge the results of a relay that ran on several hosts, each for its own destinations."""

from __future__ import annotations

import typing as t

from ..module_utils._errors import InputError, RemoteError
from ._routes import Leg

Result = t.Dict[str, t.Any]
LegResult = t.Tuple[Leg, Result]
_LISTS = ("connections", "warnings", "deprecations", "diff", "directories")


def required_successes(arguments: t.Mapping[str, t.Any]) -> int:
    """Return the number of destinations that must succeed. Raises InputError when ``min_success`` is out of range."""
    given, count = arguments.get("min_success"), len(arguments["destinations"])
    if given in (None, ""):
        return count
    if not str(given).strip().isdigit() or not 1 <= int(given) <= count:
        raise InputError(
            "invalid_input",
            f"min_success is {given}, and must be from 1 to the number of destinations ({count})",
            details={"option": "min_success"},
        )
    return int(given)


def merge(runs: t.Sequence[LegResult], *, required: int) -> Result:
    """Return one result for all runs, equal in form and in success to that of a relay that ran on one host."""
    entries = dict(entry for leg, result in runs for entry in zip(leg.indexes, _entries(leg, result)))
    destinations = [entries[index] for index in sorted(entries)]
    results = [result for _leg, result in runs]
    merged: Result = {
        "changed": any(entry["changed"] for entry in destinations),
        "destinations": destinations,
        "bytes_read": sum(result.get("bytes_read", 0) for result in results),
        **_first("source", results),
        **_first("passed_over", results),
        **_first("invocation", results),
        **_merged_files(runs),
    }
    for key in _LISTS:
        items = [item for result in results for item in _listed(result.get(key))]
        if items or key == "connections":
            merged[key] = items
    errors = [entry["error"] for entry in destinations if entry["error"]]
    incomplete = next((result for leg, result in runs if _is_incomplete(leg, result)), None)
    if incomplete is not None and len(destinations) - len(errors) >= required:
        return {**merged, "failed": True, "msg": incomplete["msg"], "error": incomplete["error"]}
    if len(destinations) - len(errors) >= required:
        messages = [f"{error['host'] or error['role']}: {error['message']}" for error in errors]
        return (
            {**merged, "warnings": list(dict.fromkeys([*merged.get("warnings", []), *messages]))}
            if messages
            else merged
        )
    failed = next(result for result in results if result.get("failed"))
    counts = {"failed": len(errors), "succeeded": len(destinations) - len(errors)}
    error = {**errors[0], "details": {**errors[0]["details"], **counts}}
    return {**merged, "failed": True, "msg": failed["msg"], "error": error}


def _merged_files(runs: t.Sequence[LegResult]) -> Result:
    """Return the ``files`` of all runs, each with all its destinations; nothing when no run had several files.

    A file that only some runs found has no entries from the other runs.
    """
    if not any("files" in result for _leg, result in runs):
        return {}
    sources: dict[str, Result] = {}
    entries: dict[str, dict[int, Result]] = {}
    for leg, result in runs:
        for file in result.get("files", ()):
            key = _key(file["source"])
            sources.setdefault(key, file["source"])
            entries.setdefault(key, {}).update(zip(leg.indexes, file["destinations"]))
    for leg, result in runs:
        if "files" not in result:
            for of_file in entries.values():
                of_file.update(zip(leg.indexes, _entries(leg, result)))
    return {"files": [_file(source, entries[key]) for key, source in sources.items()]}


def _key(source: Result) -> str:
    return str(source.get("path_base64") or source["path"])


def _file(source: Result, entries: t.Mapping[int, Result]) -> Result:
    ordered = [entries[index] for index in sorted(entries)]
    return {"source": source, "changed": any(entry["changed"] for entry in ordered), "destinations": ordered}


def _is_incomplete(leg: Leg, result: Result) -> bool:
    """Return whether a run failed although its destinations did not: a part of the source could not be read."""
    return bool(result.get("failed")) and not any(entry["error"] for entry in _entries(leg, result))


def _entries(leg: Leg, result: Result) -> list[Result]:
    if "destinations" in result:
        return list(result["destinations"])
    error = result.get("error") or RemoteError("remote_failure", str(result.get("msg", "")), host=leg.host).to_dict()
    return [_failed(leg, end["path"], error) for end in leg.arguments["destinations"]]


def _failed(leg: Leg, path: object, error: Result) -> Result:
    """Return the entry of a destination whose run failed as a whole, in the form of all entries."""
    nothing = dict.fromkeys(("compared_by", "verified_by", "sha256"))
    counts = dict.fromkeys(("bytes_sent", "bytes_resumed", "bytes_per_second"), 0)
    return {
        "host": leg.host or "localhost",
        "path": str(path),
        "state": "failed",
        "changed": False,
        **nothing,
        **counts,
        "seconds": 0.0,
        "attempts": error["details"].get("attempts", 1),
        "retried": error["details"].get("retried", []),
        "attributes_changed": [],
        "not_applied": [],
        "error": error,
    }


def _first(key: str, results: t.Iterable[Result]) -> Result:
    return next(({key: result[key]} for result in results if key in result), {})


def _listed(value: object) -> list[t.Any]:
    return value if isinstance(value, list) else [value] if value else []
