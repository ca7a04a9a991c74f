# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Further SFTP sessions of one connection, for a link that one channel's window does not fill."""

from __future__ import annotations

import math
import threading
import time
import typing as t

from .._errors import BackhaulError
from .session import Session

if t.TYPE_CHECKING:
    from .extensions import CommandRunner

# OpenSSH lets a connection have 10 sessions (sshd_config(5), MaxSessions); one is left for commands.
MAX_STREAMS = 8
# What a server takes on a channel before it must say that it wants more: 2 MiB with OpenSSH.
_WINDOW_BYTES = 2 * 1024 * 1024
# What a link should be able to carry, however long its round trip.
_WORTHWHILE_BYTES_PER_SECOND = 200 * 1024 * 1024

# How long a server is given to notice that a session was closed, before it is asked again to run a command.
_PAUSES_SECONDS = (0.1, 0.5, 1.0)


def wanted_streams(round_trip_seconds: float) -> int:
    """Return over how many channels to write so that their windows cover the round trip."""
    if math.isinf(round_trip_seconds):
        return 1
    windows = math.ceil(round_trip_seconds * _WORTHWHILE_BYTES_PER_SECOND / _WINDOW_BYTES)
    return max(1, min(windows, MAX_STREAMS))


def _is_busy(error: BackhaulError) -> bool:
    """Whether the server opens no more channels for now, as far as the errors say."""
    cause = error.__cause__
    return error.code == "server_busy" or (isinstance(cause, BackhaulError) and cause.code == "server_busy")


class SessionPool:
    """The sessions beside the first one; opened in the background once they are wanted, and kept for the next file.

    ``fixed`` is the number of channels that the user asked for, the first one included; None lets the link decide. A
    server that allows fewer than are wanted is not asked again.
    """

    def __init__(self, first: Session, open_another: t.Callable[[], Session] | None, *, fixed: int | None) -> None:
        self._first = first
        self._open_another = open_another
        self._fixed = fixed
        self._lock = threading.Lock()
        self._usable: list[Session] = []
        self._asked = False

    def want(self) -> None:
        """Begin to open what the link asks for, if that was not done yet; returns at once."""
        if self._asked or self._open_another is None:
            return
        count = (self._fixed or wanted_streams(self._first.round_trip_seconds)) - 1
        if count < 1:
            return
        self._asked = True
        for _number in range(count):
            threading.Thread(target=self._open, args=(self._open_another,), daemon=True).start()

    def usable(self) -> list[Session]:
        """Return the sessions that are open by now."""
        with self._lock:
            return list(self._usable)

    def discard(self, session: Session) -> None:
        """Close a session that is of no more use."""
        with self._lock:
            self._usable = [other for other in self._usable if other is not session]
        session.close()

    def yielding(self, run_command: CommandRunner) -> CommandRunner:
        """Return ``run_command`` as it runs when these sessions are in its way: they are closed then."""

        def run(
            command: str,
            *,
            stdin: bytes,
            timeout_seconds: float,
            limit_bytes: int,
            waiting: t.Callable[[], None],
        ) -> tuple[int, bytes]:
            def once() -> tuple[int, bytes]:
                return run_command(
                    command, stdin=stdin, timeout_seconds=timeout_seconds, limit_bytes=limit_bytes, waiting=waiting
                )

            for pause_seconds in _PAUSES_SECONDS:
                try:
                    return once()
                except BackhaulError as exc:
                    if not (_is_busy(exc) and (self._asked or self.usable())):
                        raise
                for session in self.usable():
                    self.discard(session)
                time.sleep(pause_seconds)
            return once()

        return run

    def close(self) -> None:
        """Close all of them, and open no more; never raises."""
        with self._lock:
            self._open_another = None
            closing, self._usable = self._usable, []
        for session in closing:
            session.close()

    def _open(self, open_another: t.Callable[[], Session]) -> None:
        """Open one session, unless the server refuses: that is no error (in a thread of its own)."""
        try:
            session = open_another()
        except BackhaulError:
            return
        with self._lock:
            too_late = self._open_another is None
            if not too_late:
                self._usable.append(session)
        if too_late:
            session.close()
