# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One handle of a file that is written over several channels; test_writer.py covers the writer as a whole."""

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
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp, MemoryDuplex, attrs, packet, status, u32

LINK = 0o120777


class Narrow(MemoryDuplex):
    """A channel with a window that the test sets."""

    room = 1 << 30

    @property
    def room_bytes(self) -> int:
        return self.room


def opened(server: FakeSftp) -> tuple[Session, Narrow]:
    duplex = Narrow(server)
    session = Session(duplex, timeouts=Timeouts())
    session.open()
    return session, duplex


def handle_of(session: Session) -> WriteHandle:
    pending = PendingOpen(session, b"/a")
    assert pending.arrived
    return pending.write_handle()


def test_room_is_the_window_less_the_head_of_the_request() -> None:
    session, duplex = opened(FakeSftp({b"/a": b""}))
    handle = handle_of(session)
    assert handle.has_room(1000)
    duplex.room = 1000
    assert not handle.has_room(1000)
    assert handle.has_room(500)


def test_a_handle_is_full_when_too_many_requests_wait() -> None:
    session, _duplex = opened(FakeSftp({b"/a": b""}))
    handle = handle_of(session)
    for number in range(MAX_IN_FLIGHT):
        assert (handle.is_full, handle.has_room(1)) == (False, True)
        handle.write(number, number, b"x")
    assert (handle.is_full, handle.has_room(1), handle.oldest) == (True, False, 0)
    handle.acknowledge(timeout_seconds=1)
    assert handle.oldest is None


def test_the_first_refusal_is_raised_and_the_rest_stays_to_be_asked_for() -> None:
    server = FakeSftp({b"/a": b""})
    server.on(fake_sftp.WRITE, lambda r, honest: [status(r.id, 4, b"full")], after=1, times=1)
    handle = handle_of(opened(server)[0])
    for number in range(3):
        handle.write(number, number, b"x")
    with pytest.raises(RemoteError, match="full"):
        handle.acknowledge(timeout_seconds=1)
    assert handle.oldest == 2
    handle.acknowledge(timeout_seconds=1)
    assert handle.oldest is None


def test_closing_is_asked_for_behind_the_writes_and_its_refusal_is_raised() -> None:
    server = FakeSftp({b"/a": b""})
    handle = handle_of(opened(server)[0])
    server.on(fake_sftp.CLOSE, lambda r, honest: [status(r.id, 4, b"quota")])
    handle.begin_close()
    with pytest.raises(RemoteError, match="quota"):
        handle.end_close(timeout_seconds=1)
    handle.drop()
    assert server.kinds().count(fake_sftp.CLOSE) == 1


def test_nothing_is_written_through_a_link_that_took_the_place_of_the_file() -> None:
    server = FakeSftp({b"/a": b""})
    server.on(fake_sftp.LSTAT, lambda r, honest: [packet(fake_sftp.ATTRS, u32(r.id) + attrs(0, LINK))])
    with pytest.raises(RemoteError, match="replaced"):
        handle_of(opened(server)[0])
    assert server.open_handles() == 0


@pytest.mark.parametrize("kind", [fake_sftp.LSTAT, fake_sftp.OPEN])
def test_a_server_that_refuses_to_open_it_again_leaves_nothing_open(kind: int) -> None:
    server = FakeSftp({b"/a": b""})
    server.on(kind, lambda r, honest: [status(r.id, 3, b"one at a time")])
    with pytest.raises(BackhaulError):
        handle_of(opened(server)[0])
    assert server.open_handles() == 0
