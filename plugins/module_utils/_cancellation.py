# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Ending a job by a signal: between two steps, and never inside one that would leave half a packet behind.

A signal's handler runs wherever the main thread happens to be. Raised inside a packet, an exception would leave a
connection that nobody can clean up through; so it waits until the packet is whole. Other threads hear of no signal at
all: they are told through a mailbox, and find what is in it where they would have been interrupted.
"""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

_LONGEST_SLEEP_SECONDS = 0.25


class CancelToken:
    """Where the main thread leaves the error that is to end other threads; each of them raises it once."""

    def __init__(self) -> None:
        self.error: BaseException | None = None


class _State(threading.local):
    """Of each thread; handlers run in the main thread (signal(3), and Python's ``signal``)."""

    depth = 0
    pending: BaseException | None = None
    token = CancelToken()
    heard: BaseException | None = None


_state = _State()


def cancel(error: BaseException) -> None:
    """Raise ``error`` now, or at the end of the undivided step that is under way; for signal handlers."""
    if not _state.depth:
        raise error
    _state.pending = error


def bind(token: CancelToken) -> None:
    """Let this thread be ended through ``mailbox`` from now on."""
    _state.token = token


def checkpoint() -> None:
    """Raise what interrupts this thread, if anything does and no undivided step is under way."""
    if _state.depth:
        return
    if _state.pending is not None:
        pending, _state.pending = _state.pending, None
        raise pending
    error = _state.token.error
    if error is not None and error is not _state.heard:
        _state.heard = error
        raise error


@contextlib.contextmanager
def shielded() -> t.Iterator[None]:
    """Let the block come to its end before an interruption is raised; for steps whose waits are short or bounded."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
        checkpoint()


def sleep(seconds: float) -> None:
    """Sleep, and wake up for an interruption in any thread."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        checkpoint()
        time.sleep(min(left, _LONGEST_SLEEP_SECONDS))


def acquire(lock: threading.Lock) -> None:
    """Take a lock, and give up waiting for it when this thread is interrupted."""
    while not lock.acquire(timeout=_LONGEST_SLEEP_SECONDS):
        checkpoint()
