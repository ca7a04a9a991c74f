# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One answer for many files."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_jobs import FileRunner
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_reports import NOTHING_DONE, Report
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_results import files_result
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_set import FileJob, FileSet
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import ModuleResult, Request
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.model import Skipped
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import DESTINATION, SOURCE, MemoryPool
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import COPY_PARAMETERS


def report(state: str, *, error: RemoteError | None = None, **more: t.Any) -> Report:
    entry = {**NOTHING_DONE, "host": "destination", "state": state, "changed": state == "created", **more}
    return Report(entry, diff={"before": ""} if state == "created" else None, error=error)


def answered(
    *reports: Report,
    directories: t.Sequence[Report] = (),
    passed_over: t.Sequence[Skipped] = (),
    errors: t.Sequence[BackhaulError] = (),
) -> ModuleResult:
    job = FileJob(b"/in/a", Destination(DESTINATION, b"/out/a"), RelayOptions(), name=b"/in/a")
    file_set = FileSet(
        DESTINATION, b"/out", jobs=(job,) * len(reports), passed_over=tuple(passed_over), errors=tuple(errors)
    )
    request = Request(COPY_PARAMETERS, False, True)
    runner = FileRunner(request, MemoryPool(), SOURCE, [file_set])
    runner.directories[0] = list(directories)
    for run, report_of_it in zip(runner.runs, reports):
        run.reports[0] = report_of_it
    return files_result(request, SOURCE, file_set, runner)


def test_what_is_the_same_for_all_is_counted() -> None:
    found = answered(report("created", bytes_sent=5), report("unchanged"), report("created", bytes_sent=6))
    assert found.error is None
    assert found.result["counts"] == {"created": 2, "unchanged": 1}
    assert (found.result["bytes_sent"], found.result["changed"], len(found.result["diff"])) == (11, True, 2)


def test_nothing_done_is_no_change_and_a_directory_alone_is_one() -> None:
    assert answered(report("unchanged")).result["changed"] is False
    assert answered(report("unchanged"), directories=[report("created")]).result["changed"] is True


def test_the_first_failure_is_the_tasks_and_tells_how_many_there_are() -> None:
    first, second = RemoteError("not_found", "first"), RemoteError("no_space", "second")
    found = answered(report("failed", error=first), report("created"), report("failed", error=second))
    assert found.error is first
    assert (first.details["failed"], first.details["succeeded"]) == (2, 1)
    assert found.result["changed"] is True


@pytest.mark.parametrize(
    ("reason", "fails", "warns"), [("suspicious_name", True, 1), ("not_a_file", False, 1), ("temporary", False, 0)]
)
def test_names_that_were_refused_fail_the_task_and_links_are_a_warning(reason: str, fails: bool, warns: int) -> None:
    found = answered(report("created"), passed_over=[Skipped(b"/in/\x1b", reason, "why")])
    assert (found.error is not None, len(found.warnings)) == (fails, warns)
    assert found.result["passed_over"] == [{"path": "/in/\x1b", "reason": reason, "message": "why"}]
    if found.error is not None:
        assert (found.error.code, found.error.host) == ("suspicious", "source")
        assert "\x1b" not in found.error.message


def test_a_directory_that_could_not_be_listed_fails_the_task() -> None:
    error = RemoteError("permission_denied", "closed")
    passed_over = [Skipped(b"/in/x", "unreadable", "why")]
    found = answered(report("created"), report("created"), passed_over=passed_over, errors=[error])
    assert found.error is error
    assert (error.role, error.host) == ("source", "source")
    assert (error.details["failed"], error.details["succeeded"]) == (0, 2)


def test_what_was_not_applied_is_a_warning_for_all_files_together() -> None:
    found = answered(report("created", not_applied=["mode", "fsync"]), report("created", not_applied=["mode"]))
    assert list(found.warnings) == ["destination: mode was not accepted for 2 of 2 files"]


def test_the_error_of_the_directory_that_everything_goes_into_is_the_tasks() -> None:
    file_set = FileSet(DESTINATION, b"/out")
    runner = FileRunner(Request(COPY_PARAMETERS, False, True), MemoryPool(), SOURCE, [file_set])
    runner.unprepared = RemoteError("permission_denied", "closed")
    with pytest.raises(RemoteError) as caught:
        files_result(Request(COPY_PARAMETERS, False, True), SOURCE, file_set, runner)
    assert caught.value is runner.unprepared
