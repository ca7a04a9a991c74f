# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Many files to several destinations: each is read once, and no file and no destination harms another."""

from __future__ import annotations

import collections
import contextlib
import functools
import threading
import typing as t
from dataclasses import dataclass, field

from .._cancellation import checkpoint
from .._errors import BackhaulError
from .._model import Endpoint, Outcome, Progress, Step
from .._retry import RetryPolicy
from .._transfer.destination import Destination, ProgressSink
from .._transfer.namesakes import Namesakes
from .._transfer.rate_limit import RateLimiter
from .._transfer.relay import Relay
from .._transfer.source import ConnectionPool
from .._transfer.workers import run_parallel
from . import results
from .directories import FILES_PER_SESSION, MAX_SESSIONS, DirectoryMaker, are_there
from .file_jobs import FileJob, FileSet, fatal_error, of_all, skipped_error
from .file_reports import RUNTIME, Report, done, failed, planned
from .pool_views import SessionPoolView
from .progress import ProgressLog
from .request import TaskTimeout, timeout_error
from .session_view import KnownFacts, KnownPool

_LONGEST_WAIT_SECONDS = 0.25


@dataclass
class FileRun:
    """One file, and what became of it at each destination, by the destination's number in the task."""

    jobs: tuple[FileJob, ...]
    source: results.Json
    bytes_read: int = 0
    reports: dict[int, Report] = field(default_factory=dict)


class BytesInFlight:
    """So many bytes for all threads: small files are carried side by side, and those that are large one by one."""

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = self._left_bytes = total_bytes
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, size_bytes: int) -> t.Iterator[None]:
        """Wait for a part of the ration, at most all of it, and keep it for as long as the block runs."""
        part = min(size_bytes, self._total_bytes)
        with self._changed:
            while self._left_bytes < part:
                self._changed.wait(_LONGEST_WAIT_SECONDS)
                checkpoint()
            self._left_bytes -= part
        try:
            yield
        finally:
            with self._changed:
                self._left_bytes += part
                self._changed.notify_all()


