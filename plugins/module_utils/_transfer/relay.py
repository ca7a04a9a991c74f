# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One source, one or many destinations: read once, carried out side by side, and none decides another's fate."""

from __future__ import annotations

import collections
import typing as t

from .._errors import BackhaulError
from .._filesystem import ConnectionPool
from .._model import Endpoint, Outcome, Progress, RelayOptions, Source, Step, Watch
from .._retry import RetryPolicy
from .checksum import SourceDigest, unwatched
from .destination import Destination, DestinationCopy, ProgressSink, RelayContext, Runtime, retry
from .known_facts import KnownFacts
from .namesakes import Namesakes
from .rate_limit import RateLimiter, unlimited
from .shared_read import PrivateRead, SharedRead
from .source import SourceFile
from .workers import run_parallel

# The bytes that are kept for destinations that are behind.
_BUFFER_BYTES = 16 * 1024 * 1024

Planned = t.Callable[[int, t.Union[Step, BackhaulError]], None]
Done = t.Callable[[int, t.Union["tuple[Step, Outcome]", BackhaulError]], None]


class Relay:
    """One file of one source, and its copies at any number of destinations.

    ``copy_to_all`` copies to several destinations at once and reads the source once. Lost links are retried as
    ``retries`` says; each end is connected anew on its own. ``rate_limiter`` limits the reading of the source, for all
    relays that share it together. ``namesakes`` are the paths of the task that a server may fold into one, shared by
    all its relays, as ``facts`` are. ``buffer_bytes`` are kept of the file for destinations that are behind.
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
        facts: KnownFacts | None = None,
    ) -> None:
        rate_limiter, always = rate_limiter or unlimited(), options.source_digest == "always"
        facts = facts or KnownFacts()
        self._source_file = SourceFile(
            pool,
            endpoint,
            path,
            watch=watch,
            rate_limiter=rate_limiter,
            facts=facts,
            always_proven=always,
            clock=runtime.clock,
        )
        self._context = RelayContext(
            pool, self._source_file, options, retries, runtime, watch, namesakes or Namesakes(), facts
        )
        self._buffer_bytes = buffer_bytes

    @property
    def source(self) -> Source:
        """The source as it was first inspected, which happens now if it was not before."""
        return self._inspect_source()

    @property
    def digest(self) -> SourceDigest:
        """The source's digest, as far as it was needed."""
        return self._source_file.digest

    @property
    def bytes_read(self) -> int:
        """The bytes of the source that were read to be sent."""
        return self._source_file.bytes_read

    def plan(self, destination: Destination) -> Step:
        """Return the step that a destination needs; nothing is changed."""
        self._inspect_source()
        return self._alone(destination).plan()

    def plan_all(self, destinations: t.Sequence[Destination], planned: Planned) -> None:
        """Plan every destination; ``planned`` gets the step or the error of each, by its number."""
        self._inspect_source()
        for number, destination in enumerate(destinations):
            try:
                step = self._alone(destination).plan()
            except BackhaulError as exc:
                planned(number, exc)
            else:
                planned(number, step)

    def copy_to(
        self, destination: Destination, *, progress: Progress, resumed: Progress = lambda _byte_count: None
    ) -> tuple[Step, Outcome]:
        """Copy to one destination in this thread; see :meth:`DestinationCopy.copy_to`."""
        self._inspect_source()
        return self._alone(destination).copy_to(ProgressSink(progress, resumed))

    def copy_to_all(self, destinations: t.Sequence[Destination], sinks: t.Sequence[ProgressSink], done: Done) -> None:
        """Copy to every destination at once, each in a thread of its own; a single one in this thread.

        ``sinks`` has one for each destination. ``done`` gets the outcome or the error of each as soon as it is known,
        by its number in ``destinations``, and from different threads.
        """
        self._inspect_source()
        if len(destinations) == 1:
            alone = PrivateRead(self._source_file)
            _job(0, DestinationCopy(self._context, destinations[0], alone), sinks[0], done)()
            return
        common = SharedRead(self._source_file, buffer_bytes=self._buffer_bytes)
        sessions: collections.Counter[Endpoint] = collections.Counter()
        jobs = []
        for number, destination in enumerate(destinations):
            block_source = common.member(PrivateRead(self._source_file, session_number=number + 1))
            destination_copy = DestinationCopy(
                self._context, destination, block_source, session_number=sessions[destination.endpoint]
            )
            sessions[destination.endpoint] += 1
            job = _job(number, destination_copy, sinks[number], done, leave=block_source.leave)
            jobs.append(job)
        run_parallel(jobs, meanwhile=common.serve)

    def _inspect_source(self) -> Source:
        source, _retried = retry(self._context, lambda: self._source_file.source, failed=self._reconnect_broken)
        return source

    def _alone(self, destination: Destination) -> DestinationCopy:
        return DestinationCopy(self._context, destination, PrivateRead(self._source_file))

    def _reconnect_broken(self, error: BackhaulError) -> None:
        if error.breaks_link:
            self._source_file.forget(0)


def _job(
    number: int,
    destination_copy: DestinationCopy,
    sink: ProgressSink,
    done: Done,
    *,
    leave: t.Callable[[], None] = lambda: None,
) -> t.Callable[[], None]:
    def copy() -> None:
        try:
            done(number, destination_copy.copy_to(sink))
        except BackhaulError as exc:
            done(number, exc)
        finally:
            leave()

    return copy
