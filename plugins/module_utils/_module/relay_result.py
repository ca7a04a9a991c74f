# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The result of a relay, and whether enough destinations succeeded."""

from __future__ import annotations

import collections
import typing as t
from dataclasses import dataclass, replace

from .._errors import BackhaulError, InputError, printable
from .._model import Endpoint
from .._transfer.destination import Destination
from .._transfer.namesakes import Namesakes
from . import results
from .file_jobs import FileRun, FileRunner
from .file_reports import Report
from .file_results import left_out_warnings, not_applied_warnings, refused_names_error, unreadable
from .file_set import FileSet
from .request import ModuleResult, Request

# The state of a destination is the first of these that any of its files has.
_STATES = ("failed", "planned", "created", "replaced", "unchanged", "skipped")


def read_needed(min_success: int | None, count: int) -> int:
    """Return how many of ``count`` destinations must succeed."""
    if min_success is None:
        return count
    if not 1 <= min_success <= count:
        raise InputError(
            "invalid_input",
            f"min_success is {min_success}, and must be from 1 to the number of destinations ({count})",
            details={"option": "min_success"},
        )
    return min_success


def relay_result(
    result: results.Json, errors: t.Sequence[BackhaulError], *, count: int, needed: int, warnings: t.Sequence[str]
) -> ModuleResult:
    """Return the result of ``count`` destinations; it fails when fewer than ``needed`` have no error."""
    if count - len(errors) >= needed:
        told = [printable(_on_one_line(error)) for error in errors]
        return ModuleResult(result, warnings=(*warnings, *told))
    if count > 1:
        errors[0].details["failed"] = len(errors)
        errors[0].details["succeeded"] = count - len(errors)
    return ModuleResult(result, error=errors[0], warnings=tuple(warnings))


def _on_one_line(error: BackhaulError) -> bytes:
    return error.message.replace("\n", " ").encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class RelayedFiles:
    """Everything that was relayed, and the result of the task for it."""

    request: Request
    source: Endpoint
    destinations: t.Sequence[Destination]
    file_sets: t.Sequence[FileSet]
    runner: FileRunner
    needed: int
    namesakes: Namesakes

    def single_result(self) -> ModuleResult:
        """Return the result of one file: an entry for each destination. Raises why the source cannot be relayed."""
        (run,) = self.runner.runs
        if run.source_error is not None:
            raise run.source_error
        reports = [run.reports[number] for number in range(len(self.file_sets))]
        result = {
            "changed": any(report.entry["changed"] for report in reports),
            "source": run.source,
            "destinations": [report.entry for report in reports],
            "bytes_read": run.bytes_read,
            "connections": self._connections(),
            **self._diff(reports),
        }
        warnings = [*results.connection_warnings(self.request.reports), *self.namesakes.warnings()]
        for report in reports:
            refused = set(report.entry["not_applied"]) - {"fsync"}
            if refused:
                names = ", ".join(report.entry["not_applied"])
                warnings.append(f"{report.entry['host']}: the server did not accept: {names}")
            warnings += report.warnings
        for report in reports:
            warnings += unreadable(report.entry["host"], [report.entry])
        errors = [report.error for report in reports if report.error is not None]
        return relay_result(result, errors, count=len(reports), needed=self.needed, warnings=warnings)

    def many_result(self, directory: bytes | None, *, seconds: float) -> ModuleResult:
        """Return the result of a list or a ``directory``: an entry for each destination, and one for each file."""
        runs, runner, passed_over = self.runner.runs, self.runner, self.file_sets[0].passed_over
        numbers = range(len(self.file_sets))
        directories = [report for number in numbers for report in runner.directories.get(number, ())]
        everything = [*directories, *(run.reports[number] for run in runs for number in numbers)]
        outcomes = [self._destination(number, seconds) for number in numbers]
        result = {
            "changed": any(report.entry["changed"] for report in everything),
            "source": _source(self.source, directory, runs),
            "destinations": [entry for entry, _error in outcomes],
            "files": [_file(run) for run in runs],
            "directories": [report.entry for report in directories],
            "passed_over": [results.skipped_fields(skipped) for skipped in passed_over],
            "bytes_read": sum(run.bytes_read for run in runs),
            "connections": self._connections(),
            **self._diff(everything),
        }
        errors = [error for _entry, error in outcomes if error is not None]
        warnings = [*self.namesakes.warnings(), *self._many_warnings()]
        relayed = relay_result(result, errors, count=len(numbers), needed=self.needed, warnings=warnings)
        incomplete = self._incomplete()
        return replace(relayed, error=incomplete) if relayed.error is None and incomplete is not None else relayed

    def _connections(self) -> list[results.Json]:
        endpoints = [self.source, *(destination.endpoint for destination in self.destinations)]
        return [results.connection_fields(report) for report in results.in_order(self.request.reports, endpoints)]

    def _diff(self, reports: t.Iterable[Report]) -> results.Json:
        return {"diff": [report.diff for report in reports if report.diff]} if self.request.diff_mode else {}

    def _incomplete(self) -> BackhaulError | None:
        """Return the error of a source that could not be read completely, None otherwise."""
        errors = self.file_sets[0].errors
        if errors:
            return errors[0].with_location(role=self.source.role, host=self.source.label)
        return refused_names_error(self.file_sets[0].passed_over, self.source)

    def _many_warnings(self) -> t.Iterator[str]:
        yield from results.connection_warnings(self.request.reports)
        yield from left_out_warnings(self.file_sets[0].passed_over)
        for number, file_set in enumerate(self.file_sets):
            reports = [run.reports[number] for run in self.runner.runs]
            entries = [report.entry for report in reports]
            yield from not_applied_warnings(file_set.endpoint.label, entries)
            yield from unreadable(file_set.endpoint.label, entries)
            for report in reports:
                yield from report.warnings

    def _destination(self, number: int, seconds: float) -> tuple[results.Json, BackhaulError | None]:
        """Return the entry of a destination, and its first error or None."""
        file_set, runner = self.file_sets[number], self.runner
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


def _file(run: FileRun) -> results.Json:
    entries = [run.reports[number].entry for number in range(len(run.jobs))]
    return {
        "source": run.source,
        "changed": any(entry["changed"] for entry in entries),
        "destinations": entries,
    }


def _source(source: Endpoint, directory: bytes | None, runs: t.Sequence[FileRun]) -> results.Json:
    """Return the fields of the source as a whole; the keys are those of a single file."""
    path = {"path": None} if directory is None else results.path_fields(directory)
    unknown = dict.fromkeys(("mtime", "mtime_utc", "sha256", "digest_by"))
    size = sum(run.source["size"] or 0 for run in runs)
    return {"host": source.label, **path, "size": size, "files": len(runs), **unknown}


def _sum(entries: t.Iterable[results.Json], key: str) -> int:
    return sum(entry[key] for entry in entries)


def _union(entries: t.Iterable[results.Json], key: str) -> list[str]:
    return sorted({what for entry in entries for what in entry[key]})


def _common(entries: t.Iterable[results.Json], key: str) -> str | None:
    """Return the value that all files have for a key, None when they differ; files without one do not count."""
    found = {entry[key] for entry in entries} - {None}
    return found.pop() if len(found) == 1 else None
