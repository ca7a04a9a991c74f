# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The source file of a relay: inspected once, hashed at most once, and read as often as it is needed."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from .._cancellation import acquire
from .._errors import IntegrityError
from .._filesystem import Buffer, ConnectionPool, FileSystem, Reader
from .._model import Attributes, Digest, Endpoint, Progress, Source, Watch
from .background_hasher import BackgroundHasher
from .checksum import SourceDigest
from .inspect import blame, inspect_source
from .known_facts import KnownFacts
from .racy import was_racy_when_read
from .rate_limit import RateLimiter
from .reading import hashed, opened, read_again, require_unwritten, server_digest, source_changed


class SourceFile:
    """The file to relay, at its endpoint.

    The first use of ``source`` inspects the file, and must come before several threads use this object. Session 0 of
    the endpoint is for the thread that holds ``reserved``; other sessions need no reservation. With ``always_proven``
    the source is hashed once more after every read; otherwise only where its modification time proves nothing.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        endpoint: Endpoint,
        path: bytes,
        *,
        watch: Watch,
        rate_limiter: RateLimiter,
        facts: KnownFacts | None = None,
        always_proven: bool = False,
        clock: t.Callable[[], float] = time.time,
    ) -> None:
        self.endpoint = endpoint
        self.path = path
        self.digest = SourceDigest(self._hash, path)
        self.bytes_read = 0
        self._pool = pool
        self._watch = watch
        self._rate_limiter = rate_limiter
        self._facts = facts or KnownFacts()
        self._always_proven = always_proven
        self._clock = clock
        self._source: Source | None = None
        self._first_session = threading.Lock()
        self._count_lock = threading.Lock()

    @property
    def source(self) -> Source:
        """The source as it was inspected, which happens on the first use."""
        if self._source is None:
            with blame(self.endpoint):
                files, now = self._pool.file_system(self.endpoint), self._clock()
                self._source = inspect_source(files, self.path, now=now)
        return self._source

    @contextlib.contextmanager
    def reserved(self) -> t.Iterator[FileSystem]:
        """Yield the file system of session 0, for this thread alone."""
        acquire(self._first_session)
        try:
            with blame(self.endpoint):
                files = self._pool.file_system(self.endpoint)
            yield files
        finally:
            self._first_session.release()

    def _hash(self) -> Digest:
        with self.reserved() as files, blame(self.endpoint):
            if self.digest.known is not None:  # the thread that held the session before has read all of it
                return self.digest.known
            return hashed(
                files, self.path, self.source.seen, progress=self._progress(), without_command=self._without_command()
            )

    def prefix_digest(self, length: int) -> Digest | None:
        """Return the digest of the first ``length`` bytes; None where the source's server cannot compute it."""
        whole = length == self.source.size
        if whole and self.digest.known is not None:
            return self.digest.known
        with self.reserved() as files, blame(self.endpoint):
            part, watch = None if whole else length, self._progress()
            found = server_digest(
                files,
                self.path,
                self.source.seen,
                length=part,
                progress=watch,
                without_command=self._without_command(),
            )
        if whole:
            self.digest.known = found
        return found

    def blocks(self, start: int, *, session_number: int) -> t.Generator[Buffer, None, None]:
        """Yield the content from ``start`` to the end, read on a session_number of this thread or on the reserved one.

        Before and after the read, the file must be as it was inspected. A file that ends before its size is
        ``short_transfer``, one that continues beyond it ``source_changed``. From ``start`` 0 the content is hashed
        meanwhile. Where size and time prove nothing, the file is hashed once more before the generator ends.
        """
        source, offset = self.source, start
        with BackgroundHasher() as hasher, blame(self.endpoint):
            files = self._pool.file_system(self.endpoint, session_number)
            with opened(files, self.path, source.seen) as reader:
                for block in reader.blocks(offset=start):
                    offset += len(block)
                    if offset > source.size:
                        raise source_changed(f"it is longer than the {source.size} bytes it had before", self.path)
                    if not start:
                        hasher.update(block)
                    with self._count_lock:
                        self.bytes_read += len(block)
                    self._rate_limiter.acquire(len(block))
                    yield block
                if offset != source.size:
                    raise _ended_early(offset, source)
                after = reader.attributes()
                require_unwritten(self.path, source.seen, after)
                if not start:
                    self.digest.record_streamed(hasher.hexdigest())
                if self._is_unproven(after):
                    self._verify(files, reader)

    def _is_unproven(self, after: Attributes) -> bool:
        source = self.source
        return self._always_proven or source.racy or was_racy_when_read(source.seen, after)

    def _verify(self, files: FileSystem, reader: Reader) -> None:
        """Have the server hash the source, or read it again; ``source_changed`` when it is not what was read."""
        found = server_digest(
            files, self.path, self.source.seen, progress=self._progress(), without_command=self._without_command()
        )
        if found is None:
            found = read_again(reader, self.path, self.source.seen, progress=self._rate_limited(self._progress()))
        self.digest.taken_again(found)

    def _without_command(self) -> bool:
        return self._facts.without_command(self.source.size)

    def _progress(self) -> Progress:
        return self._watch(self.endpoint, self.path)

    def _rate_limited(self, progress: Progress) -> Progress:
        def acquire_and_count(byte_count: int) -> None:
            self._rate_limiter.acquire(byte_count)
            progress(byte_count)

        return acquire_and_count

    def forget(self, session_number: int) -> None:
        """Close the connection behind a session_number."""
        self._pool.forget(self.endpoint, session_number)


def _ended_early(offset: int, source: Source) -> IntegrityError:
    return IntegrityError(
        "short_transfer",
        f"the source ended after {offset} of {source.size} bytes",
        remedy="The server cut the file short, or something truncates it. Nothing was published.",
        role="source",
        path=source.path,
    )
