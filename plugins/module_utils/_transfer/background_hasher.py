# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Hashing in a second thread, while the first one reads and writes."""

from __future__ import annotations

import hashlib
import queue
import threading

from .._cancellation import shielded
from .._filesystem import Buffer

# The calling thread hashes this much itself: for less, a second thread costs more than it saves.
_WORTH_A_THREAD_BYTES = 2 * 1024 * 1024
# Blocks that may wait to be hashed: about 4 MiB, within what the transfer leaves unused of ``max_memory``.
_WAITING_BLOCKS = 16


class BackgroundHasher:
    """A digest that is computed in a second thread; a context manager, for the use of one thread.

    hashlib releases Python's global lock, so that a second core hashes while this one sends and receives. A block must
    not change after ``update``.
    """

    def __init__(self, algorithm: str = "sha256") -> None:
        self._hasher = hashlib.new(algorithm)
        self._hashed_bytes = 0
        self._queue: queue.Queue[Buffer | None] = queue.Queue(_WAITING_BLOCKS)
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> BackgroundHasher:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._finish()

    def update(self, block: Buffer) -> None:
        """Add the next block; waits while the queue of blocks is full."""
        if self._hashed_bytes < _WORTH_A_THREAD_BYTES:
            self._hashed_bytes += len(block)
            self._hasher.update(block)
            return
        if self._thread is None:
            thread = threading.Thread(target=self._hash, name="hashing", daemon=True)
            with shielded():
                thread.start()
                self._thread = thread
        with shielded():
            self._queue.put(block)

    def hexdigest(self) -> str:
        """Return the digest of all blocks; no more can be added. Raises what failed in the second thread."""
        self._finish()
        if self._failure is not None:
            raise self._failure
        return self._hasher.hexdigest()

    def _finish(self) -> None:
        with shielded():
            if self._thread is not None:
                self._queue.put(None)
                self._thread.join()
                self._thread = None

    def _hash(self) -> None:
        """Hash blocks until None comes; after a failure, only empty the queue, so that ``update`` does not block."""
        while (block := self._queue.get()) is not None:
            if self._failure is None:
                try:
                    self._hasher.update(block)
                except BaseException as exc:  # noqa: BLE001 - raised by hexdigest
                    self._failure = exc
