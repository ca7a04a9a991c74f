# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The body of ``sftp_relay``."""

from __future__ import annotations

import contextlib
import functools
import typing as t

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
from .._paths import destination_path, split
from .._transfer.destination import Destination, ProgressSink
from .._transfer.namesakes import Namesakes
from .._transfer.rate_limit import RateLimiter
from .._transfer.relay import Relay
from . import results
from .connection_pool import ConnectionPool
from .entry import run_module
from .file_reports import RUNTIME, Report, done, failed, planned
from .file_results import unreadable
from .file_set import is_directory
from .relay_files import RelayRequest, buffer_bytes, refuse_collisions, relay_files
from .relay_result import read_needed, relay_result
from .request import Module, ModuleResult, Request, Spec, TaskTimeout, timeout_error
from .retrying import retry_at


def relay_spec() -> Spec:
    """Return the argument specification."""
    options = {**source_spec(), **destinations_spec(), **transfer_spec(), **route_spec()}
    return {**options, "min_success": {"type": "int"}}


def relay(request: Request) -> ModuleResult:
    """Plan or carry out each destination, and fail when too few of them succeeded."""
    params = request.params
    endpoint = read_endpoint(params["source"], role="source")
    sources = read_sources(params["source"], single="path", within="source")
    destinations = _destinations(params["destinations"])
    needed = read_needed(params["min_success"], len(destinations))
    resources, retries = read_resources(params, destinations=len(destinations)), read_retries(params)
    is_list = params["source"]["path"] is None
    others = [destination.endpoint for destination in destinations]
    with ConnectionPool(request.reports, resources) as pool:
        pool.prepare(others)
        if is_list or retry_at(
            pool, endpoint, lambda files: is_directory(files, sources[0], follow=False), retries=retries
        ):
            relay_request = RelayRequest(endpoint, sources, is_list, destinations, needed, resources)
            return relay_files(request, pool, relay_request)
        refuse_collisions(_places(destinations, sources[0]))
        namesakes = Namesakes(_places(destinations, sources[0]))
        job = Relay(
            pool,
            endpoint,
            sources[0],
            options=read_relay_options(params),
            retries=retries,
            runtime=RUNTIME,
            watch=request.progress.checked,
            rate_limiter=RateLimiter(read_rate_limit(params)),
            buffer_bytes=buffer_bytes(resources, len(destinations)),
            namesakes=namesakes,
        )
        source = job.source
        reports = _each(request, job, destinations)
        made = results.in_order(pool.reports, [endpoint, *others])
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
    return _answer(result, reports, needed, [*results.connection_warnings(pool.reports), *namesakes.warnings()])


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
            reports[0] = _reported(lambda: _copied(request, job, destinations[0]), destinations[0])
        else:
            _side_by_side(request, job, destinations, reports)
    except TaskTimeout:
        pass
    return [
        reports.get(number) or failed(destination, timeout_error()) for number, destination in enumerate(destinations)
    ]


def _side_by_side(
    request: Request, job: Relay, destinations: t.Sequence[Destination], reports: dict[int, Report]
) -> None:
    def finished(number: int, result: tuple[Step, Outcome] | BackhaulError) -> None:
        destination = destinations[number]
        if isinstance(result, BackhaulError):
            reports[number] = failed(destination, result)
        else:
            reports[number] = done(destination, *result, job.source)

    job.copy_to_all(destinations, lambda destination: _following(request, job, destination), finished)


def _reported(one: t.Callable[[], Report], destination: Destination) -> Report:
    """Let one destination fail without harm to the others."""
    try:
        return one()
    except BackhaulError as exc:
        return failed(destination, exc)


def _planned(job: Relay, destination: Destination) -> Report:
    return planned(destination, job.plan(destination), job.source)


def _copied(request: Request, job: Relay, destination: Destination) -> Report:
    following = _following(request, job, destination)
    step, outcome = job.copy_to(destination, progress=following.sent, resumed=following.resumed)
    return done(destination, step, outcome, job.source)


def _following(request: Request, job: Relay, destination: Destination) -> ProgressSink:
    try:
        path = destination_path(destination.path, split(job.source.path)[1])
    except InputError:
        return ProgressSink()  # the attempt itself will say so, and of this destination alone
    followed = request.progress.follow(destination.endpoint.label, path, total_bytes=lambda: job.source.size)
    return ProgressSink(sent=followed, resumed=followed.begin_at)


def _answer(result: results.Json, reports: t.Sequence[Report], needed: int, warned: t.Sequence[str]) -> ModuleResult:
    errors = [report.error for report in reports if report.error is not None]
    warnings = [*warned, *(text for report in reports for text in report.warnings)]
    warnings += [
        f"{report.entry['host']}: the server did not accept: {', '.join(report.entry['not_applied'])}"
        for report in reports
        if set(report.entry["not_applied"]) - {"fsync"}
    ]
    for report in reports:
        warnings += unreadable(report.entry["host"], [report.entry])
    return relay_result(result, errors, count=len(reports), needed=needed, warnings=warnings)


RELAY = Module("backhaul.sftp.sftp_relay", relay_spec(), relay)


def main() -> None:
    """Run the module file."""
    run_module(RELAY)
