# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Views of a connection pool: with another file system for one endpoint, or with the sessions of one worker."""

from __future__ import annotations

from .._filesystem import ConnectionPool, FileSystem
from .._model import Endpoint


class SubstitutePool:
    """Returns ``files`` for one endpoint, and the pool's file systems for all others."""

    def __init__(self, pool: ConnectionPool, endpoint: Endpoint, files: FileSystem) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._files = files

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> FileSystem:
        """Return the file system of an endpoint."""
        return self._files if endpoint == self._endpoint else self._pool.file_system(endpoint, session_number)

    def forget(self, endpoint: Endpoint, session_number: int = 0) -> None:
        """Close the connection of a session, so that the next use connects anew; never raises."""
        if endpoint != self._endpoint:
            self._pool.forget(endpoint, session_number)

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints."""
        return self._pool.job_key(*endpoints)


class SessionPoolView:
    """The pool as one of several workers sees it: its first session has the number ``session_number``."""

    def __init__(self, pool: ConnectionPool, session_number: int) -> None:
        self._pool = pool
        self._session_number = session_number

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> FileSystem:
        """Return the file system of an endpoint; the numbers of sessions count from this worker's first one."""
        return self._pool.file_system(endpoint, self._session_number + session_number)

    def forget(self, endpoint: Endpoint, session_number: int = 0) -> None:
        """Close the connection of a session of this worker; never raises."""
        self._pool.forget(endpoint, self._session_number + session_number)

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints."""
        return self._pool.job_key(*endpoints)
