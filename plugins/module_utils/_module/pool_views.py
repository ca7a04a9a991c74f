# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The ends of a task as others see them: with a file system of one's own in the place of one, or on a lane."""

from __future__ import annotations

from .._filesystem import FileSystem
from .._model import Endpoint
from .._transfer.source import ConnectionPool


class SubstitutePool:
    """Hands out ``files`` for one endpoint, and for every other what ``ends`` opens."""

    def __init__(self, pool: ConnectionPool, endpoint: Endpoint, files: FileSystem) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._files = files

    def file_system(self, endpoint: Endpoint, lane: int = 0) -> FileSystem:
        """Return the file system of an endpoint."""
        return self._files if endpoint == self._endpoint else self._pool.file_system(endpoint, lane)

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None:
        """Close it, so that the next use connects anew; never raises."""
        if endpoint != self._endpoint:
            self._pool.forget(endpoint, lane)

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints."""
        return self._pool.job_key(*endpoints)


class SessionPoolView:
    """The ends as one of several threads sees them, each of which has a lane of its own."""

    def __init__(self, pool: ConnectionPool, lane: int) -> None:
        self._pool = pool
        self._lane = lane

    def file_system(self, endpoint: Endpoint, lane: int = 0) -> FileSystem:
        """Return the file system of an endpoint; only lane 0 is this thread's."""
        return self._pool.file_system(endpoint, self._lane + lane)

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None:
        """Close the connection under this lane."""
        self._pool.forget(endpoint, self._lane + lane)

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints."""
        return self._pool.job_key(*endpoints)
