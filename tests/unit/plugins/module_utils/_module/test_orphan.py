# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module ends when nobody waits for its result, and not before."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import typing as t

import pytest

WAITING = """
import time
from ansible_collections.backhaul.sftp.plugins.module_utils._module.orphan import exit_when_orphaned
exit_when_orphaned(1)
print("ready", flush=True)
time.sleep({seconds})
"""


@pytest.fixture
def start() -> t.Iterator[t.Callable[[float], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def run(seconds: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", WAITING.format(seconds=seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _ready(process: subprocess.Popen[bytes]) -> t.IO[bytes]:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process.stdout


def test_a_module_ends_when_the_reader_of_its_result_is_gone(
    start: t.Callable[[float], subprocess.Popen[bytes]],
) -> None:
    process = start(60)
    _ready(process).close()
    assert process.wait(timeout=20) == -signal.SIGTERM


def test_a_module_whose_result_is_waited_for_goes_on(start: t.Callable[[float], subprocess.Popen[bytes]]) -> None:
    process = start(1)
    _ready(process)
    assert process.wait(timeout=20) == 0


def test_a_socket_counts_as_a_pipe() -> None:
    """Where sshd is built that way, the sessions of a server have sockets for their output."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen([sys.executable, "-c", WAITING.format(seconds=60)], stdout=theirs.fileno())
        theirs.close()
        assert ours.recv(6, socket.MSG_WAITALL) == b"ready\n"
        ours.close()
        assert process.wait(timeout=20) == -signal.SIGTERM
