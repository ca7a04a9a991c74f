# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The source of a relay: looked at once, hashed at most once, and read as often as anybody needs it."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from .._errors import IntegrityError
from .._filesystem import Buffer, FileSystem
from .._interruption import acquire
from .._model import Attributes, Digest, Endpoint, Source, Watch
from .digest import SourceDigest, best_digest
from .examine import at, examine_source
from .hashing import Hashing
from .pace import Pace


class Ends(t.Protocol):
    """Whoever opens endpoints and keeps them open; of use to several threads, if each has lanes of its own."""

    def file_system(self, endpoint: Endpoint, lane: int = 0) -> FileSystem:
        """Return the file system of an endpoint, connecting first where that is needed.

        Each ``lane`` is a session of its own, so that another thread may use it at the same time.
        """

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None:
        """Close the connection that serves this lane, so that its next use connects anew; never raises."""

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints; empty when none has any."""


class Origin:
    """The file to relay, at its end.

    ``source`` is taken on the first look, which is to be before several threads ask. Lane 0 of the endpoint is whose
    thread holds ``reserved``; whoever reads on another lane needs no leave.
    """

    def __init__(self, ends: Ends, endpoint: Endpoint, path: bytes, *, watch: Watch, pace: Pace) -> None:
        self.endpoint = endpoint
        self.path = path
        self.digest = SourceDigest(self._hash, path)
        self.bytes_read = 0
        self._ends = ends
        self._watch = watch
        self._pace = pace
        self._source: Source | None = None
        self._lane_0 = threading.Lock()
        self._counting = threading.Lock()

    @property
    def source(self) -> Source:
        """The source as it was on the first look, which is taken now if it was not before."""
        if self._source is None:
            with at(self.endpoint):
                self._source = examine_source(self._ends.file_system(self.endpoint), self.path)
        return self._source

    @contextlib.contextmanager
    def reserved(self) -> t.Iterator[FileSystem]:
        """Yield lane 0, for this thread alone."""
        acquire(self._lane_0)
        try:
            with at(self.endpoint):
                files = self._ends.file_system(self.endpoint)
            yield files
        finally:
            self._lane_0.release()

    def _hash(self) -> Digest:
        with self.reserved() as files, at(self.endpoint):
            if self.digest.known is not None:  # whoever had the lane before has read it all
                return self.digest.known
            return best_digest(files, self.path, progress=self._watch(self.endpoint, self.path))

    def prefix_digest(self, length: int) -> Digest | None:
        """Return the digest of the first ``length`` bytes, if the source's server can compute it."""
        whole = length == self.source.size
        if whole and self.digest.known is not None:
            return self.digest.known
        with self.reserved() as files, at(self.endpoint):
            watch = self._watch(self.endpoint, self.path)
            part = None if whole else length
            found = files.digest(self.path, algorithm="sha256", length=part, waiting=lambda: watch(0))
        if whole:
            self.digest.known = found
        return found

    def blocks(self, start: int, *, lane: int) -> t.Generator[Buffer, None, None]:
        """Yield the content from ``start`` to the end, read on a lane of its own or on a reserved one.

        At both ends of the reading the file must be what it was on the first look (FSTAT). One that ends before its
        size is ``short_transfer``, one that goes on beyond it ``source_changed``. Read from its beginning, it is hashed
        on the way.
        """
        source, offset = self.source, start
        with (
            Hashing() as hashing,
            at(self.endpoint),
            self._ends.file_system(self.endpoint, lane).open_reader(self.path) as reader,
        ):
            _require_same(source, reader.attributes())
            for block in reader.blocks(offset=start):
                offset += len(block)
                if offset > source.size:
                    raise source_changed(
                        f"it is longer than the {source.size} bytes it had when it was opened", self.path
                    )
                if not start:
                    hashing.update(block)
                with self._counting:
                    self.bytes_read += len(block)
                self._pace.take(len(block))
                yield block
            if offset != source.size:
                raise _ended_early(offset, source)
            _require_same(source, reader.attributes())
            if not start:
                self.digest.streamed(hashing.hexdigest())

    def forget(self, lane: int) -> None:
        """Close the connection behind a lane."""
        self._ends.forget(self.endpoint, lane)


def source_changed(how: str, path: bytes) -> IntegrityError:
    """Return the error for a source that is written to while it is read."""
    return IntegrityError(
        "source_changed",
        f"the source changed while it was read: {how}",
        remedy="Nothing was published. Relay backups only after they are complete (stable_for).",
        role="source",
        path=path,
    )


def _ended_early(offset: int, source: Source) -> IntegrityError:
    return IntegrityError(
        "short_transfer",
        f"the source ended after {offset} of {source.size} bytes",
        remedy="The server cut the file short, or something truncates it. Nothing was published.",
        role="source",
        path=source.path,
    )


def _require_same(source: Source, found: Attributes) -> None:
    """FSTAT must agree with what LSTAT said when the file was chosen: nobody swapped it or writes to it."""
    if found.kind not in ("file", "unknown"):
        raise source_changed("it is not a regular file any more", source.path)
    if (found.size, found.mtime) != (source.size, source.mtime):
        raise source_changed(
            f"size and mtime were {source.size}, {source.mtime} and are {found.size}, {found.mtime}", source.path
        )
