# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One source and several destinations: one read, and a failure of one does not stop the others."""

from __future__ import annotations

import time

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Outcome
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import shared_read
from ansible_collections.backhaul.sftp.tests.lab import SharedLab, start_openssh

from .conftest import Placed
from .scene import MIB, Place, random_content, run

SIZE = 26 * MIB + 777


@pytest.fixture
def targets(lab: SharedLab, placed: Placed) -> list[Place]:
    """Destinations on three different servers."""
    return [placed(server) for server in (lab.openssh(variant="internal"), lab.proftpd(), lab.openssh())]


@pytest.fixture
def content(source: Place) -> bytes:
    """The content of the source's file."""
    content = random_content(SIZE)
    (source.folder / "backup").write_bytes(content)
    return content


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set time limits that a busy machine does not exceed."""
    monkeypatch.setattr(shared_read, "_BLOCKED_SECONDS", 600)
    monkeypatch.setattr(shared_read, "PATIENCE_SECONDS", 600)


@pytest.mark.usefixtures("patient")
def test_the_source_is_read_once_for_three(source: Place, targets: list[Place], content: bytes) -> None:
    report = run(source, *targets)
    assert [outcome.verified_by for outcome in report.outcomes] == ["readback", "check-file", "command"]
    assert [place.content() == content for place in targets] == [True] * 3
    assert (report.bytes_read, report.connections) == (SIZE, 4)
    assert [place.partial_files() for place in targets] == [[]] * 3
    again = run(source, *targets)
    assert [outcome.state for outcome in again.outcomes] == ["unchanged"] * 3
    assert again.bytes_read == 0


def test_a_slow_destination_does_not_block_the_others(source: Place, targets: list[Place], content: bytes) -> None:
    slow = targets[1]
    slow.proxy.upstream.throttle(2 * MIB)
    report = run(source, *targets)
    assert [outcome.state for outcome in report.outcomes] == ["created"] * 3
    assert report.finished[-1] == 1
    assert [place.content() == content for place in targets] == [True] * 3
    assert SIZE < report.bytes_read < 2 * SIZE


@pytest.mark.usefixtures("patient")
def test_one_that_is_cut_leaves_a_part_and_the_others_have_all(
    source: Place, targets: list[Place], content: bytes
) -> None:
    targets[0].proxy.upstream.cut_at(SIZE // 2)
    report = run(source, *targets)
    failed, *others = report.results
    assert isinstance(failed, BackhaulError)
    assert (failed.code, failed.details["resumable"]) == ("link_lost", True)
    assert all(isinstance(result, Outcome) for result in others)
    assert report.bytes_read == SIZE
    second = run(source, *targets)
    assert [outcome.state for outcome in second.outcomes] == ["created", "unchanged", "unchanged"]
    assert second.outcomes[0].bytes_resumed > 0
    assert targets[0].content() == content


def test_a_source_that_is_cut_is_resumed_for_all(source: Place, targets: list[Place], content: bytes) -> None:
    source.proxy.downstream.cut_at(SIZE // 2)
    report = run(source, *targets, retries=2)
    assert [(outcome.state, outcome.attempts) for outcome in report.outcomes] == [("created", 2)] * 3
    assert [place.content() == content for place in targets] == [True] * 3


@pytest.mark.usefixtures("patient")
def test_servers_that_allow_one_session_get_more_connections(placed: Placed) -> None:
    content = random_content(3 * MIB)
    with start_openssh(extra=["MaxSessions 1"]) as server:
        source, one, two = placed(server), placed(server), placed(server)
        (source.folder / "backup").write_bytes(content)
        two.proxy = one.proxy
        report = run(source, one, two)
        assert [outcome.state for outcome in report.outcomes] == ["created", "created"]
        assert [place.content() == content for place in (one, two)] == [True, True]
    assert report.connections == 3
    assert report.bytes_read == len(content)


def test_no_connection_stays_open(source: Place, targets: list[Place], content: bytes) -> None:
    run(source, *targets)
    deadline = time.monotonic() + 20
    while any(place.proxy.open_connections for place in (source, *targets)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
