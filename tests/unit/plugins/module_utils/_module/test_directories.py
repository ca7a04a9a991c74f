# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories before files, and what cannot be made harms nothing else."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.directories import make_directories
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_reports import Report
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_set import FileSet
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    UNANSWERED,
    UNHEARD,
    MemoryPool,
    MemoryServer,
)

SOON = RetryPolicy(retries=2, base_seconds=0.001)
WANTED = (b"/out/x", b"/out/x/y", b"/out/x/y/z")


def file_set(*directories: bytes, may_create: bool = True) -> FileSet:
    return FileSet(DESTINATION, directories[0], directories=directories, may_create=may_create)


def made(server: MemoryServer, wanted: FileSet, *, check_mode: bool = False) -> list[Report]:
    return make_directories(MemoryPool(destination=server), wanted, retries=SOON, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_missing_is_made_and_reported_and_in_check_mode_only_reported(check_mode: bool) -> None:
    server = MemoryServer(directories={b"/", b"/out"})
    reports = made(server, file_set(*WANTED), check_mode=check_mode)
    assert [report.entry["path"].encode() for report in reports] == list(WANTED)
    assert {report.entry["state"] for report in reports} == {"planned" if check_mode else "created"}
    assert all(report.entry["changed"] and report.diff for report in reports)
    assert set(WANTED) <= server.directories or check_mode
    if not check_mode:
        assert made(server, file_set(*WANTED)) == []


def test_the_first_one_and_what_leads_to_it_is_made_only_where_that_is_allowed() -> None:
    server = MemoryServer(directories={b"/"})
    with pytest.raises(BackhaulError) as caught:
        made(server, file_set(b"/new/top", b"/new/top/in", may_create=False))
    assert (caught.value.code, caught.value.role) == ("not_found", "destination")
    reports = made(server, file_set(b"/new/top", b"/new/top/in"))
    assert [report.entry["path"] for report in reports] == ["/new", "/new/top", "/new/top/in"]


def test_a_file_in_the_place_of_a_directory_is_the_failure_of_that_directory_alone() -> None:
    server = MemoryServer(directories={b"/", b"/out"})
    server.put(b"/out/x", b"")
    reports = made(server, file_set(b"/out", b"/out/x", b"/out/y"))
    assert [(report.entry["path"], report.entry["state"]) for report in reports] == [
        ("/out/x", "failed"),
        ("/out/y", "created"),
    ]
    assert reports[0].error is not None
    assert reports[0].entry["error"]["host"] == "destination"


@pytest.mark.parametrize("failure", [UNHEARD, UNANSWERED])
@pytest.mark.parametrize("number", range(1, 6))
def test_a_lost_connection_at_any_call_changes_nothing_in_the_end(failure: str, number: int) -> None:
    server = MemoryServer(directories={b"/", b"/out"})
    server.fault(number, failure)
    reports = made(server, file_set(*WANTED))
    assert server.fault_met
    assert set(WANTED) <= server.directories
    # One whose making was not answered is our doing all the same.
    assert [report.entry["path"].encode() for report in reports] == list(WANTED)
    assert {report.entry["state"] for report in reports} == {"created"}
