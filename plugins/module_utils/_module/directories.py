# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Bringing a load to its destination: the directories, then the files."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import BackhaulError, LinkError
from .._filesystem import FileSystem
from .._model import Endpoint
from .._options import read_rate_limit
from .._paths import split
from .._retry import RetryPolicy
from .._transfer.rate_limit import RateLimiter
from .._transfer.source import ConnectionPool
from .._transfer.tree import is_there, leading_directories, make_directory
from . import results
from .file_jobs import FileCopier, FileJob, FileSet, run_jobs, together
from .file_reports import Report
from .pool_views import SessionPoolView
from .request import Request
from .retrying import retry_at
from .session_view import KnownFacts

DIRECTORY_MODE = 0o755
# Many small files wait for answers most of the time: several sessions on the same connections wait side by side.
MAX_SESSIONS = 4
FILES_PER_SESSION = 8
Work = t.Callable[[FileJob], Report]


def copy_files(
    request: Request,
    pool: ConnectionPool,
    source: Endpoint,
    file_set: FileSet,
    *,
    retries: RetryPolicy,
    around: t.Callable[[Work], Work] = lambda work: work,
) -> tuple[list[Report], list[Report]]:
    """Carry out a load, or plan it in check mode; return the reports of the directories and of the files.

    ``around`` may add to what is done for each file.
    """
    directories = DirectoryMaker(pool, retries, request.check_mode).prepare(file_set)
    progress = together(request.progress, file_set.endpoint.label, file_set.top, file_set.jobs)
    lanes = min(request.params["streams"] or MAX_SESSIONS, MAX_SESSIONS, 1 + len(file_set.jobs) // FILES_PER_SESSION)
    rate_limiter = RateLimiter(read_rate_limit(request.params))
    facts = KnownFacts() if len(file_set.jobs) > 1 else None
    if facts and not request.check_mode:
        facts.directories.update((file_set.endpoint, path) for path in are_there(file_set, directories))
    copiers = [
        FileCopier(
            SessionPoolView(pool, lane),
            source,
            retries,
            request.check_mode,
            request.progress,
            progress,
            rate_limiter,
            facts,
            file_set.namesakes,
        )
        for lane in range(lanes)
    ]
    return directories, run_jobs(file_set.jobs, [around(copier) for copier in copiers])


@dataclass(frozen=True)
class DirectoryMaker:
    """Makes the directories of a load at its destination, or in check mode says which."""

    pool: ConnectionPool
    retries: RetryPolicy
    check_mode: bool

    def prepare(self, file_set: FileSet) -> list[Report]:
        """Return a report for each directory that is missing or cannot be; one of them harms no other.

        The first directory is where everything goes: without it nothing can be done, and its error is raised.
        """
        # None for one that was asked for and whose answer was lost: it may be there by now, and then it is our doing.
        reports: dict[bytes, Report | None] = {}
        if file_set.directories:
            retry_at(
                self.pool,
                file_set.endpoint,
                lambda files: self._prepare(files, file_set, reports),
                retries=self.retries,
            )
        return [report for report in reports.values() if report is not None]

    def _prepare(self, files: FileSystem, file_set: FileSet, reports: dict[bytes, Report | None]) -> None:
        leading = leading_directories(files, file_set.directories[0], may_create=file_set.may_create)
        for directory in dict.fromkeys((*reports, *leading, *file_set.directories[1:])):
            if reports.get(directory) is None:
                # Nothing can be in what was not there.
                missing = directory in leading or directory in reports or split(directory)[0] in reports
                self._settle(files, file_set.endpoint, directory, reports, missing=missing)

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
            error = exc.with_location(role=endpoint.role, host=endpoint.label)
            failure = {"state": "failed", "changed": False, "error": error.to_dict()}
            reports[directory] = Report({**_place(endpoint, directory), **failure}, error=error)

    def _made(self, endpoint: Endpoint, directory: bytes) -> Report:
        state = "planned" if self.check_mode else "created"
        before, after = {"state": "absent"}, {"state": "directory"}
        diff = results.diff_entry(endpoint.label, directory, before=before, after=after)
        return Report({**_place(endpoint, directory), "state": state, "changed": True, "error": None}, diff=diff)


def _place(endpoint: Endpoint, directory: bytes) -> results.Json:
    return {"host": endpoint.label, **results.path_fields(directory)}


def are_there(file_set: FileSet, made: t.Sequence[Report]) -> t.Iterator[bytes]:
    """Yield the directories of a load but for those that could not be made."""
    failures = [results.path_fields(report.error.path or b"") for report in made if report.error is not None]
    return (path for path in file_set.directories if results.path_fields(path) not in failures)
