# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""A limit of the CPU time that the patterns of a task take on the names of a server."""

from __future__ import annotations

import signal
import threading
import time
import typing as t

from .._errors import InputError, printable
from .._model import RemoteFile

# The CPU time for one name; a usual pattern takes a few microseconds.
SECONDS_PER_NAME = 1.0
# The CPU time for all names: a fixed part, and a part for each name.
SECONDS_AT_ALL = 10.0
SECONDS_MORE_PER_NAME = 0.001

_ResultT = t.TypeVar("_ResultT")


class Selector(t.Protocol):
    """Selects files by their names."""

    def missing_attributes(self, file: RemoteFile) -> t.Sequence[str]: ...

    def offer(self, file: RemoteFile) -> None: ...

    def skip(self, path: bytes, reason: str, text: str) -> None: ...


class BoundedSelector:
    """A selector that takes limited time for a name; a context manager, for the main thread.

    A regular expression can take exponential time on a name that a server chose, and holds Python's lock. Only a signal
    can end it: ``re`` checks for signals while it searches. The timer counts the CPU time of this process, not the time
    of day. In another thread nothing is limited.
    """

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._is_armed = threading.current_thread() is threading.main_thread()
        self._before: t.Any = None
        self._left_seconds = SECONDS_AT_ALL

    def __enter__(self) -> BoundedSelector:
        if self._is_armed:
            self._before = signal.signal(signal.SIGVTALRM, _expired)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        if self._is_armed:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, self._before)

    def missing_attributes(self, file: RemoteFile) -> t.Sequence[str]:
        """Return the names of attributes that are missing and needed."""
        return self._bounded(lambda: self._selector.missing_attributes(file), file)

    def offer(self, file: RemoteFile) -> None:
        """Offer one file to the selector."""
        self._bounded(lambda: self._selector.offer(file), file)

    def skip(self, path: bytes, reason: str, text: str) -> None:
        """Pass over a name that must not become part of a path."""
        self._selector.skip(path, reason, text)

    def _bounded(self, judge: t.Callable[[], _ResultT], file: RemoteFile) -> _ResultT:
        if not self._is_armed:
            return judge()
        started = time.process_time()
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_PER_NAME)
            result = judge()
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except _ExpiredError:
            raise _too_slow(file) from None
        self._left_seconds += SECONDS_MORE_PER_NAME - (time.process_time() - started)
        if self._left_seconds < 0:
            raise _too_slow(file)
        return result


class _ExpiredError(Exception):
    """The time for one name is over."""


def _expired(_number: int, _frame: object) -> None:
    raise _ExpiredError


def _too_slow(file: RemoteFile) -> InputError:
    return InputError(
        "invalid_input",
        f"the patterns take too long on the name {printable(file.name, limit=300)}",
        remedy="A regular expression that repeats what is repeated already, such as (a+)+, takes time that doubles with"
        " every character. Write it without, or use globs, which need no use_regex.",
        path=file.path,
        details={"option": "patterns"},
    )
