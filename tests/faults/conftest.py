# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker that binds a test to its row of the catalogue, a deadline for every test, and fake servers."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import USUAL_EXTENSIONS, FakeSftp
from ansible_collections.backhaul.sftp.tests.actors.fake_ssh_server import EventLoop, FakeServer
from ansible_collections.backhaul.sftp.tests.faults.fixtures import (
    destination,
    forking_host,
    journey,
    placed,
    site,
    source,
    workshop,
)
from ansible_collections.backhaul.sftp.tests.faults.places import FakePlace, RealPlace
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab

# Fixtures between real servers.
__all__ = ["destination", "journey", "forking_host", "placed", "site", "source", "workshop"]

_HERE = Path(__file__).parent
# Far more than any of these tests takes on a slow machine.
_LONGEST_TEST_SECONDS = 100

WITHOUT_SPACE = {name: value for name, value in USUAL_EXTENSIONS.items() if not name.startswith(b"statvfs")}
_numbers = itertools.count()

Serve = t.Callable[[FakeSftp], FakeServer]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "fault(key): the row of tests/faults/catalogue.py that this test shows")


@pytest.fixture(autouse=True)
def deadline() -> t.Iterator[None]:
    """Fail a test that hangs: every row promises that nothing does."""

    def expired(_number: int, _frame: object) -> None:
        raise AssertionError(f"it hangs: not done after {_LONGEST_TEST_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, _LONGEST_TEST_SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def event_loop_thread() -> t.Iterator[EventLoop]:
    """The thread that serves all fakes."""
    with EventLoop() as loop:
        yield loop


@pytest.fixture
def serve(event_loop_thread: EventLoop) -> t.Iterator[Serve]:
    """Serve a fake over SSH until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda fake: stack.enter_context(event_loop_thread.serve(fake))


@pytest.fixture
def origin(serve: Serve) -> FakePlace:
    """An empty fake as a source."""
    return FakePlace(serve(FakeSftp()))


@pytest.fixture
def target(serve: Serve) -> FakePlace:
    """An empty fake as a destination, without statvfs."""
    return FakePlace(serve(FakeSftp(extensions=WITHOUT_SPACE)))


Place = t.Callable[[Server], RealPlace]


@pytest.fixture
def place() -> Place:
    """Make an empty folder on a real server."""
    return lambda server: RealPlace(server, server.root / f"fault-{os.getpid()}-{next(_numbers)}")


@pytest.fixture
def store(lab: SharedLab, place: Place) -> RealPlace:
    """An empty folder on OpenSSH with SFTP and nothing else."""
    return place(lab.openssh(variant="internal"))
