# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lane of a file that is written over several channels; the whole is in test_writer.py."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.write_handle import (
    MAX_IN_FLIGHT,
    PendingOpen,
    WriteHandle,
)
from ansible_collections.backhaul.sftp.tests.faults import fake_sftp
from ansible_collections.backhaul.sftp.tests.faults.fake_sftp import FakeSftp, MemoryDuplex, attrs, packet, status, u32

LINK = 0o120777


class Narrow(MemoryDuplex):
    """A channel whose window is as wide as a test says."""

    room = 1 << 30

    @property
    def room_bytes(self) -> int:
        return self.room


def opened(server: FakeSftp) -> tuple[Session, Narrow]:
    duplex = Narrow(server)
    session = Session(duplex, timeouts=Timeouts())
    session.open()
    return session, duplex


def lane_of(session: Session) -> WriteHandle:
    opening = PendingOpen(session, b"/a")
    assert opening.arrived
    return opening.lane()


def test_room_is_what_the_window_takes_with_the_head_of_the_request() -> None:
    session, duplex = opened(FakeSftp({b"/a": b""}))
    lane = lane_of(session)
    assert lane.has_room(1000)
    duplex.room = 1000
    assert not lane.has_room(1000)
    assert lane.has_room(500)


def test_a_lane_is_full_when_too_many_requests_wait() -> None:
    session, _duplex = opened(FakeSftp({b"/a": b""}))
    lane = lane_of(session)
    for number in range(MAX_IN_FLIGHT):
        assert (lane.is_full, lane.has_room(1)) == (False, True)
        lane.write(number, number, b"x")
    assert (lane.is_full, lane.has_room(1), lane.oldest) == (True, False, 0)
    lane.acknowledge(timeout_seconds=1)
    assert lane.oldest is None


def test_the_first_refusal_is_raised_and_the_rest_stays_to_be_asked_for() -> None:
    server = FakeSftp({b"/a": b""})
    server.on(fake_sftp.WRITE, lambda r, honest: [status(r.id, 4, b"full")], after=1, times=1)
    lane = lane_of(opened(server)[0])
    for number in range(3):
        lane.write(number, number, b"x")
    with pytest.raises(RemoteError, match="full"):
        lane.acknowledge(timeout_seconds=1)
    assert lane.oldest == 2
    lane.acknowledge(timeout_seconds=1)
    assert lane.oldest is None


def test_closing_is_asked_for_behind_the_writes_and_its_refusal_is_raised() -> None:
    server = FakeSftp({b"/a": b""})
    lane = lane_of(opened(server)[0])
    server.on(fake_sftp.CLOSE, lambda r, honest: [status(r.id, 4, b"quota")])
    lane.begin_close()
    with pytest.raises(RemoteError, match="quota"):
        lane.end_close(timeout_seconds=1)
    lane.drop()
    assert server.kinds().count(fake_sftp.CLOSE) == 1


def test_nothing_is_written_through_a_link_that_somebody_put_there() -> None:
    server = FakeSftp({b"/a": b""})
    server.on(fake_sftp.LSTAT, lambda r, honest: [packet(fake_sftp.ATTRS, u32(r.id) + attrs(0, LINK))])
    with pytest.raises(RemoteError, match="replaced"):
        lane_of(opened(server)[0])
    assert server.open_handles() == 0


@pytest.mark.parametrize("kind", [fake_sftp.LSTAT, fake_sftp.OPEN])
def test_a_server_that_refuses_to_open_it_again_leaves_nothing_open(kind: int) -> None:
    server = FakeSftp({b"/a": b""})
    server.on(kind, lambda r, honest: [status(r.id, 3, b"one at a time")])
    with pytest.raises(BackhaulError):
        lane_of(opened(server)[0])
    assert server.open_handles() == 0
