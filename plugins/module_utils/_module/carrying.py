# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Bringing a load to its destination: the directories, then the files."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._engine.pace import Pace
from .._engine.source import Ends
from .._engine.tree import is_there, leading_directories, make_directory
from .._errors import BackhaulError, LinkError
from .._filesystem import FileSystem
from .._model import Endpoint
from .._options import read_rate_limit
from .._rules.paths import split
from .._rules.retry import RetryPolicy
from . import results
from .familiar import Knowledge
from .insist import insist
from .many import Courier, FileJob, Load, run_jobs, together
from .overlay import OnLane
from .reports import Report
from .request import Request

DIRECTORY_MODE = 0o755
# Many small files wait for answers most of the time: several sessions on the same connections wait side by side.
MOST_LANES = 4
FILES_PER_LANE = 8
Work = t.Callable[[FileJob], Report]


def carry(
    request: Request,
    ends: Ends,
    source: Endpoint,
    load: Load,
    *,
    retries: RetryPolicy,
    around: t.Callable[[Work], Work] = lambda work: work,
) -> tuple[list[Report], list[Report]]:
    """Carry out a load, or plan it in check mode; return the reports of the directories and of the files.

    ``around`` may add to what is done for each file.
    """
    directories = Carpenter(ends, retries, request.check_mode).prepare(load)
    progress = together(request.progress, load.endpoint.label, load.top, load.jobs)
    lanes = min(request.params["streams"] or MOST_LANES, MOST_LANES, 1 + len(load.jobs) // FILES_PER_LANE)
    pace = Pace(read_rate_limit(request.params))
    knowledge = Knowledge() if len(load.jobs) > 1 else None
    if knowledge and not request.check_mode:
        knowledge.directories.update((load.endpoint, path) for path in are_there(load, directories))
    couriers = [
        Courier(
            OnLane(ends, lane),
            source,
            retries,
            request.check_mode,
            request.progress,
            progress,
            pace,
            knowledge,
            load.namesakes,
        )
        for lane in range(lanes)
    ]
    return directories, run_jobs(load.jobs, [around(courier) for courier in couriers])


@dataclass(frozen=True)
class Carpenter:
    """Makes the directories of a load at its destination, or in check mode says which."""

    ends: Ends
    retries: RetryPolicy
    check_mode: bool

    def prepare(self, load: Load) -> list[Report]:
        """Return a report for each directory that is missing or cannot be; one of them harms no other.

        The first directory is where everything goes: without it nothing can be done, and its error is raised.
        """
        # None for one that was asked for and whose answer was lost: it may be there by now, and then it is our doing.
        reports: dict[bytes, Report | None] = {}
        if load.directories:
            insist(self.ends, load.endpoint, lambda files: self._prepare(files, load, reports), retries=self.retries)
        return [report for report in reports.values() if report is not None]

    def _prepare(self, files: FileSystem, load: Load, reports: dict[bytes, Report | None]) -> None:
        leading = leading_directories(files, load.directories[0], may_create=load.may_create)
        for directory in dict.fromkeys((*reports, *leading, *load.directories[1:])):
            if reports.get(directory) is None:
                # Nothing can be in what was not there.
                missing = directory in leading or directory in reports or split(directory)[0] in reports
                self._settle(files, load.endpoint, directory, reports, missing=missing)

    def _settle(
        self,
        files: FileSystem,
        endpoint: Endpoint,
        directory: bytes,
        reports: dict[bytes, Report | None],
        *,
        missing: bool,
    ) -> None:
        try:
            if missing or not is_there(files, directory):
                reports[directory] = None
                if not self.check_mode:
                    make_directory(files, directory, mode=DIRECTORY_MODE)
                reports[directory] = self._made(endpoint, directory)
        except LinkError:
            raise
        except BackhaulError as exc:
            error = exc.located(role=endpoint.role, host=endpoint.label)
            failure = {"state": "failed", "changed": False, "error": error.to_dict()}
            reports[directory] = Report({**_place(endpoint, directory), **failure}, error=error)

    def _made(self, endpoint: Endpoint, directory: bytes) -> Report:
        state = "planned" if self.check_mode else "created"
        before, after = {"state": "absent"}, {"state": "directory"}
        diff = results.diff_entry(endpoint.label, directory, before=before, after=after)
        return Report({**_place(endpoint, directory), "state": state, "changed": True, "error": None}, diff=diff)


def _place(endpoint: Endpoint, directory: bytes) -> results.Json:
    return {"host": endpoint.label, **results.path_fields(directory)}


def are_there(load: Load, made: t.Sequence[Report]) -> t.Iterator[bytes]:
    """Yield the directories of a load but for those that could not be made."""
    failures = [results.path_fields(report.error.path or b"") for report in made if report.error is not None]
    return (path for path in load.directories if results.path_fields(path) not in failures)
