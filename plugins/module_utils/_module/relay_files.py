# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What ``sftp_relay`` does for a list of files and for a directory."""

from __future__ import annotations

import collections
import time
import typing as t
from dataclasses import dataclass, replace

from .._errors import BackhaulError, InputError, printable
from .._local.confined import ConfinedFileSystem
from .._model import Endpoint, Resources
from .._options import read_rate_limit, read_relay_options, read_retries
from .._transfer.destination import Destination
from .._transfer.namesakes import Namesakes
from .._transfer.rate_limit import RateLimiter
from .._transfer.source import ConnectionPool as OpenedEnds
from .._transfer.tree import read_tree
from . import results
from .connection_pool import ConnectionPool
from .directories import MAX_SESSIONS
from .file_jobs import FileSet
from .file_results import left_out_warnings, not_applied_warnings, refused_names_error, unreadable
from .file_runner import FileRun, FileRunner
from .file_set import CopyRequest, file_set_of_list, file_set_of_read_tree
from .pool_views import SubstitutePool
from .relay_result import relay_result
from .request import ModuleResult, Request
from .retrying import retry_at

# What a destination's state is called: the first of these that any of its files has.
_STATES = ("failed", "planned", "created", "replaced", "unchanged", "skipped")


@dataclass(frozen=True)
class RelayRequest:
    """What a task asks for, once it is known that this is more than a file."""

    endpoint: Endpoint
    sources: tuple[bytes, ...]
    is_list: bool
    destinations: t.Sequence[Destination]
    needed: int
    resources: Resources


def buffer_bytes(resources: Resources, destinations: int) -> int:
    """Return how much of a file may be kept for destinations that are behind."""
    return resources.memory_bytes * destinations // 4


def relay_files(request: Request, pool: ConnectionPool, relay_request: RelayRequest) -> ModuleResult:
    """Plan or carry out every file for every destination."""
    started = time.monotonic()
    source_ends, file_sets = _loads(request, pool, relay_request)
    refuse_collisions(_places(relay_request, file_sets))
    namesakes = Namesakes(_places(relay_request, file_sets))
    runner = FileRunner(
        _confined(source_ends, file_sets),
        relay_request.endpoint,
        file_sets,
        retries=read_retries(request.params),
        check_mode=request.check_mode,
        log=request.progress,
        rate_limiter=RateLimiter(read_rate_limit(request.params)),
        buffer_bytes=buffer_bytes(relay_request.resources, len(file_sets)),
        in_flight_bytes=relay_request.resources.read_ahead_bytes,
        max_sessions=min(relay_request.resources.streams or MAX_SESSIONS, MAX_SESSIONS),
        namesakes=namesakes,
    )
    runner.carry()
    answer = _answer(request, relay_request, file_sets, runner, seconds=time.monotonic() - started)
    return replace(answer, warnings=(*namesakes.warnings(), *answer.warnings))


def _loads(request: Request, pool: ConnectionPool, relay_request: RelayRequest) -> tuple[OpenedEnds, list[FileSet]]:
    """Return what goes to each destination, all of it the same and in the same order."""
    options = read_relay_options(request.params)
    copy_requests = [
        CopyRequest(
            relay_request.sources,
            relay_request.is_list,
            destination.path,
            _distinct(destination.endpoint, number),
            options,
        )
        for number, destination in enumerate(relay_request.destinations)
    ]
    if relay_request.is_list:
        return pool, [file_set_of_list(copy_request) for copy_request in copy_requests]
    (top,) = relay_request.sources
    inside: OpenedEnds = pool
    if relay_request.endpoint.local:
        inside = SubstitutePool(pool, relay_request.endpoint, ConfinedFileSystem(top))
    retries = read_retries(request.params)
    tree = retry_at(inside, relay_request.endpoint, lambda files: read_tree(files, top), retries=retries)
    return inside, [file_set_of_read_tree(tree, copy_request) for copy_request in copy_requests]


def _distinct(endpoint: Endpoint, number: int) -> Endpoint:
    """Return an endpoint that is its own among local ones, since each is confined to its own directory."""
    return replace(endpoint, host=str(number)) if endpoint.local else endpoint


def _confined(pool: OpenedEnds, file_sets: t.Sequence[FileSet]) -> OpenedEnds:
    """Let nothing that is at a local destination lead out of it."""
    for file_set in file_sets:
        if file_set.endpoint.local:
            pool = SubstitutePool(pool, file_set.endpoint, ConfinedFileSystem(file_set.top))
    return pool


def refuse_collisions(places: t.Iterable[tuple[Endpoint, bytes]]) -> None:
    """Raise ``invalid_input`` when two copies would have the same place."""
    taken: set[tuple[Endpoint, bytes]] = set()
    for place in places:
        endpoint, path = place
        if place in taken:
            raise InputError(
                "invalid_input",
                f"two destinations on {endpoint.label} would both have the file {printable(path)}",
                remedy="Name each destination once, and none inside of another.",
                role="destination",
                host=endpoint.label,
                path=path,
                details={"option": "destinations"},
            )
        taken.add(place)


def _places(relay_request: RelayRequest, file_sets: t.Sequence[FileSet]) -> t.Iterator[tuple[Endpoint, bytes]]:
    for destination, file_set in zip(relay_request.destinations, file_sets):
        for job in file_set.jobs:
            yield destination.endpoint, job.destination.path


