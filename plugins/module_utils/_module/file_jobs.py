# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Many files in one task: independent jobs over the same connections, and one answer."""

from __future__ import annotations

import functools
import threading
import typing as t
from dataclasses import dataclass, field, replace

from .._errors import BackhaulError, LinkError, TrustError
from .._model import Endpoint, Progress, RelayOptions
from .._retry import RetryPolicy
from .._selection.model import Skipped
from .._transfer.destination import Destination
from .._transfer.namesakes import Namesakes
from .._transfer.rate_limit import RateLimiter, unlimited
from .._transfer.relay import Relay
from .._transfer.source import ConnectionPool
from .._transfer.workers import run_parallel
from . import results
from .file_reports import RUNTIME, Report, done, failed, planned
from .progress import ProgressLog
from .request import TaskTimeout, timeout_error
from .session_view import KnownFacts, KnownPool


@dataclass(frozen=True)
class FileJob:
    """One file to copy. ``name`` is what results call the source, None for content that has no file of its own.

    ``size_bytes`` is the size as far as it is known before the file is looked at.
    """

    source: bytes
    destination: Destination
    options: RelayOptions
    name: bytes | None
    size_bytes: int = 0


@dataclass(frozen=True)
class FileSet:
    """All that a task copies to an endpoint: directories, each before those in it, then the files in any order.

    ``top`` is the directory that everything goes into. With ``may_create`` it, and what leads to it, may be made.
    ``errors`` are why some of ``passed_over`` is not copied, and fail the task in the end.
    """

    endpoint: Endpoint
    top: bytes
    directories: tuple[bytes, ...] = ()
    may_create: bool = False
    jobs: tuple[FileJob, ...] = ()
    passed_over: tuple[Skipped, ...] = ()
    errors: tuple[BackhaulError, ...] = ()

    @functools.cached_property
    def namesakes(self) -> Namesakes:
        """The copies whose names the endpoint may fold into one."""
        return Namesakes((self.endpoint, job.destination.path) for job in self.jobs)


@dataclass(frozen=True)
class FileCopier:
    """Does one job after the other, or several at once where each has ends of its own; it keeps no state.

    ``progress`` follows the bytes of all jobs together; without it, each is followed on its own. With ``knowledge`` of
    the ends, a server is not asked for each small file what is known, nor to start a command that hashes it.
    """

    pool: ConnectionPool
    endpoint: Endpoint
    retries: RetryPolicy
    check_mode: bool
    log: ProgressLog
    progress: Progress | None = None
    rate_limiter: RateLimiter = field(default_factory=unlimited)
    facts: KnownFacts | None = None
    namesakes: Namesakes = field(default_factory=Namesakes)

    def __call__(self, job: FileJob) -> Report:
        """Plan or carry out one job; its failure harms no other."""
        try:
            return _named(job, self._report(job))
        except BackhaulError as exc:
            return failure(job, exc)

    def _report(self, job: FileJob) -> Report:
        pool: ConnectionPool = self.pool
        familiar = None
        if self.facts is not None:
            pool = familiar = KnownPool(pool, self.facts, may_read=job.options.verify != "server")
        relay = Relay(
            pool,
            self.endpoint,
            job.source,
            options=job.options,
            retries=self.retries,
            runtime=RUNTIME,
            watch=self.log.checked,
            rate_limiter=self.rate_limiter,
            namesakes=self.namesakes,
        )
        if familiar is not None:
            familiar.size_bytes = relay.source.size
        if self.check_mode:
            return planned(job.destination, relay.plan(job.destination), relay.source)
        label, path = job.destination.endpoint.label, job.destination.path
        alone = self.log.follow(label, path, total_bytes=lambda: relay.source.size)
        if self.progress is None:
            step, outcome = relay.copy_to(job.destination, progress=alone, resumed=alone.begin_at)
        else:
            step, outcome = relay.copy_to(job.destination, progress=self.progress)
        return done(job.destination, step, outcome, relay.source)


def failure(job: FileJob, error: BackhaulError) -> Report:
    """Return the report of a job that failed."""
    return _named(job, failed(job.destination, error))


def _named(job: FileJob, report: Report) -> Report:
    source = {"source": None} if job.name is None else results.path_fields(job.name, key="source")
    return replace(report, entry={**source, **report.entry})


def run_jobs(jobs: t.Sequence[FileJob], workers: t.Sequence[t.Callable[[FileJob], Report]]) -> list[Report]:
    """Return a report for each job, in their order; each of the ``workers`` takes one job after the other.

    When the time is up, what was done before still counts. Once it is certain that no other job can succeed, the rest
    are not tried: a refused login is never repeated.
    """
    queue = JobQueue(jobs)
    try:
        if len(workers) == 1:
            queue.serve(workers[0])
        else:
            run_parallel([functools.partial(queue.serve, worker) for worker in workers])
    except TaskTimeout:
        pass
    return [queue.reports.get(number) or failure(job, timeout_error()) for number, job in enumerate(jobs)]


class JobQueue:
    """Hands out jobs and takes reports, to and from any thread."""

    def __init__(self, jobs: t.Sequence[FileJob]) -> None:
        self._waiting = iter(enumerate(jobs))
        self._lock = threading.Lock()
        self._latest: list[Report] = []
        self.reports: dict[int, Report] = {}

    def serve(self, worker: t.Callable[[FileJob], Report]) -> None:
        """Let a worker do jobs until there are no more."""
        while True:
            with self._lock:
                number, job = next(self._waiting, (None, None))
                reason = fatal_error(self._latest)
            if number is None or job is None:
                return
            report = worker(job) if reason is None else failure(job, skipped_error(reason))
            with self._lock:
                self._latest = [*self._latest[-1:], report]
                self.reports[number] = report


def fatal_error(reports: t.Sequence[Report]) -> BackhaulError | None:
    """Return why nothing will succeed any more: no trust, or no connection for two files in turn, with all retries."""
    errors = [report.error for report in reports[-2:]]
    if errors and isinstance(errors[-1], TrustError):
        return errors[-1]
    return errors[-1] if len(errors) == 2 and all(isinstance(error, LinkError) for error in errors) else None


def skipped_error(error: BackhaulError) -> BackhaulError:
    """Return the error for what was given up because of another one."""
    again = error.copy()
    again.details.update(attempts=0, bytes_sent=0, seconds=0.0, not_tried=True)
    return again


def together(log: ProgressLog, label: str, path: bytes, jobs: t.Sequence[FileJob]) -> Progress | None:
    """Return what follows the bytes of all jobs as one transfer, from any thread; None for a single job."""
    return None if len(jobs) < 2 else of_all(log, label, path, jobs)


def of_all(log: ProgressLog, label: str, path: bytes, jobs: t.Sequence[FileJob]) -> Progress:
    """Return what follows the bytes of any number of jobs as one transfer, from any thread."""
    total = sum(job.size_bytes for job in jobs)
    follow = log.follow(label, path, total_bytes=lambda: total)
    lock = threading.Lock()

    def count(byte_count: int) -> None:
        with lock:
            follow(byte_count)

    return count
