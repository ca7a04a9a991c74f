# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every exception of paramiko and the socket becomes a BackhaulError, and every wait ends."""

from __future__ import annotations

import socket
import threading

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.errors import WrappedError, translated, watchdog


def translation(exc: BaseException, what: str = "trying") -> BackhaulError:
    with pytest.raises(BackhaulError) as caught, translated(what):
        raise exc
    return caught.value


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (EOFError(), "link_lost"),
        (ConnectionResetError(104, "reset"), "link_lost"),
        (paramiko.SSHException("odd"), "link_lost"),
        (socket.timeout("slow"), "timed_out"),
        (TimeoutError("slow"), "timed_out"),
        (paramiko.ChannelException(1, "Administratively prohibited"), "permission_denied"),
        (paramiko.ChannelException(2, "Connect failed"), "server_busy"),
        (paramiko.ChannelException(4, "Resource shortage"), "server_busy"),
        (paramiko.SSHException("Exceeded MaxStartups"), "server_busy"),
    ],
)
def test_exceptions_become_codes(raised: BaseException, code: str) -> None:
    error = translation(raised)
    assert error.code == code
    assert "trying" in error.cause or code == "server_busy"


@pytest.mark.parametrize(
    "raised", [ValueError("bad mpint"), IndexError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), KeyError(1)]
)
def test_a_bug_of_ours_is_not_translated(raised: Exception) -> None:
    with pytest.raises(type(raised)), translated("trying"):
        raise raised


def test_an_error_of_ours_passes_unchanged_through_paramikos_thread() -> None:
    error = TrustError("host_key_mismatch", "another key")
    assert translation(error) is error
    assert translation(WrappedError(error)) is error


def test_text_of_a_server_is_made_printable_and_cut() -> None:
    cause = translation(paramiko.SSHException("\x1b[2J\n" + "x" * 10_000 + "\udcff")).cause
    assert "\x1b" not in cause
    assert len(cause) < 700


def test_a_block_that_is_done_in_time_is_left_alone() -> None:
    closed = threading.Event()
    with watchdog(5, closed.set, phase="trying"):
        pass
    assert not closed.is_set()


@pytest.mark.parametrize("seconds", [0.05, 0, -3])
def test_what_a_block_waits_on_is_closed_and_the_phase_named(seconds: float) -> None:
    closed = threading.Event()
    with pytest.raises(LinkError) as caught, watchdog(seconds, closed.set, phase="exchanging keys"):
        assert closed.wait(5)
        raise EOFError
    assert caught.value.code == "timed_out"
    assert "exchanging keys" in caught.value.cause


def test_a_block_that_succeeds_after_the_deadline_is_still_timed_out() -> None:
    closed = threading.Event()
    with pytest.raises(LinkError), watchdog(0.01, closed.set, phase="trying"):
        assert closed.wait(5)


def test_errors_before_the_deadline_stay_what_they_are() -> None:
    with pytest.raises(TrustError), watchdog(5, lambda: None, phase="trying"):
        raise TrustError("host_key_unknown", "who is it")
