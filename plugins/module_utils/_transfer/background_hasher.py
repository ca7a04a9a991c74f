# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""BackgroundHasher what is on its way, beside the reading and the writing of it."""

from __future__ import annotations

import hashlib
import queue
import threading

from .._cancellation import shielded
from .._filesystem import Buffer

# What is hashed at once, by the thread that brings it: a thread costs more than it spares here.
_WORTH_A_THREAD_BYTES = 2 * 1024 * 1024
# How many blocks may wait to be hashed: about 4 MiB, within what the transfer spares of ``max_memory``.
_WAITING_BLOCKS = 16


class BackgroundHasher:
    """A digest in the making; a context manager, and of use to one thread.

    hashlib works without Python's lock, so that a second core hashes while this one sends and receives. Blocks must
    not change after they were handed over.
    """

    def __init__(self, algorithm: str = "sha256") -> None:
        self._hasher = hashlib.new(algorithm)
        self._taken_bytes = 0
        self._waiting: queue.Queue[Buffer | None] = queue.Queue(_WAITING_BLOCKS)
        self._worker: threading.Thread | None = None
        self._mistake: BaseException | None = None

    def __enter__(self) -> BackgroundHasher:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._end()

    def update(self, block: Buffer) -> None:
        """Take the next block; waits for the hashing when that is far behind."""
        if self._taken_bytes < _WORTH_A_THREAD_BYTES:
            self._taken_bytes += len(block)
            self._hasher.update(block)
            return
        if self._worker is None:
            worker = threading.Thread(target=self._work, name="hashing", daemon=True)
            with shielded():
                worker.start()
                self._worker = worker
        with shielded():
            self._waiting.put(block)

    def hexdigest(self) -> str:
        """Return the digest of all that was taken; the end of it."""
        self._end()
        if self._mistake is not None:
            raise self._mistake
        return self._hasher.hexdigest()

    def _end(self) -> None:
        with shielded():
            if self._worker is not None:
                self._waiting.put(None)
                self._worker.join()
                self._worker = None

    def _work(self) -> None:
        """Hash until None comes; after a mistake, only empty the queue, so that nobody waits for ever."""
        while (block := self._waiting.get()) is not None:
            if self._mistake is None:
                try:
                    self._hasher.update(block)
                except BaseException as exc:  # noqa: BLE001 - raised by hexdigest, whatever it is
                    self._mistake = exc
