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

from .._engine.namesakes import Namesakes
from .._engine.pace import Pace
from .._engine.shipment import Destination
from .._engine.source import Ends as OpenedEnds
from .._engine.tree import read_tree
from .._errors import BackhaulError, InputError, shown
from .._local.confined import ConfinedFileSystem
from .._model import Endpoint, Resources
from .._options import read_rate_limit, read_relay_options, read_retries
from . import results
from .answers import left_out, not_accepted, suspect, unreadable
from .carrying import MOST_LANES
from .convoy import Cargo, Convoy
from .ends import Ends
from .insist import insist
from .loads import Wish, load_list, load_read_tree
from .many import Load
from .overlay import Overlay
from .request import Answer, Request
from .verdict import judged

# What a destination's state is called: the first of these that any of its files has.
_STATES = ("failed", "planned", "created", "replaced", "unchanged", "skipped")


@dataclass(frozen=True)
class Wished:
    """What a task asks for, once it is known that this is more than a file."""

    endpoint: Endpoint
    sources: tuple[bytes, ...]
    is_list: bool
    destinations: t.Sequence[Destination]
    needed: int
    resources: Resources


def lag_bytes(resources: Resources, destinations: int) -> int:
    """Return how much of a file may be kept for destinations that are behind."""
    return resources.memory_bytes * destinations // 4


def relay_many(request: Request, ends: Ends, wished: Wished) -> Answer:
    """Plan or carry out every file for every destination."""
    started = time.monotonic()
    source_ends, loads = _loads(request, ends, wished)
    refuse_collisions(_places(wished, loads))
    namesakes = Namesakes(_places(wished, loads))
    convoy = Convoy(
        _confined(source_ends, loads),
        wished.endpoint,
        loads,
        retries=read_retries(request.params),
        check_mode=request.check_mode,
        log=request.progress,
        pace=Pace(read_rate_limit(request.params)),
        lag_bytes=lag_bytes(wished.resources, len(loads)),
        ration_bytes=wished.resources.read_ahead_bytes,
        most_lanes=min(wished.resources.streams or MOST_LANES, MOST_LANES),
        namesakes=namesakes,
    )
    convoy.carry()
    answer = _answer(request, wished, loads, convoy, seconds=time.monotonic() - started)
    return replace(answer, warnings=(*namesakes.warnings(), *answer.warnings))


def _loads(request: Request, ends: Ends, wished: Wished) -> tuple[OpenedEnds, list[Load]]:
    """Return what goes to each destination, all of it the same and in the same order."""
    options = read_relay_options(request.params)
    wishes = [
        Wish(wished.sources, wished.is_list, destination.path, _told_apart(destination.endpoint, number), options)
        for number, destination in enumerate(wished.destinations)
    ]
    if wished.is_list:
        return ends, [load_list(wish) for wish in wishes]
    (top,) = wished.sources
    inside: OpenedEnds = ends
    if wished.endpoint.local:
        inside = Overlay(ends, wished.endpoint, ConfinedFileSystem(top))
    retries = read_retries(request.params)
    tree = insist(inside, wished.endpoint, lambda files: read_tree(files, top), retries=retries)
    return inside, [load_read_tree(tree, wish) for wish in wishes]


def _told_apart(endpoint: Endpoint, number: int) -> Endpoint:
    """Return an endpoint that is its own among local ones, since each is confined to its own directory."""
    return replace(endpoint, host=str(number)) if endpoint.local else endpoint


def _confined(ends: OpenedEnds, loads: t.Sequence[Load]) -> OpenedEnds:
    """Let nothing that is at a local destination lead out of it."""
    for load in loads:
        if load.endpoint.local:
            ends = Overlay(ends, load.endpoint, ConfinedFileSystem(load.top))
    return ends


def refuse_collisions(places: t.Iterable[tuple[Endpoint, bytes]]) -> None:
    """Raise ``invalid_input`` when two copies would have the same place."""
    taken: set[tuple[Endpoint, bytes]] = set()
    for place in places:
        endpoint, path = place
        if place in taken:
            raise InputError(
                "invalid_input",
                f"two destinations on {endpoint.label} would both have the file {shown(path)}",
                remedy="Name each destination once, and none inside of another.",
                role="destination",
                host=endpoint.label,
                path=path,
                details={"option": "destinations"},
            )
        taken.add(place)