class FileRunner:
    """Brings every file of ``loads``, which has one load for each destination, to all of them.

    ``lag_bytes`` are kept of each file for destinations that are behind, and no more than ``ration_bytes`` of all files
    are under way at once, unless a single one is larger, nor more than ``most_lanes`` files. Sessions are shared by
    nobody: each of the threads has lanes of its own, as many as one relay may need.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        endpoint: Endpoint,
        file_sets: t.Sequence[FileSet],
        *,
        retries: RetryPolicy,
        check_mode: bool,
        log: ProgressLog,
        rate_limiter: RateLimiter,
        buffer_bytes: int,
        in_flight_bytes: int,
        max_sessions: int = MAX_SESSIONS,
        namesakes: Namesakes | None = None,
    ) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._loads = file_sets
        self._retries = retries
        self._check_mode = check_mode
        self._log = log
        self._rate_limiter = rate_limiter
        self._buffer_bytes = buffer_bytes
        self._in_flight = BytesInFlight(in_flight_bytes)
        self._max_sessions = max_sessions
        self._namesakes = namesakes
        self._facts = KnownFacts()
        self._may_read = all(job.options.verify != "server" for file_set in file_sets for job in file_set.jobs[:1])
        self._lock = threading.Lock()
        self._latest: dict[int, list[Report]] = collections.defaultdict(list)
        self._lost: dict[int, BackhaulError] = {}
        self.directories: dict[int, list[Report]] = {}
        self.runs = [
            FileRun(jobs, {"host": endpoint.label, **results.source_fields(jobs[0].source)})
            for jobs in zip(*(file_set.jobs for file_set in file_sets))
        ]

    def carry(self) -> None:
        """Make the directories, then bring the files; when the time is up, what was done before still counts."""
        lanes = min(self._max_sessions, 1 + len(self.runs) // FILES_PER_SESSION)
        try:
            _side_by_side([functools.partial(self._prepare, *lane) for lane in enumerate(self._first_lanes())])
            waiting, progress = iter(self.runs), [_followed(self._log, file_set) for file_set in self._loads]
            _side_by_side([functools.partial(self._serve, lane, waiting, progress) for lane in range(lanes)])
        except TaskTimeout:
            pass
        for run in self.runs:
            for number, job in enumerate(run.jobs):
                if number not in run.reports:
                    run.reports[number] = failed(job.destination, self._not_tried(number))

    def _not_tried(self, number: int) -> BackhaulError:
        lost = self._lost.get(number)
        return timeout_error() if lost is None else skipped_error(lost).with_location(path=lost.path)

    def lost(self, number: int) -> BackhaulError | None:
        """Return why a destination was given up as a whole, if it was."""
        return self._lost.get(number)

    def _first_lanes(self) -> list[int]:
        """Return the lane for each destination's directories: those of one endpoint are told apart."""
        seen: collections.Counter[Endpoint] = collections.Counter()
        lanes = []
        for file_set in self._loads:
            lanes.append(seen[file_set.endpoint])
            seen[file_set.endpoint] += 1
        return lanes

    def _prepare(self, number: int, lane: int) -> None:
        maker = DirectoryMaker(SessionPoolView(self._pool, lane), self._retries, self._check_mode)
        file_set = self._loads[number]
        try:
            made = self.directories[number] = maker.prepare(file_set)
            if not self._check_mode:
                self._facts.directories.update((file_set.endpoint, path) for path in are_there(file_set, made))
        except BackhaulError as exc:
            self._lost[number] = exc

    def _serve(self, lane: int, waiting: t.Iterator[FileRun], progress: t.Sequence[Progress]) -> None:
        """Take one file after the other until there are no more, or nowhere to bring them."""
        on_lane = SessionPoolView(self._pool, lane * (len(self._loads) + 1))
        pool = KnownPool(on_lane, self._facts, may_read=self._may_read)
        while True:
            with self._lock:
                run = next(waiting, None)
                open_numbers = [number for number in range(len(self._loads)) if number not in self._lost]
            if run is None or not open_numbers:
                return
            self._relay(pool, run, open_numbers, progress)

    def _relay(self, pool: KnownPool, run: FileRun, numbers: t.Sequence[int], progress: t.Sequence[Progress]) -> None:
        pool.size_bytes = None
        relay = Relay(
            pool,
            self._endpoint,
            run.jobs[0].source,
            options=run.jobs[0].options,
            retries=self._retries,
            runtime=RUNTIME,
            watch=self._log.checked,
            rate_limiter=self._rate_limiter,
            buffer_bytes=self._buffer_bytes,
            namesakes=self._namesakes,
        )
        try:
            pool.size_bytes = relay.source.size
            run.source = results.source_fields(run.jobs[0].source, relay.source)
        except BackhaulError as exc:
            for number in numbers:
                self._note(run, number, failed(run.jobs[number].destination, exc))
            return
        if self._check_mode:
            for number in numbers:
                self._note(run, number, _planned(relay, run.jobs[number].destination))
        else:
            with self._in_flight.taken(relay.source.size):
                self._carry_out(relay, run, numbers, progress)
        run.bytes_read = relay.bytes_read
        run.source = results.source_fields(run.jobs[0].source, relay.source, relay.digest.known)

    def _carry_out(self, relay: Relay, run: FileRun, numbers: t.Sequence[int], progress: t.Sequence[Progress]) -> None:
        destinations = [run.jobs[number].destination for number in numbers]

        def finished(place: int, result: tuple[Step, Outcome] | BackhaulError) -> None:
            destination = destinations[place]
            if isinstance(result, BackhaulError):
                report = failed(destination, result)
            else:
                report = done(destination, *result, relay.source)
            self._note(run, numbers[place], report)

        if len(destinations) > 1:
            following = {id(end): ProgressSink(progress[number]) for end, number in zip(destinations, numbers)}
            relay.copy_to_all(destinations, lambda destination: following[id(destination)], finished)
            return
        try:
            finished(0, relay.copy_to(destinations[0], progress=progress[numbers[0]]))
        except BackhaulError as exc:
            finished(0, exc)

    def _note(self, run: FileRun, number: int, report: Report) -> None:
        """Take a report; once it is certain that nothing more can succeed at a destination, it is given up."""
        with self._lock:
            run.reports[number] = report
            latest = self._latest[number] = [*self._latest[number][-1:], report]
            reason = fatal_error(latest)
            if reason is not None:
                self._lost.setdefault(number, reason)


def _planned(relay: Relay, destination: Destination) -> Report:
    try:
        return planned(destination, relay.plan(destination), relay.source)
    except BackhaulError as exc:
        return failed(destination, exc)


def _followed(log: ProgressLog, file_set: FileSet) -> Progress:
    return of_all(log, file_set.endpoint.label, file_set.top, file_set.jobs)


def _side_by_side(work: t.Sequence[t.Callable[[], None]]) -> None:
    if len(work) == 1:
        work[0]()
    else:
        run_parallel(work)
