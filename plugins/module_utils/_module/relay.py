# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_relay``."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from .._engine.namesakes import Namesakes
from .._engine.pace import Pace
from .._engine.run import Relay
from .._engine.shipment import Destination, Following
from .._errors import BackhaulError, InputError
from .._model import Endpoint, Outcome, Step
from .._options import (
    destinations_spec,
    read_endpoint,
    read_path,
    read_rate_limit,
    read_relay_options,
    read_resources,
    read_retries,
    read_sources,
    route_spec,
    source_spec,
    transfer_spec,
)
from .._rules.paths import destination_path, split
from . import results
from .answers import unreadable
from .boundary import serve
from .ends import Ends
from .insist import insist
from .loads import is_directory
from .relay_many import Wished, lag_bytes, refuse_collisions, relay_many
from .reports import CHANCE, Report, done, failed, planned
from .request import Answer, Module, Request, Spec, TimeIsUp, too_long
from .verdict import judged, read_needed


def relay_spec() -> Spec:
    """Return the argument specification."""
    options = {**source_spec(), **destinations_spec(), **transfer_spec(), **route_spec()}
    return {**options, "min_success": {"type": "int"}}


def relay(request: Request) -> Answer:
    """Plan or carry out each destination, and fail when too few of them succeeded."""
    params = request.params
    endpoint = read_endpoint(params["source"], role="source")
    sources = read_sources(params["source"], single="path", within="source")
    destinations = _destinations(params["destinations"])
    needed = read_needed(params["min_success"], len(destinations))
    resources, retries = read_resources(params, destinations=len(destinations)), read_retries(params)
    is_list = params["source"]["path"] is None
    others = [destination.endpoint for destination in destinations]
    with Ends(request.reports, resources) as ends:
        ends.prepare(others)
        if is_list or insist(
            ends, endpoint, lambda files: is_directory(files, sources[0], follow=False), retries=retries
        ):
            wished = Wished(endpoint, sources, is_list, destinations, needed, resources)
            return relay_many(request, ends, wished)
        refuse_collisions(_places(destinations, sources[0]))
        namesakes = Namesakes(_places(destinations, sources[0]))
        job = Relay(
            ends,
            endpoint,
            sources[0],
            options=read_relay_options(params),
            retries=retries,
            chance=CHANCE,
            watch=request.progress.checked,
            pace=Pace(read_rate_limit(params)),
            lag_bytes=lag_bytes(resources, len(destinations)),
            namesakes=namesakes,
        )
        source = job.source
        reports = _each(request, job, destinations)
        made = results.in_order(ends.reports, [endpoint, *others])
        connections = [results.connection_fields(report) for report in made]
    result = {
        "changed": any(report.entry["changed"] for report in reports),
        "source": {"host": endpoint.label, **results.source_fields(source.path, source, job.digest.known)},
        "destinations": [report.entry for report in reports],
        "bytes_read": job.bytes_read,
        "connections": connections,
    }
    if request.diff_mode:
        result["diff"] = [report.diff for report in reports if report.diff]
    return _answer(result, reports, needed, [*results.connection_warnings(ends.reports), *namesakes.warnings()])


def _destinations(params: t.Sequence[t.Mapping[str, t.Any]]) -> list[Destination]:
    if not params:
        raise InputError("invalid_input", "destinations is empty", remedy="Name at least one destination.")
    return [
        Destination(
            read_endpoint(entry, role="destination"), read_path(entry["path"], option=f"destinations[{index}].path")
        )
        for index, entry in enumerate(params)
    ]


def _places(destinations: t.Sequence[Destination], source: bytes) -> t.Iterator[tuple[Endpoint, bytes]]:
    """Yield where the copies of a file go; a path that cannot be used is an error of its destination alone."""
    for destination in destinations:
        with contextlib.suppress(InputError):
            yield destination.endpoint, destination_path(destination.path, split(source)[1])


def _each(request: Request, job: Relay, destinations: t.Sequence[Destination]) -> list[Report]:
    """Work on all destinations; when the time is up, what was done before still counts."""
    reports: dict[int, Report] = {}
    try:
        if request.check_mode:
            for number, destination in enumerate(destinations):
                reports[number] = _reported(functools.partial(_planned, job, destination), destination)
        elif len(destinations) == 1:
            reports[0] = _reported(lambda: _carried_out(request, job, destinations[0]), destinations[0])
        else:
            _side_by_side(request, job, destinations, reports)
    except TimeIsUp:
        pass
    return [reports.get(number) or failed(destination, too_long()) for number, destination in enumerate(destinations)]


def _side_by_side(
    request: Request, job: Relay, destinations: t.Sequence[Destination], reports: dict[int, Report]
) -> None:
    def finished(number: int, result: tuple[Step, Outcome] | BackhaulError) -> None:
        destination = destinations[number]
        if isinstance(result, BackhaulError):
            reports[number] = failed(destination, result)
        else:
            reports[number] = done(destination, *result, job.source)

    job.carry_out_all(destinations, lambda destination: _following(request, job, destination), finished)


def _reported(one: t.Callable[[], Report], destination: Destination) -> Report:
    """Let one destination fail without harm to the others."""
    try:
        return one()
    except BackhaulError as exc:
        return failed(destination, exc)


def _planned(job: Relay, destination: Destination) -> Report:
    return planned(destination, job.plan(destination), job.source)


def _carried_out(request: Request, job: Relay, destination: Destination) -> Report:
    following = _following(request, job, destination)
    step, outcome = job.carry_out(destination, progress=following.sent, resumed=following.resumed)
    return done(destination, step, outcome, job.source)


def _following(request: Request, job: Relay, destination: Destination) -> Following:
    try:
        path = destination_path(destination.path, split(job.source.path)[1])
    except InputError:
        return Following()  # the attempt itself will say so, and of this destination alone
    followed = request.progress.follow(destination.endpoint.label, path, total_bytes=lambda: job.source.size)
    return Following(sent=followed, resumed=followed.begin_at)


def _answer(result: results.Json, reports: t.Sequence[Report], needed: int, warned: t.Sequence[str]) -> Answer:
    errors = [report.error for report in reports if report.error is not None]
    warnings = [*warned, *(text for report in reports for text in report.warnings)]
    warnings += [
        f"{report.entry['host']}: the server did not accept: {', '.join(report.entry['not_applied'])}"
        for report in reports
        if set(report.entry["not_applied"]) - {"fsync"}
    ]
    for report in reports:
        warnings += unreadable(report.entry["host"], [report.entry])
    return judged(result, errors, count=len(reports), needed=needed, warnings=warnings)


RELAY = Module("backhaul.sftp.sftp_relay", relay_spec(), relay)


def main() -> None:
    """Run the module file."""
    serve(RELAY)
