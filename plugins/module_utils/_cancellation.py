# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Cancel a job by a signal, between two steps, never inside a step that would leave half a packet on a connection.

A signal's handler runs at any point of the main thread. An exception inside a packet would leave the connection
unusable, and the clean-up needs the connection; so the exception waits for the end of the packet. Other threads receive
no signals: they poll a CancelToken at the points where the main thread could be cancelled.
"""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

_LONGEST_SLEEP_SECONDS = 0.25


class CancelToken:
    """Passes an error from the main thread to other threads, to end them; each thread raises it once."""

    def __init__(self) -> None:
        self.error: BaseException | None = None


class _State(threading.local):
    """The state of one thread; signal handlers run in the main thread (Python's ``signal``)."""

    depth = 0
    pending: BaseException | None = None
    token = CancelToken()
    raised: BaseException | None = None


_state = _State()


def cancel(error: BaseException) -> None:
    """Raise ``error`` now, or at the end of the current shielded block; for signal handlers."""
    if not _state.depth:
        raise error
    _state.pending = error


def bind(token: CancelToken) -> None:
    """Use ``token`` to cancel this thread from now on."""
    _state.token = token


def checkpoint() -> None:
    """Raise the error that cancels this thread, if there is one; do nothing inside a shielded block."""
    if _state.depth:
        return
    if _state.pending is not None:
        pending, _state.pending = _state.pending, None
        raise pending
    error = _state.token.error
    if error is not None and error is not _state.raised:
        _state.raised = error
        raise error


@contextlib.contextmanager
def shielded() -> t.Iterator[None]:
    """Delay a cancellation until the block has ended; for blocks whose waits are short or have a deadline."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
        checkpoint()


def sleep(seconds: float) -> None:
    """Sleep for ``seconds``; a cancellation of this thread is raised within a quarter of a second."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        checkpoint()
        time.sleep(min(left, _LONGEST_SLEEP_SECONDS))


def acquire(lock: threading.Lock) -> None:
    """Acquire ``lock``; a cancellation of this thread is raised while it waits."""
    while not lock.acquire(timeout=_LONGEST_SLEEP_SECONDS):
        checkpoint()
