# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Making the directories that a set of files needs at its destination."""

from __future__ import annotations

import typing as t

from .._errors import BackhaulError, LinkError
from .._filesystem import ConnectionPool, FileSystem
from .._model import Endpoint
from .._paths import split
from .._retry import RetryPolicy
from .._transfer.directories import is_directory, make_directory, missing_directories
from . import results
from .file_reports import Report
from .file_set import FileSet
from .retrying import retry_at


def make_directories(
    pool: ConnectionPool, file_set: FileSet, *, retries: RetryPolicy, check_mode: bool
) -> list[Report]:
    """Make the directories of a set that are missing, or in check mode say which; one failure harms no other.

    Returns a report for each directory that was made or could not be. The first directory is where everything goes:
    its error is raised.
    """
    # None: MKDIR was sent and its reply was lost; if the directory exists later, this task made it.
    reports: dict[bytes, Report | None] = {}

    def make_one(files: FileSystem, directory: bytes, *, missing: bool) -> None:
        endpoint = file_set.endpoint
        try:
            if missing or not is_directory(files, directory):
                reports[directory] = None
                if not check_mode:
                    make_directory(files, directory)
                reports[directory] = _made(endpoint, directory, check_mode=check_mode)
        except LinkError:
            raise
        except BackhaulError as exc:
            error = exc.with_location(role=endpoint.role, host=endpoint.label)
            failure = {"state": "failed", "changed": False, "error": error.to_dict()}
            reports[directory] = Report({**_place(endpoint, directory), **failure}, error=error)

    def make(files: FileSystem) -> None:
        leading = missing_directories(files, file_set.directories[0], may_create=file_set.may_create)
        for directory in dict.fromkeys((*reports, *leading, *file_set.directories[1:])):
            if reports.get(directory) is None:
                # A directory that was missing is empty.
                missing = directory in leading or directory in reports or split(directory)[0] in reports
                make_one(files, directory, missing=missing)

    retry_at(pool, file_set.endpoint, make, retries=retries)
    return [report for report in reports.values() if report is not None]


def present_directories(file_set: FileSet, made: t.Sequence[Report]) -> t.Iterator[bytes]:
    """Yield the directories of a set but for those that could not be made."""
    failures = [results.path_fields(report.error.path or b"") for report in made if report.error is not None]
    return (path for path in file_set.directories if results.path_fields(path) not in failures)


def _made(endpoint: Endpoint, directory: bytes, *, check_mode: bool) -> Report:
    state = "planned" if check_mode else "created"
    before, after = {"state": "absent"}, {"state": "directory"}
    diff = results.diff_entry(endpoint.label, directory, before=before, after=after)
    return Report({**_place(endpoint, directory), "state": state, "changed": True, "error": None}, diff=diff)


def _place(endpoint: Endpoint, directory: bytes) -> results.Json:
    return {"host": endpoint.label, **results.path_fields(directory)}
