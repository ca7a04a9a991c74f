# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel data as it comes, to whoever waits for so much of it."""

from __future__ import annotations

import threading
import typing as t

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.receive_buffer import ReceiveBuffer

WINDOW = 1000


class Wire:
    """Stands for paramiko's transport and channel: alive, and remembering what was sent."""

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


def feed() -> tuple[ReceiveBuffer, Wire]:
    wire = Wire()
    return ReceiveBuffer(wire, wire, window_bytes=WINDOW), wire


def test_everything_that_came_is_taken_at_once() -> None:
    subject, _wire = feed()
    subject.put(b"ab")
    subject.put(b"cd")
    assert subject.take(timeout_seconds=0, wanted_bytes=1) == b"abcd"
    assert subject.take(timeout_seconds=0, wanted_bytes=1) is None


def test_the_reader_is_woken_when_what_it_wants_is_complete() -> None:
    subject, _wire = feed()
    subject.put(b"ab")
    timer = threading.Timer(0.05, subject.put, [b"cd"])
    timer.start()
    assert subject.take(timeout_seconds=10, wanted_bytes=4) == b"abcd"


def test_part_of_it_is_better_than_nothing_when_time_is_up() -> None:
    subject, _wire = feed()
    subject.put(b"ab")
    assert subject.take(timeout_seconds=0.01, wanted_bytes=4) == b"ab"


def test_the_end_comes_after_what_came_before_it() -> None:
    subject, _wire = feed()
    subject.put(b"ab")
    subject.end()
    assert subject.take(timeout_seconds=10, wanted_bytes=4) == b"ab"
    assert subject.take(timeout_seconds=10, wanted_bytes=4) == b""


def test_a_transport_that_died_is_an_end() -> None:
    subject, wire = feed()
    wire.alive = False
    assert subject.take(timeout_seconds=10, wanted_bytes=1) == b""


def test_a_peer_that_sends_more_than_it_may_is_refused() -> None:
    subject, _wire = feed()
    subject.put(b"x" * WINDOW)
    with pytest.raises(paramiko.SSHException, match="window"):
        subject.put(b"x")


def test_what_was_taken_may_be_sent_again_but_not_for_every_little_bit() -> None:
    subject, wire = feed()
    taken = 0
    for _round in range(50):
        subject.put(b"x" * 30)
        taken += len(subject.take(timeout_seconds=0, wanted_bytes=1) or b"")
    assert taken == 1500
    assert 1500 - WINDOW // 8 <= sum(wire.sent) <= 1500
    assert len(wire.sent) < 50 // 3


def test_wanting_more_than_the_window_holds_does_not_wait_for_ever() -> None:
    subject, _wire = feed()
    subject.put(b"x" * WINDOW)
    assert subject.take(timeout_seconds=10, wanted_bytes=10 * WINDOW) == b"x" * WINDOW