def _places(wished: Wished, loads: t.Sequence[Load]) -> t.Iterator[tuple[Endpoint, bytes]]:
    for destination, load in zip(wished.destinations, loads):
        for job in load.jobs:
            yield destination.endpoint, job.destination.path


def _answer(request: Request, wished: Wished, loads: t.Sequence[Load], convoy: Convoy, *, seconds: float) -> Answer:
    directories = [report for number in range(len(loads)) for report in convoy.directories.get(number, ())]
    reports = [cargo.reports[number] for cargo in convoy.cargo for number in range(len(loads))]
    judgements = [_judged(convoy, number, load, seconds) for number, load in enumerate(loads)]
    passed_over = loads[0].passed_over
    everything = [*directories, *reports]
    ends = [wished.endpoint, *(destination.endpoint for destination in wished.destinations)]
    made = results.in_order(request.reports, ends)
    result: results.Json = {
        "changed": any(report.entry["changed"] for report in everything),
        "source": _source(wished, convoy.cargo),
        "destinations": [entry for entry, _error in judgements],
        "files": [_file(cargo) for cargo in convoy.cargo],
        "directories": [report.entry for report in directories],
        "passed_over": [results.skipped_fields(skipped) for skipped in passed_over],
        "bytes_read": sum(cargo.bytes_read for cargo in convoy.cargo),
        "connections": [results.connection_fields(report) for report in made],
    }
    if request.diff_mode:
        result["diff"] = [report.diff for report in everything if report.diff]
    errors = [error for _entry, error in judgements if error is not None]
    warnings = _warnings(request, loads, convoy)
    answer = judged(result, errors, count=len(loads), needed=wished.needed, warnings=warnings)
    incomplete = _incomplete(wished, loads[0])
    if answer.error is None and incomplete is not None:
        return replace(answer, error=incomplete)
    return answer


def _incomplete(wished: Wished, load: Load) -> BackhaulError | None:
    """Return why not all of the source could be copied anywhere."""
    if load.errors:
        return load.errors[0].located(role=wished.endpoint.role, host=wished.endpoint.label)
    return suspect(load.passed_over, wished.endpoint)


def _file(cargo: Cargo) -> results.Json:
    entries = [cargo.reports[number].entry for number in range(len(cargo.jobs))]
    return {
        "source": cargo.source,
        "changed": any(entry["changed"] for entry in entries),
        "destinations": entries,
    }


def _source(wished: Wished, cargoes: t.Sequence[Cargo]) -> results.Json:
    """Return the source as a whole, with the keys that a single file has."""
    path = {"path": None} if wished.is_list else results.path_fields(wished.sources[0])
    unknown = dict.fromkeys(("mtime", "mtime_utc", "sha256", "digest_by"))
    size = sum(cargo.source["size"] or 0 for cargo in cargoes)
    return {"host": wished.endpoint.label, **path, "size": size, "files": len(cargoes), **unknown}


def _judged(convoy: Convoy, number: int, load: Load, seconds: float) -> tuple[results.Json, BackhaulError | None]:
    """Return the entry of a destination, and why not all of it succeeded."""
    files = [cargo.reports[number] for cargo in convoy.cargo]
    directories = convoy.directories.get(number, [])
    lost = convoy.lost(number)
    errors = [report.error for report in directories] + [lost] + [report.error for report in files]
    error = next((error for error in errors if error is not None), None)
    entries = [report.entry for report in files]
    states = {report.entry["state"] for report in [*directories, *files]} | ({"failed"} if lost else set())
    sent = _sum(entries, "bytes_sent")
    return {
        "host": load.endpoint.label,
        **results.path_fields(load.top),
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


def _warnings(request: Request, loads: t.Sequence[Load], convoy: Convoy) -> list[str]:
    warnings = [*results.connection_warnings(request.reports), *left_out(loads[0].passed_over)]
    for number, load in enumerate(loads):
        entries = [cargo.reports[number].entry for cargo in convoy.cargo]
        warnings += [*not_accepted(load.endpoint.label, entries), *unreadable(load.endpoint.label, entries)]
        warnings += [text for cargo in convoy.cargo for text in cargo.reports[number].warnings]
    return warnings
