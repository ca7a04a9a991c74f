# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Copying files to one or many destinations: one file, a list and a directory of each module come through here."""

from __future__ import annotations

import contextlib
import functools
import threading
import typing as t
from dataclasses import dataclass, field

from .._cancellation import checkpoint
from .._errors import BackhaulError, InputError, LinkError, TrustError
from .._filesystem import ConnectionPool
from .._model import Endpoint, Outcome, Step
from .._options.transfer import read_rate_limit, read_resources, read_retries
from .._paths import destination_path, split
from .._transfer.destination import Destination, ProgressSink
from .._transfer.known_facts import KnownFacts
from .._transfer.namesakes import Namesakes
from .._transfer.rate_limit import RateLimiter
from .._transfer.relay import Relay
from .._transfer.workers import run_parallel
from . import results
from .directories import make_directories, present_directories
from .file_reports import RUNTIME, Report, done, failed, planned
from .file_set import FileJob, FileSet
from .pool_views import SessionPoolView
from .request import Request, TaskTimeout, timeout_error

# Small files wait for replies most of the time: several sessions on the same connections wait side by side.
MAX_SESSIONS = 4
FILES_PER_SESSION = 8
_LONGEST_WAIT_SECONDS = 0.25


@dataclass
class FileRun:
    """One file: its job and its report for each destination, by the destination's number in the task."""

    jobs: tuple[FileJob, ...]
    source: results.Json
    source_error: BackhaulError | None = None
    bytes_read: int = 0
    reports: dict[int, Report] = field(default_factory=dict)


