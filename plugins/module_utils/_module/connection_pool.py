# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The connections of a task: each endpoint is connected once, and every session is kept until the task ends."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t
from dataclasses import replace

from .._cancellation import CancelToken, acquire, bind, checkpoint
from .._errors import BackhaulError
from .._filesystem import FileSystem
from .._local.filesystem import LocalFileSystem
from .._model import USUAL_RESOURCES, ConnectionReport, Endpoint, Resources
from .._sftp.filesystem import SftpFileSystem
from .._sftp.optional import OptionalRequests
from .._ssh.connect import Connection, connect
from .job_key import derive_job_key

_LOOK_SECONDS = 0.25
# A login that is still under way when the task ends is given this long to end; a silent server may take longer.
_JOIN_SECONDS = 1.0


class _TaskEnded(BaseException):
    """The task has ended while a connection was being prepared."""


class PooledConnection:
    """One connection to an endpoint and the sessions on it; closed as a whole."""

    def __init__(self, resources: Resources, optional: OptionalRequests) -> None:
        self._resources = resources
        self._optional = optional
        self.closing = contextlib.ExitStack()
        self.connection: Connection | None = None

    def open(self, endpoint: Endpoint, reports: list[ConnectionReport]) -> FileSystem:
        """Connect, and return the first session on the connection."""
        if endpoint.local:
            return LocalFileSystem()
        with contextlib.ExitStack() as undo:
            self.connection = undo.enter_context(connect(endpoint))
            reports.append(replace(self.connection.report, notes=self._optional.notes))
            files = undo.enter_context(self.connection.file_system(self._resources, self._optional))
            self.closing = undo.pop_all()
            return files

    def another(self) -> FileSystem | None:
        """Return one more session on the same connection; None when the server does not allow it."""
        if self.connection is None:
            return LocalFileSystem()
        try:
            return self.closing.enter_context(self.connection.file_system(self._resources, self._optional))
        except BackhaulError:
            return None


class ConnectionPool:
    """Opens SFTP sessions by endpoint and keeps them until the task ends; a context manager.

    The sessions of an endpoint are numbered; each is for one thread. A further session is opened on the endpoint's
    connection, or on a new connection where the server allows no more sessions (MaxSessions). After a lost link
    ``forget`` closes the connection of a session, so that the next call connects anew. ``reports`` has an entry for
    every connection that was made.
    """

    def __init__(self, reports: list[ConnectionReport] | None = None, resources: Resources = USUAL_RESOURCES) -> None:
        self._resources = resources
        self._open: dict[tuple[Endpoint, int], tuple[FileSystem, PooledConnection]] = {}
        self._optional: dict[Endpoint, OptionalRequests] = {}
        self._connecting: dict[Endpoint, threading.Lock] = {}
        self._preparing: dict[Endpoint, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self._end = CancelToken()
        self._is_over = False
        self._refused: dict[Endpoint, BackhaulError] = {}
        self._lock = threading.Lock()
        self._job_keys: dict[tuple[Endpoint, ...], bytes] = {}
        self._deriving = threading.Lock()
        self.reports = [] if reports is None else reports

    def __enter__(self) -> ConnectionPool:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._is_over = True
        self._end.error = _TaskEnded()
        for endpoint, session_number in list(self._open):
            self.forget(endpoint, session_number)
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def prepare(self, endpoints: t.Iterable[Endpoint]) -> None:
        """Start to connect to all of these endpoints at once and return immediately; most of a login is waiting.

        An error is kept and raised by the next call for that endpoint. No login is tried twice.
        """
        for endpoint in dict.fromkeys(endpoints):
            self._preparing[endpoint] = threading.Event()
            args = (endpoint, self._preparing[endpoint])
            self._threads.append(threading.Thread(target=self._prepare, args=args, daemon=True))
            self._threads[-1].start()

    def _prepare(self, endpoint: Endpoint, done: threading.Event) -> None:
        bind(self._end)
        try:
            self._connect(endpoint, 0)
        except BackhaulError as exc:
            self._refused[endpoint] = exc
        except _TaskEnded:
            pass
        finally:
            done.set()

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> FileSystem:
        """Return the file system of an endpoint, connecting if that is not done yet."""
        prepared = self._preparing.get(endpoint)
        while prepared is not None and not prepared.wait(_LOOK_SECONDS):
            checkpoint()
        refused = self._refused.pop(endpoint, None)
        if refused is not None:
            raise refused
        found = self._open.get((endpoint, session_number))
        if found is not None:
            return found[0]
        return self._connect(endpoint, session_number)

    def _connect(self, endpoint: Endpoint, session_number: int) -> FileSystem:
        with self._lock:
            connecting = self._connecting.setdefault(endpoint, threading.Lock())
        acquire(connecting)
        try:
            files, line = self._opened(endpoint)
            with self._lock:
                self._open[endpoint, session_number] = (files, line)
            if self._is_over:  # the task has ended meanwhile
                self.forget(endpoint, session_number)
        finally:
            connecting.release()
        return files

    def _opened(self, endpoint: Endpoint) -> tuple[FileSystem, PooledConnection]:
        with self._lock:
            lines = [line for (end, _session_number), (_files, line) in self._open.items() if end == endpoint]
            optional = self._optional.setdefault(endpoint, OptionalRequests())
        for line in lines[:1]:
            files = line.another()
            if files is not None:
                return files, line
        line = PooledConnection(self._resources, optional)
        return line.open(endpoint, self.reports), line

    def forget(self, endpoint: Endpoint, session_number: int = 0) -> None:
        """Close the connection of this session, if there is one, with all its sessions; never raises.

        Where the server has closed only this session, the connection stays open for the others.
        """
        with self._lock:
            files, line = self._open.get((endpoint, session_number), (None, None))
            keys = [key for key, (_files, other) in self._open.items() if other is line]
            others_go_on = len(keys) > 1 and isinstance(files, SftpFileSystem) and files.was_closed_by_server
            for key in [(endpoint, session_number)] if others_go_on else keys:
                del self._open[key]
        if line is not None and not others_go_on:
            with contextlib.suppress(Exception):
                line.closing.close()

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints, once; empty when none has any."""
        acquire(self._deriving)
        try:
            if endpoints not in self._job_keys:
                self._job_keys[endpoints] = derive_job_key(*endpoints)
            return self._job_keys[endpoints]
        finally:
            self._deriving.release()


@contextlib.contextmanager
def open_file_system(endpoint: Endpoint) -> t.Iterator[FileSystem]:
    """Open one endpoint for as long as the block runs."""
    with ConnectionPool() as pool:
        yield pool.file_system(endpoint)
