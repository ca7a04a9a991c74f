# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One source, one or many destinations: read once, carried out side by side, and none decides another's fate."""

from __future__ import annotations

import collections
import typing as t

from .._errors import BackhaulError
from .._model import Endpoint, Outcome, Progress, RelayOptions, Source, Step, Watch
from .._retry import RetryPolicy
from .checksum import SourceDigest, unwatched
from .destination import Destination, DestinationCopy, ProgressSink, RelayContext, Runtime, retry
from .namesakes import Namesakes
from .rate_limit import RateLimiter, unlimited
from .shared_read import PrivateRead, SharedBlocks, SharedRead
from .source import ConnectionPool, SourceFile
from .workers import run_parallel

# What is kept for destinations that are behind.
_BUFFER_BYTES = 16 * 1024 * 1024

Done = t.Callable[[int, t.Union["tuple[Step, Outcome]", BackhaulError]], None]


class Relay:
    """One file, from one source.

    ``plan`` and ``carry_out`` may be called for any number of destinations, one after the other; ``carry_out_all``
    serves them side by side and reads the source once for all. Lost links are retried as ``retries`` says, each end
    connected anew on its own. ``pace`` bounds the reading of the source, that of all relays which share it together.
    ``namesakes`` are the names of the task that a server may fold into one, shared by its relays as well.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        endpoint: Endpoint,
        path: bytes,
        *,
        options: RelayOptions,
        retries: RetryPolicy,
        runtime: Runtime,
        watch: Watch = unwatched,
        rate_limiter: RateLimiter | None = None,
        buffer_bytes: int = _BUFFER_BYTES,
        namesakes: Namesakes | None = None,
    ) -> None:
        rate_limiter, always = rate_limiter or unlimited(), options.source_digest == "always"
        self._source_file = SourceFile(
            pool, endpoint, path, watch=watch, rate_limiter=rate_limiter, always_proven=always, clock=runtime.clock
        )
        self._context = RelayContext(
            pool, self._source_file, options, retries, runtime, watch, namesakes or Namesakes()
        )
        self._buffer_bytes = buffer_bytes

    @property
    def source(self) -> Source:
        """The source as it was on the first look, which is taken now if it was not before."""
        return self._look()

    @property
    def digest(self) -> SourceDigest:
        """The source's digest, as far as anything had to know it."""
        return self._source_file.digest

    @property
    def bytes_read(self) -> int:
        """How many bytes of the source were read to be sent."""
        return self._source_file.bytes_read

    def plan(self, destination: Destination) -> Step:
        """Return what a destination needs; changes nothing anywhere."""
        self._look()
        return self._alone(destination).plan()

    def copy_to(
        self, destination: Destination, *, progress: Progress, resumed: Progress = lambda _byte_count: None
    ) -> tuple[Step, Outcome]:
        """Bring one destination to where it should be; see :meth:`DestinationCopy.carry_out`."""
        self._look()
        return self._alone(destination).copy_to(ProgressSink(progress, resumed))

    def copy_to_all(
        self, destinations: t.Sequence[Destination], following: t.Callable[[Destination], ProgressSink], done: Done
    ) -> None:
        """Bring every destination to where it should be, side by side.

        ``done`` is told what became of each as soon as it is known, by its number in ``destinations``, and from
        different threads.
        """
        self._look()
        common = SharedRead(self._source_file, buffer_bytes=self._buffer_bytes)
        lanes: collections.Counter[Endpoint] = collections.Counter()
        jobs = []
        for number, destination in enumerate(destinations):
            block_source = common.member(PrivateRead(self._source_file, lane=number + 1))
            destination_copy = DestinationCopy(
                self._context, destination, block_source, lane=lanes[destination.endpoint]
            )
            lanes[destination.endpoint] += 1
            jobs.append(_job(number, destination_copy, block_source, following(destination), done))
        run_parallel(jobs, meanwhile=common.serve)

    def _look(self) -> Source:
        source, _retried = retry(self._context, lambda: self._source_file.source, failed=self._reconnect_broken)
        return source

    def _alone(self, destination: Destination) -> DestinationCopy:
        return DestinationCopy(self._context, destination, PrivateRead(self._source_file))

    def _reconnect_broken(self, error: BackhaulError) -> None:
        if error.breaks_link:
            self._source_file.forget(0)


def _job(
    number: int, destination_copy: DestinationCopy, block_source: SharedBlocks, following: ProgressSink, done: Done
) -> t.Callable[[], None]:
    def copy_to() -> None:
        try:
            done(number, destination_copy.copy_to(following))
        except BackhaulError as exc:
            done(number, exc)
        finally:
            block_source.leave()

    return copy_to
