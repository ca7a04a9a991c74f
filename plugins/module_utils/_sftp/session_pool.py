# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Additional SFTP sessions of one connection, for a link that one channel's window does not fill."""

from __future__ import annotations

import math
import threading
import time
import typing as t

from .._errors import BackhaulError
from .session import Session

if t.TYPE_CHECKING:
    from .extensions import CommandRunner

# OpenSSH allows 10 sessions for each connection (sshd_config(5), MaxSessions); one is left for commands.
MAX_STREAMS = 8
# The channel window of OpenSSH: a server takes this much before it sends CHANNEL_WINDOW_ADJUST.
_WINDOW_BYTES = 2 * 1024 * 1024
# The throughput that the number of channels is sized for, at any round trip.
_TARGET_BYTES_PER_SECOND = 200 * 1024 * 1024

# After closing sessions: the pauses before each new attempt to run a command, so that the server notices the closing.
_RETRY_PAUSES_SECONDS = (0.1, 0.5, 1.0)


def wanted_streams(round_trip_seconds: float) -> int:
    """Return the number of channels whose windows together cover the round trip."""
    if math.isinf(round_trip_seconds):
        return 1
    windows = math.ceil(round_trip_seconds * _TARGET_BYTES_PER_SECOND / _WINDOW_BYTES)
    return max(1, min(windows, MAX_STREAMS))


def _is_busy(error: BackhaulError) -> bool:
    """Return whether an error, or its cause, says that the server opens no more channels for now."""
    cause = error.__cause__
    return error.code == "server_busy" or (isinstance(cause, BackhaulError) and cause.code == "server_busy")


class SessionPool:
    """The sessions beside the first one; opened in the background on first need, and kept for the next file.

    ``fixed`` is the number of channels that the user asked for, the first one included. With None, the number follows
    from the round trip. Sessions are opened once: a server that allows fewer is not asked again.
    """

    def __init__(self, first: Session, open_another: t.Callable[[], Session] | None, *, fixed: int | None) -> None:
        self._first = first
        self._open_another = open_another
        self._fixed = fixed
        self._lock = threading.Lock()
        self._usable: list[Session] = []
        self._asked = False

    def ensure(self) -> None:
        """Start to open the additional sessions unless that was done before; returns at once."""
        if self._asked or self._open_another is None:
            return
        count = (self._fixed or wanted_streams(self._first.round_trip_seconds)) - 1
        if count < 1:
            return
        self._asked = True
        for _number in range(count):
            threading.Thread(target=self._open, args=(self._open_another,), daemon=True).start()

    def usable(self) -> list[Session]:
        """Return the sessions that are open now."""
        with self._lock:
            return list(self._usable)

    def discard(self, session: Session) -> None:
        """Close a session and remove it from the pool."""
        with self._lock:
            self._usable = [other for other in self._usable if other is not session]
        session.close()

    def yielding(self, run_command: CommandRunner) -> CommandRunner:
        """Return ``run_command``, extended: if the server has no channel left for it, these sessions are closed."""

        def run(
            command: str,
            *,
            stdin: bytes,
            timeout_seconds: float,
            limit_bytes: int,
            waiting: t.Callable[[], None],
        ) -> tuple[int, bytes]:
            def attempt() -> tuple[int, bytes]:
                return run_command(
                    command, stdin=stdin, timeout_seconds=timeout_seconds, limit_bytes=limit_bytes, waiting=waiting
                )

            for pause_seconds in _RETRY_PAUSES_SECONDS:
                try:
                    return attempt()
                except BackhaulError as exc:
                    if not (_is_busy(exc) and (self._asked or self.usable())):
                        raise
                for session in self.usable():
                    self.discard(session)
                time.sleep(pause_seconds)
            return attempt()

        return run

    def close(self) -> None:
        """Close all additional sessions, and open no more; never raises."""
        with self._lock:
            self._open_another = None
            to_close, self._usable = self._usable, []
        for session in to_close:
            session.close()

    def _open(self, open_another: t.Callable[[], Session]) -> None:
        """Open one session, in its own thread; a refusal is no error."""
        try:
            session = open_another()
        except BackhaulError:
            return
        with self._lock:
            pool_closed = self._open_another is None
            if not pool_closed:
                self._usable.append(session)
        if pool_closed:
            session.close()
