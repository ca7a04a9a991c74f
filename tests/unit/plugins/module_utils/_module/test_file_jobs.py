# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many jobs: in order, each on its own, and none tried in vain."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import (
    BackhaulError,
    LinkError,
    RemoteError,
    TrustError,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._model import RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_jobs import (
    FileCopier,
    FileJob,
    run_jobs,
    together,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_reports import Report, failed
from ansible_collections.backhaul.sftp.plugins.module_utils._module.progress import ProgressLog
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import TaskTimeout
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    SOURCE,
    MemoryEnds,
    MemoryServer,
)


def job(number: int, **more: t.Any) -> FileJob:
    path = b"/in/%d" % number
    return FileJob(path, Destination(DESTINATION, b"/out/%d" % number), RelayOptions(), name=path, **more)


def jobs(count: int) -> list[FileJob]:
    return [job(number) for number in range(count)]


def link_lost() -> BackhaulError:
    return LinkError("link_lost", "it broke")


def refused() -> BackhaulError:
    return TrustError("authentication_refused", "no")


def not_found() -> BackhaulError:
    return RemoteError("not_found", "gone")


@pytest.mark.parametrize(
    ("errors", "tried"),
    [
        ([None, None, None, None], 4),
        ([not_found, not_found, not_found, not_found], 4),
        ([link_lost, None, link_lost, None], 4),
        ([None, link_lost, link_lost, None], 3),
        ([None, refused, None, None], 2),
    ],
)
def test_nothing_is_tried_once_it_is_certain_to_fail(
    errors: list[t.Callable[[], BackhaulError] | None], tried: int
) -> None:
    seen: list[bytes] = []

    def one(job: FileJob) -> Report:
        error = errors[len(seen)]
        seen.append(job.source)
        return Report({"state": "created"}) if error is None else failed(job.destination, error())

    reports = run_jobs(jobs(4), [one])
    assert len(seen) == tried
    assert len(reports) == 4
    for report in reports[tried:]:
        assert (report.entry["state"], report.entry["attempts"]) == ("failed", 0)
        assert report.error is not None
        assert report.error.details["not_tried"] is True


def test_when_the_time_is_up_the_rest_has_failed() -> None:
    def one(job: FileJob) -> Report:
        if job.source == b"/in/1":
            raise TaskTimeout
        return Report({"state": "created"})

    reports = run_jobs(jobs(3), [one])
    assert [report.entry["state"] for report in reports] == ["created", "failed", "failed"]
    assert [report.error and report.error.code for report in reports] == [None, "timed_out", "timed_out"]


def test_jobs_share_their_connections_and_name_their_sources() -> None:
    source, destination = MemoryServer(), MemoryServer()
    for number in range(3):
        source.put(b"/in/%d" % number, b"content")
    pool = MemoryEnds(source=source, destination=destination)
    reports = run_jobs(
        [*jobs(3), job(7)], [FileCopier(pool, SOURCE, RetryPolicy(retries=0), check_mode=False, log=ProgressLog())]
    )
    assert [report.entry["state"] for report in reports] == ["created", "created", "created", "failed"]
    assert [report.entry["source"] for report in reports] == ["/in/0", "/in/1", "/in/2", "/in/7"]
    assert destination.content(b"/out/2") == b"content"
    assert (source.connections, destination.connections) == (1, 1)


def test_several_jobs_are_one_transfer_for_whoever_watches() -> None:
    assert together(ProgressLog(), "host", b"/out", [job(1)]) is None
    assert together(ProgressLog(), "host", b"/out", [job(1, size_bytes=5), job(2, size_bytes=6)]) is not None