class BytesInFlight:
    """Limits the bytes in flight over all workers, so that large files do not overlap."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = self._left_bytes = limit_bytes
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserved(self, size_bytes: int) -> t.Iterator[None]:
        """Wait for ``size_bytes``, at most the whole limit, and hold them for the block."""
        part = min(size_bytes, self._limit_bytes)
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
    """Copies every file of ``file_sets``, one set for each destination, or plans to in check mode.

    All sets have the same files in the same order. Each file is read once. No file and no destination harms another.
    Each worker thread has sessions of its own, as many as one relay needs.

    After :meth:`run`, ``runs`` has a report for each file and destination, and ``directories`` the reports of the
    directories that were made, by the destination's number.
    """

    def __init__(
        self,
        request: Request,
        pool: ConnectionPool,
        source: Endpoint,
        file_sets: t.Sequence[FileSet],
        *,
        namesakes: Namesakes | None = None,
    ) -> None:
        params = request.params
        resources = read_resources(params, destinations=len(file_sets))
        self._request = request
        self._pool = pool
        self._source = source
        self._file_sets = file_sets
        self._namesakes = namesakes or Namesakes()
        self._retries = read_retries(params)
        self._rate_limiter = RateLimiter(read_rate_limit(params))
        self._buffer_bytes = resources.memory_bytes * len(file_sets) // 4
        self._in_flight = BytesInFlight(resources.read_ahead_bytes)
        self._max_sessions = min(resources.streams or MAX_SESSIONS, MAX_SESSIONS)
        verify = next((job.options.verify for file_set in file_sets for job in file_set.jobs), "auto")
        self._facts = KnownFacts(many_files=len(file_sets[0].jobs) > 1, verify=verify)
        self._lock = threading.Lock()
        self._latest: dict[int, list[Report]] = {}
        self._lost: dict[int, BackhaulError] = {}
        self.unprepared: BackhaulError | None = None
        self.directories: dict[int, list[Report]] = {}
        self.runs = [
            FileRun(jobs, {"host": source.label, **results.source_fields(jobs[0].source)})
            for jobs in zip(*(file_set.jobs for file_set in file_sets))
        ]

    def run(self) -> None:
        """Make the directories, then copy the files; when the time is up, what was done before still counts.

        A destination is given up once no other file can succeed there: a login that was refused is not repeated.
        """
        sessions = min(self._max_sessions, 1 + len(self.runs) // FILES_PER_SESSION)
        try:
            _run_all([functools.partial(self._make_directories, number) for number in range(len(self._file_sets))])
            waiting, sinks = iter(self.runs), [self._shared_sink(file_set) for file_set in self._file_sets]
            _run_all([functools.partial(self._work, session, waiting, sinks) for session in range(sessions)])
        except TaskTimeout:
            pass
        for run in self.runs:
            for number, job in enumerate(run.jobs):
                if number not in run.reports:
                    run.reports[number] = failed(job.destination, self._untried(number))

    def lost(self, number: int) -> BackhaulError | None:
        """Return why a destination was given up as a whole, if it was."""
        return self._lost.get(number)

    def _untried(self, number: int) -> BackhaulError:
        lost = self._lost.get(number)
        return timeout_error() if lost is None else skipped_error(lost).with_location(path=lost.path)

    def _make_directories(self, number: int) -> None:
        file_set = self._file_sets[number]
        if not file_set.directories:
            return
        # Destinations at one endpoint have a session each.
        session = sum(other.endpoint == file_set.endpoint for other in self._file_sets[:number])
        pool = SessionPoolView(self._pool, session)
        try:
            made = make_directories(pool, file_set, retries=self._retries, check_mode=self._request.check_mode)
        except BackhaulError as exc:
            self.unprepared = self._lost[number] = exc
            return
        self.directories[number] = made
        if not self._request.check_mode:
            self._facts.add_directories(file_set.endpoint, present_directories(file_set, made))

    def _shared_sink(self, file_set: FileSet) -> ProgressSink | None:
        """Return the sink of all files of a destination together; None for a single file, which has its own."""
        if len(file_set.jobs) < 2:
            return None
        total = sum(job.size_bytes for job in file_set.jobs)
        return ProgressSink(self._request.progress.of_all(file_set.endpoint.label, file_set.top, total_bytes=total))

    def _own_sink(self, destination: Destination, relay: Relay) -> ProgressSink:
        try:
            path = destination_path(destination.path, split(relay.source.path)[1])
        except InputError:
            return ProgressSink()  # the copy itself fails for this path
        followed = self._request.progress.follow(
            destination.endpoint.label, path, total_bytes=lambda: relay.source.size
        )
        return ProgressSink(sent=followed, resumed=followed.begin_at)

    def _work(self, session: int, waiting: t.Iterator[FileRun], sinks: t.Sequence[ProgressSink | None]) -> None:
        """Copy one file after the other until there are no more, or no destination is left."""
        pool: ConnectionPool = SessionPoolView(self._pool, session * (len(self._file_sets) + 1))
        while True:
            with self._lock:
                run = next(waiting, None)
                numbers = [number for number in range(len(self._file_sets)) if number not in self._lost]
            if run is None or not numbers:
                return
            self._copy(pool, run, numbers, sinks)

    def _copy(
        self, pool: ConnectionPool, run: FileRun, numbers: t.Sequence[int], sinks: t.Sequence[ProgressSink | None]
    ) -> None:
        """Copy one file to the destinations of these numbers, or plan to, and keep the reports."""
        first = run.jobs[0]
        relay = Relay(
            pool,
            self._source,
            first.source,
            options=first.options,
            retries=self._retries,
            runtime=RUNTIME,
            watch=self._request.progress.checked,
            rate_limiter=self._rate_limiter,
            buffer_bytes=self._buffer_bytes,
            namesakes=self._namesakes,
            facts=self._facts,
        )
        destinations = [run.jobs[number].destination for number in numbers]

        def note(place: int, result: _Result) -> None:
            self._note(run, numbers[place], _report(relay, destinations[place], result))

        source = None
        try:
            source = relay.source
            if self._request.check_mode:
                relay.plan_all(destinations, note)
            else:
                copy_sinks = [
                    sinks[number] or self._own_sink(destination, relay)
                    for number, destination in zip(numbers, destinations)
                ]
                with self._in_flight.reserved(source.size):
                    relay.copy_to_all(destinations, copy_sinks, note)
        except BackhaulError as exc:  # of the first look at the source
            run.source_error = exc
            for place in range(len(destinations)):
                note(place, exc)
        finally:
            run.bytes_read = relay.bytes_read
            if source is not None:
                fields = results.source_fields(first.source, source, relay.digest.known)
                run.source = {"host": self._source.label, **fields}

    def _note(self, run: FileRun, number: int, report: Report) -> None:
        with self._lock:
            run.reports[number] = report
            latest = self._latest[number] = [*self._latest.get(number, [])[-1:], report]
            reason = fatal_error(latest)
            if reason is not None:
                self._lost.setdefault(number, reason)


_Result = t.Union[Step, t.Tuple[Step, Outcome], BackhaulError]


def _report(relay: Relay, destination: Destination, result: _Result) -> Report:
    if isinstance(result, BackhaulError):
        return failed(destination, result)
    if isinstance(result, Step):
        return planned(destination, result, relay.source)
    return done(destination, *result, relay.source)


def fatal_error(reports: t.Sequence[Report]) -> BackhaulError | None:
    """Return the error that stops the rest: a TrustError, or two LinkErrors in a row."""
    errors = [report.error for report in reports[-2:]]
    if errors and isinstance(errors[-1], TrustError):
        return errors[-1]
    return errors[-1] if len(errors) == 2 and all(isinstance(error, LinkError) for error in errors) else None


def skipped_error(error: BackhaulError) -> BackhaulError:
    """Return the error of a file that was not tried, since the same error stopped the files before it."""
    skipped = error.copy()
    skipped.details.update(attempts=0, bytes_sent=0, seconds=0.0, not_tried=True)
    return skipped


def _run_all(work: t.Sequence[t.Callable[[], None]]) -> None:
    if len(work) == 1:
        work[0]()
    else:
        run_parallel(work)
