# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel data is buffered until the reader's wanted bytes have arrived."""

from __future__ import annotations

import threading
import typing as t

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.receive_buffer import ReceiveBuffer

WINDOW = 1000


class Wire:
    """Replaces paramiko's transport and channel, and records the window adjustments that are sent."""

    remote_chanid = 7

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.alive = True

    def is_active(self) -> bool:
        return self.alive

    def _send_user_message(self, message: t.Any) -> None:
        message.rewind()
        kind, channel, more = ord(message.get_byte()), message.get_int(), message.get_int()
        assert (kind, channel) == (paramiko.common.MSG_CHANNEL_WINDOW_ADJUST, self.remote_chanid)
        self.sent.append(more)


def buffer() -> tuple[ReceiveBuffer, Wire]:
    wire = Wire()
    return ReceiveBuffer(wire, wire, window_bytes=WINDOW), wire


def test_everything_that_arrived_is_read_at_once() -> None:
    subject, _wire = buffer()
    subject.append(b"ab")
    subject.append(b"cd")
    assert subject.read(timeout_seconds=0, wanted_bytes=1) == b"abcd"
    assert subject.read(timeout_seconds=0, wanted_bytes=1) is None


def test_the_reader_is_woken_when_the_wanted_bytes_have_arrived() -> None:
    subject, _wire = buffer()
    subject.append(b"ab")
    timer = threading.Timer(0.05, subject.append, [b"cd"])
    timer.start()
    assert subject.read(timeout_seconds=10, wanted_bytes=4) == b"abcd"


def test_a_part_is_returned_at_the_deadline() -> None:
    subject, _wire = buffer()
    subject.append(b"ab")
    assert subject.read(timeout_seconds=0.01, wanted_bytes=4) == b"ab"


def test_the_end_is_returned_after_the_data_before_it() -> None:
    subject, _wire = buffer()
    subject.append(b"ab")
    subject.end()
    assert subject.read(timeout_seconds=10, wanted_bytes=4) == b"ab"
    assert subject.read(timeout_seconds=10, wanted_bytes=4) == b""


def test_a_transport_that_ended_is_the_end_of_the_stream() -> None:
    subject, wire = buffer()
    wire.alive = False
    assert subject.read(timeout_seconds=10, wanted_bytes=1) == b""


def test_a_peer_that_sends_more_than_it_may_is_refused() -> None:
    subject, _wire = buffer()
    subject.append(b"x" * WINDOW)
    with pytest.raises(paramiko.SSHException, match="window"):
        subject.append(b"x")


def test_the_window_is_adjusted_once_an_eighth_of_it_was_consumed() -> None:
    subject, wire = buffer()
    taken = 0
    for _round in range(50):
        subject.append(b"x" * 30)
        taken += len(subject.read(timeout_seconds=0, wanted_bytes=1) or b"")
    assert taken == 1500
    assert 1500 - WINDOW // 8 <= sum(wire.sent) <= 1500
    assert len(wire.sent) < 50 // 3


def test_wanting_more_than_the_window_holds_does_not_wait_endlessly() -> None:
    subject, _wire = buffer()
    subject.append(b"x" * WINDOW)
    assert subject.read(timeout_seconds=10, wanted_bytes=10 * WINDOW) == b"x" * WINDOW
