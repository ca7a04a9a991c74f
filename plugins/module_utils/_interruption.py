# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Ending a job by a signal: between two steps, and never inside one that would leave half a packet behind.

A signal's handler runs wherever the main thread happens to be. Raised inside a packet, an exception would leave a
connection that nobody can clean up through; so it waits until the packet is whole.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t


class _State(threading.local):
    """Of each thread; handlers run in the main thread (signal(3), and Python's ``signal``)."""

    depth = 0
    pending: BaseException | None = None


_state = _State()


def interrupt(error: BaseException) -> None:
    """Raise ``error`` now, or at the end of the undivided step that is under way; for signal handlers."""
    if not _state.depth:
        raise error
    _state.pending = error


@contextlib.contextmanager
def undivided() -> t.Iterator[None]:
    """Let the block come to its end before an interruption is raised; for steps whose waits are short or bounded."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
        if not _state.depth and _state.pending is not None:
            pending, _state.pending = _state.pending, None
            raise pending
