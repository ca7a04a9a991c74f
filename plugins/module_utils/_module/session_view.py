# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What need not be asked for every one of many files, and what is cheaper to do than to ask for."""

from __future__ import annotations

import stat
import time
import typing as t

from .._filesystem import FileSystem
from .._model import Attributes, Digest, Endpoint, Space
from .._transfer.source import ConnectionPool

# Up to this size a file is read sooner than a command is started on the server that hashes it.
QUICKLY_READ_BYTES = 256 * 1024
# With so much room left for each of many files, a server is not asked for each of them.
_ROOM_BYTES = 1024 * 1024 * 1024
_ROOM_SECONDS = 10.0
_DIRECTORY = Attributes(mode=stat.S_IFDIR)


class KnownFacts:
    """What is known of the ends of a task; of use to all threads.

    ``directories`` are there, each under its endpoint: they were looked at or made just now.
    """

    def __init__(self) -> None:
        self.directories: set[tuple[Endpoint, bytes]] = set()
        self._rooms: dict[tuple[Endpoint, bytes], tuple[float, Space]] = {}

    def space(self, endpoint: Endpoint, path: bytes, ask: t.Callable[[bytes], Space | None]) -> Space | None:
        """Return the space under a path, as it was a moment ago where there was plenty."""
        asked_at, known = self._rooms.get((endpoint, path), (0.0, None))
        now = time.monotonic()
        if known is not None and known.free_bytes >= _ROOM_BYTES and now - asked_at < _ROOM_SECONDS:
            return known
        found = ask(path)
        if found is not None:
            self._rooms[endpoint, path] = (now, found)
        return found


class KnownPool:
    """Ends for one file after the other, in one thread; ``size_bytes`` is that of the one that is under way.

    With ``may_read`` a small file is hashed here where its server would have to start a command for it.
    """

    def __init__(self, pool: ConnectionPool, facts: KnownFacts, *, may_read: bool) -> None:
        self._pool = pool
        self._facts = facts
        self._may_read = may_read
        self.size_bytes: int | None = None

    def file_system(self, endpoint: Endpoint, lane: int = 0) -> FileSystem:
        """Return the file system of an endpoint, with what is known of it."""
        files = self._pool.file_system(endpoint, lane)
        size = self.size_bytes
        if endpoint.local or size is None or size > QUICKLY_READ_BYTES:
            return files
        reads = self._may_read and endpoint.remote_checksum == "auto"
        return t.cast(FileSystem, _SessionView(files, endpoint, self._facts, reads=reads))

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None:
        """Close the connection that serves this lane."""
        self._pool.forget(endpoint, lane)

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints."""
        return self._pool.job_key(*endpoints)


class _SessionView:
    """A file system of which something is known; whatever is not here is asked of the server."""

    def __init__(self, files: FileSystem, endpoint: Endpoint, facts: KnownFacts, *, reads: bool) -> None:
        self._files = files
        self._endpoint = endpoint
        self._facts = facts
        self._reads = reads

    def __getattr__(self, name: str) -> t.Any:  # noqa: ANN401 - the port's other methods, as they are
        return getattr(self._files, name)

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        """Return what is at ``path``."""
        if follow and (self._endpoint, path) in self._facts.directories:
            return _DIRECTORY
        return self._files.attributes(path, follow=follow)

    def space(self, path: bytes) -> Space | None:
        """Return the space under ``path``."""
        return self._facts.space(self._endpoint, path, self._files.space)

    def digest(
        self,
        path: bytes,
        *,
        algorithm: str,
        length: int | None = None,
        waiting: t.Callable[[], None] | None = None,
    ) -> Digest | None:
        """Return a digest that the server computed; None when it cannot, or not without a command."""
        if self._reads and "check-file" not in getattr(self._files, "digest_methods", tuple)():
            return None
        return self._files.digest(path, algorithm=algorithm, length=length, waiting=waiting)
