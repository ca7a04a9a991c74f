# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Progress of transfers as records, for live lines.

A record has ``host``, ``path``, ``doing`` (``sent`` or ``checked``), ``done_bytes`` (0 while a server hashes a file),
``begun_bytes`` (those that were there before), ``total_bytes`` and ``seconds``. In Ansible's worker the sink shows
them; a module file has no sink.
"""

from __future__ import annotations

import threading
import time
import typing as t

from .._errors import printable
from .._model import Endpoint, Progress

Record = t.Dict[str, t.Any]
Sink = t.Callable[[Record], None]
_RECORD_SECONDS = 0.5


class ProgressLog:
    """Gives records to ``sink``, from any thread; without one, it only counts."""

    def __init__(self, sink: Sink | None = None) -> None:
        self.sink = sink

    def follow(self, host: str, path: bytes, *, total_bytes: t.Callable[[], int], doing: str = "sent") -> Followed:
        """Return the counter of one transfer's bytes."""
        return Followed(self.sink, {"host": host, "path": printable(path), "doing": doing}, total_bytes)

    def checked(self, endpoint: Endpoint, path: bytes) -> Followed:
        """Return the counter of bytes that are read only to be hashed; their number is not known before."""
        return self.follow(endpoint.label, path, total_bytes=lambda: 0, doing="checked")

    def of_all(self, host: str, path: bytes, *, total_bytes: int) -> Progress:
        """Return the counter of the bytes of many files together, to be called from any thread."""
        followed = self.follow(host, path, total_bytes=lambda: total_bytes)
        lock = threading.Lock()

        def count(byte_count: int) -> None:
            with lock:
                followed(byte_count)

        return count


class Followed:
    """Counts the bytes of one transfer and makes a record now and then; its time runs from the first call."""

    def __init__(self, sink: Sink | None, record: Record, total_bytes: t.Callable[[], int]) -> None:
        self._sink = sink
        self._record = record
        self._total_bytes = total_bytes
        self._started = self._last = 0.0
        self._done_bytes = self._begun_bytes = 0

    def __call__(self, byte_count: int) -> None:
        """Count bytes; 0 says that the server is still at work."""
        before, self._done_bytes = self._done_bytes, self._done_bytes + byte_count
        if self._sink is None:
            return
        now = time.monotonic()
        if not self._started or (byte_count and not before):
            self._started = now
            self._last = self._last or now
        if now - self._last >= _RECORD_SECONDS:
            self._last = now
            self._sink(
                {
                    **self._record,
                    "done_bytes": self._done_bytes,
                    "begun_bytes": self._begun_bytes,
                    "total_bytes": self._total_bytes(),
                    "seconds": round(now - self._started, 1),
                }
            )

    def begin_at(self, byte_count: int) -> None:
        """Start an attempt at ``byte_count`` bytes that are there already; they do not count for the rate."""
        self._done_bytes = self._begun_bytes = byte_count
        self._started = self._last = time.monotonic()
