# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One source, one or many destinations: plan each, carry each out, and let none decide another's fate."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from .._errors import BackhaulError, LinkError
from .._filesystem import FileSystem
from .._model import Endpoint, Outcome, Progress, RelayOptions, Source, Step
from .._rules.retry import RetryPolicy, may_retry
from .digest import SourceDigest
from .examine import at, examine_destination, examine_source
from .transfer import Delivery, Transfer, apply_attributes

STATES = {"create": "created", "replace": "replaced", "adjust": "unchanged", "keep": "unchanged", "skip": "skipped"}


_ResultT = t.TypeVar("_ResultT")


class Ends(t.Protocol):
    """Whoever opens endpoints and keeps them open."""

    def file_system(self, endpoint: Endpoint) -> FileSystem:
        """Return the file system of an endpoint, connecting first where that is needed."""
        ...

    def forget(self, endpoint: Endpoint) -> None:
        """Close it, so that the next use connects anew; never raises."""
        ...


@dataclass(frozen=True)
class Chance:
    """What the engine takes from the world: a source of names and of jitter, and a way to wait."""

    token: t.Callable[[], str]
    random: t.Callable[[], float]
    sleep: t.Callable[[float], None]


@dataclass(frozen=True)
class Destination:
    """One place for the copy: an endpoint, and a path there that may end in a slash."""

    endpoint: Endpoint
    path: bytes


@dataclass
class _Work:
    """What all attempts at one destination add up to."""

    bytes_sent: int = 0
    published: Step | None = None

    def credited(self, step: Step, outcome: Outcome) -> tuple[Step, Outcome]:
        """Count what an earlier attempt achieved: its rename was done, and only the answer to it was lost."""
        if outcome.state != "unchanged" or self.published is None:
            return step, outcome
        earlier = self.published
        return earlier, replace(outcome, state=STATES[earlier.action], changed=True, before=earlier.before)


class Relay:
    """One file, from one source; ``plan`` and ``carry_out`` may be called for any number of destinations.

    Lost links are retried as ``retries`` says, each end connected anew on its own.
    """

    def __init__(
        self,
        ends: Ends,
        endpoint: Endpoint,
        path: bytes,
        *,
        options: RelayOptions,
        retries: RetryPolicy,
        chance: Chance,
    ) -> None:
        self._ends = ends
        self._endpoint = endpoint
        self._path = path
        self._options = options
        self._retries = retries
        self._chance = chance
        self._digest = SourceDigest(self._source_files, path)
        self._source: Source | None = None
        self.bytes_read = 0

    @property
    def source(self) -> Source:
        """The source as it was on the first look, which is taken now if it was not before."""
        if self._source is None:
            source, _attempts = self._insist(None, self._examine_source)
            self._source = source
            return source
        return self._source

    @property
    def digest(self) -> SourceDigest:
        """The source's digest, as far as anything had to know it."""
        return self._digest

    def _source_files(self) -> FileSystem:
        with at(self._endpoint):
            return self._ends.file_system(self._endpoint)

    def _examine_source(self) -> Source:
        with at(self._endpoint):
            return examine_source(self._ends.file_system(self._endpoint), self._path)

    def plan(self, destination: Destination) -> Step:
        """Return what a destination needs; changes nothing anywhere."""
        step, _attempts = self._insist(destination, lambda: self._plan_once(destination))
        return step

    def _plan_once(self, destination: Destination) -> Step:
        source = self.source
        with at(destination.endpoint):
            files = self._ends.file_system(destination.endpoint)
            return examine_destination(
                files, destination.path, source=source, digest=self._digest, options=self._options
            )

    def carry_out(self, destination: Destination, *, progress: Progress) -> tuple[Step, Outcome]:
        """Bring one destination to where it should be; return the step and what was done.

        Raises what could not be mended, after the retries; ``details`` of the error counts the attempts.
        """
        started = time.monotonic()
        work = _Work()
        try:
            (step, outcome), attempts = self._insist(destination, lambda: self._attempt(destination, work, progress))
        finally:
            self.bytes_read += work.bytes_sent
        seconds = round(time.monotonic() - started, 3)
        return step, replace(outcome, attempts=attempts, bytes_sent=work.bytes_sent, seconds=seconds)

    def _attempt(self, destination: Destination, work: _Work, progress: Progress) -> tuple[Step, Outcome]:
        step = self._plan_once(destination)
        delivery = Delivery()
        try:
            outcome = self._carry_out_once(destination, step, delivery, progress)
        finally:
            work.bytes_sent += delivery.bytes_sent
            work.published = step if delivery.publishing else work.published
        return work.credited(step, outcome)

    def _carry_out_once(self, destination: Destination, step: Step, delivery: Delivery, progress: Progress) -> Outcome:
        source_files = self._source_files() if step.transfers else None
        with at(destination.endpoint):
            files = self._ends.file_system(destination.endpoint)
            if source_files is not None:
                transfer = Transfer(
                    source_endpoint=self._endpoint,
                    source_files=source_files,
                    files=files,
                    source=self.source,
                    digest=self._digest,
                    options=self._options,
                    token=self._chance.token,
                    progress=progress,
                )
                transfer.run(step, delivery)
            elif step.action == "adjust":
                apply_attributes(lambda wanted: files.set_attributes(step.path, wanted), step.adjust, delivery)
        return _outcome(step, delivery)

    def _insist(self, destination: Destination | None, work: t.Callable[[], _ResultT]) -> tuple[_ResultT, int]:
        """Do the work, again after a lost link, and return its result with the number of attempts."""
        pauses = self._retries.delays(self._chance.random)
        earlier: list[BackhaulError] = []
        while True:
            try:
                return work(), len(earlier) + 1
            except BackhaulError as exc:
                if not may_retry(exc, attempt=len(earlier) + 1, policy=self._retries, earlier=earlier):
                    exc.details.setdefault("attempts", len(earlier) + 1)
                    raise
                earlier.append(exc)
                self._reconnect_after(exc, destination)
            self._chance.sleep(next(pauses))

    def _reconnect_after(self, error: BackhaulError, destination: Destination | None) -> None:
        if isinstance(error, LinkError):
            at_source = destination is None or error.role == self._endpoint.role
            self._ends.forget(self._endpoint if at_source or destination is None else destination.endpoint)


def _outcome(step: Step, delivery: Delivery) -> Outcome:
    digest = step.comparison.digest
    adjusted = tuple(delivery.attributes_changed) if step.action == "adjust" else ()
    return Outcome(
        state=STATES[step.action],
        path=step.path,
        changed=step.transfers or bool(adjusted),
        compared_by=step.comparison.compared_by,
        verified_by=delivery.verified_by,
        sha256=delivery.sha256 or (digest.hexdigest if digest else ""),
        attributes_changed=adjusted,
        not_applied=tuple(delivery.not_applied),
        before=step.before,
    )
