# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The result of a task with one destination, and the warnings about its files."""

from __future__ import annotations

import collections
import typing as t
from dataclasses import replace

from .._errors import BackhaulError, SelectionError, printable
from .._model import Endpoint
from .._selection.model import Skipped
from .._transfer.tree import SUSPICIOUS
from . import results
from .file_jobs import FileRunner
from .file_reports import Report
from .file_set import FileJob, FileSet
from .request import ModuleResult, Request


def files_result(request: Request, source: Endpoint, file_set: FileSet, runner: FileRunner) -> ModuleResult:
    """Return the result of a task with one destination: every file with its outcome; it fails when any of them did.

    Raises the error of the directory that everything goes into.
    """
    if runner.unprepared is not None:
        raise runner.unprepared
    directories = runner.directories.get(0, [])
    reports = [_named(run.jobs[0], run.reports[0]) for run in runner.runs]
    everything = [*directories, *reports]
    errors = [error.with_location(role=source.role, host=source.label) for error in file_set.errors]
    errors += [report.error for report in everything if report.error is not None]
    counts = collections.Counter(report.entry["state"] for report in reports)
    result: results.Json = {
        "changed": any(report.entry["changed"] for report in everything),
        "files": [report.entry for report in reports],
        "directories": [report.entry for report in directories],
        "passed_over": [results.skipped_fields(skipped) for skipped in file_set.passed_over],
        "counts": dict(sorted(counts.items())),
        "bytes_sent": sum(report.entry["bytes_sent"] for report in reports),
        "connections": [results.connection_fields(report) for report in request.reports],
    }
    if request.diff_mode:
        result["diff"] = [report.diff for report in everything if report.diff]
    if errors and len(reports) > 1:
        errors[0].details.update(failed=counts["failed"], succeeded=len(reports) - counts["failed"])
    error = errors[0] if errors else refused_names_error(file_set.passed_over, source)
    return ModuleResult(result, error=error, warnings=tuple(_warnings(request, file_set, reports)))


def _named(job: FileJob, report: Report) -> Report:
    """Return a report whose entry begins with the source: null for content that has no file of its own."""
    source = {"source": None} if job.name is None else results.path_fields(job.name, key="source")
    return replace(report, entry={**source, **report.entry})


def refused_names_error(passed_over: t.Sequence[Skipped], source: Endpoint) -> BackhaulError | None:
    """Return the error for names that were refused, None when there are none: the copy lacks these files."""
    names = [skipped for skipped in passed_over if skipped.reason == SUSPICIOUS]
    if not names:
        return None
    count = sum(skipped.count for skipped in names)
    return SelectionError(
        "suspicious",
        f"{count} names in the source were refused, the first is {printable(names[0].path)}: {names[0].text}",
        remedy="All other files were copied. Rename those that are listed in passed_over, or distrust the server.",
        role=source.role,
        host=source.label,
        path=names[0].path,
    )


def left_out_warnings(passed_over: t.Iterable[Skipped]) -> list[str]:
    """Return the warnings about entries of the source that were not copied."""
    counts: collections.Counter[str] = collections.Counter()
    for skipped in passed_over:
        if skipped.reason != "temporary":
            counts[skipped.text] += skipped.count
    return [f"{count} in the source not copied: {text}" for text, count in sorted(counts.items())]


def not_applied_warnings(label: str, entries: t.Sequence[results.Json]) -> list[str]:
    """Return the warnings about attributes that a destination did not accept, one for all its files together."""
    counts = collections.Counter(what for entry in entries for what in entry["not_applied"] if what != "fsync")
    return [
        f"{label}: {what} was not accepted for {count} of {len(entries)} files"
        for what, count in sorted(counts.items())
    ]


def unreadable(label: str, entries: t.Sequence[results.Json]) -> list[str]:
    """Return the warning about existing copies that the server failed to read; they count as different."""
    found = [entry["path"] for entry in entries if entry["compared_by"] == "unreadable"]
    if not found:
        return []
    text = (
        f"{label}: the server failed to read {len(found)} of the files that were there, the first is"
        f" {printable(found[0])}; they count as different from the source: look at its storage"
    )
    return [text]


def _warnings(request: Request, file_set: FileSet, reports: t.Sequence[Report]) -> t.Iterator[str]:
    yield from results.connection_warnings(request.reports)
    yield from file_set.namesakes.warnings()
    yield from left_out_warnings(file_set.passed_over)
    yield from not_applied_warnings(file_set.endpoint.label, [report.entry for report in reports])
    yield from unreadable(file_set.endpoint.label, [report.entry for report in reports])
    for report in reports:
        yield from report.warnings