def _answer(
    request: Request, relay_request: RelayRequest, file_sets: t.Sequence[FileSet], runner: FileRunner, *, seconds: float
) -> ModuleResult:
    directories = [report for number in range(len(file_sets)) for report in runner.directories.get(number, ())]
    reports = [run.reports[number] for run in runner.runs for number in range(len(file_sets))]
    outcomes = [_judged(runner, number, file_set, seconds) for number, file_set in enumerate(file_sets)]
    passed_over = file_sets[0].passed_over
    everything = [*directories, *reports]
    pool = [relay_request.endpoint, *(destination.endpoint for destination in relay_request.destinations)]
    made = results.in_order(request.reports, pool)
    result: results.Json = {
        "changed": any(report.entry["changed"] for report in everything),
        "source": _source(relay_request, runner.runs),
        "destinations": [entry for entry, _error in outcomes],
        "files": [_file(run) for run in runner.runs],
        "directories": [report.entry for report in directories],
        "passed_over": [results.skipped_fields(skipped) for skipped in passed_over],
        "bytes_read": sum(run.bytes_read for run in runner.runs),
        "connections": [results.connection_fields(report) for report in made],
    }
    if request.diff_mode:
        result["diff"] = [report.diff for report in everything if report.diff]
    errors = [error for _entry, error in outcomes if error is not None]
    warnings = _warnings(request, file_sets, runner)
    answer = relay_result(result, errors, count=len(file_sets), needed=relay_request.needed, warnings=warnings)
    incomplete = _incomplete(relay_request, file_sets[0])
    if answer.error is None and incomplete is not None:
        return replace(answer, error=incomplete)
    return answer


def _incomplete(relay_request: RelayRequest, file_set: FileSet) -> BackhaulError | None:
    """Return why not all of the source could be copied anywhere."""
    if file_set.errors:
        return file_set.errors[0].with_location(role=relay_request.endpoint.role, host=relay_request.endpoint.label)
    return refused_names_error(file_set.passed_over, relay_request.endpoint)


def _file(run: FileRun) -> results.Json:
    entries = [run.reports[number].entry for number in range(len(run.jobs))]
    return {
        "source": run.source,
        "changed": any(entry["changed"] for entry in entries),
        "destinations": entries,
    }


def _source(relay_request: RelayRequest, runs: t.Sequence[FileRun]) -> results.Json:
    """Return the source as a whole, with the keys that a single file has."""
    path = {"path": None} if relay_request.is_list else results.path_fields(relay_request.sources[0])
    unknown = dict.fromkeys(("mtime", "mtime_utc", "sha256", "digest_by"))
    size = sum(run.source["size"] or 0 for run in runs)
    return {"host": relay_request.endpoint.label, **path, "size": size, "files": len(runs), **unknown}


def _judged(
    runner: FileRunner, number: int, file_set: FileSet, seconds: float
) -> tuple[results.Json, BackhaulError | None]:
    """Return the entry of a destination, and why not all of it succeeded."""
    files = [run.reports[number] for run in runner.runs]
    directories = runner.directories.get(number, [])
    lost = runner.lost(number)
    errors = [report.error for report in directories] + [lost] + [report.error for report in files]
    error = next((error for error in errors if error is not None), None)
    entries = [report.entry for report in files]
    states = {report.entry["state"] for report in [*directories, *files]} | ({"failed"} if lost else set())
    sent = _sum(entries, "bytes_sent")
    return {
        "host": file_set.endpoint.label,
        **results.path_fields(file_set.top),
        "state": next((state for state in _STATES if state in states), "unchanged"),
        "changed": any(report.entry["changed"] for report in [*directories, *files]),
        "counts": dict(sorted(collections.Counter(entry["state"] for entry in entries).items())),
        "compared_by": _common(entries, "compared_by"),
        "verified_by": _common(entries, "verified_by"),
        "sha256": None,
        "bytes_sent": sent,
        "bytes_resumed": _sum(entries, "bytes_resumed"),
        "seconds": round(seconds, 3),
        "bytes_per_second": int(sent / seconds) if seconds else 0,
        "attempts": max((entry["attempts"] for entry in entries), default=1),
        "retried": max((entry["retried"] for entry in entries), key=len, default=[]),
        "attributes_changed": _union(entries, "attributes_changed"),
        "not_applied": _union(entries, "not_applied"),
        "error": None if error is None else error.to_dict(),
    }, error


def _sum(entries: t.Iterable[results.Json], key: str) -> int:
    return sum(entry[key] for entry in entries)


def _union(entries: t.Iterable[results.Json], key: str) -> list[str]:
    return sorted({what for entry in entries for what in entry[key]})


def _common(entries: t.Iterable[results.Json], key: str) -> str | None:
    """Return what all files for which it was needed have in common, if they do."""
    found = {entry[key] for entry in entries} - {None}
    return found.pop() if len(found) == 1 else None


def _warnings(request: Request, file_sets: t.Sequence[FileSet], runner: FileRunner) -> list[str]:
    warnings = [*results.connection_warnings(request.reports), *left_out_warnings(file_sets[0].passed_over)]
    for number, file_set in enumerate(file_sets):
        entries = [run.reports[number].entry for run in runner.runs]
        warnings += [
            *not_applied_warnings(file_set.endpoint.label, entries),
            *unreadable(file_set.endpoint.label, entries),
        ]
        warnings += [text for run in runner.runs for text in run.reports[number].warnings]
    return warnings
