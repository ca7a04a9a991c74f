# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One source, one or many destinations: plan each, carry each out, and let none decide another's fate."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field, replace

from .._errors import BackhaulError, LinkError, shown
from .._filesystem import FileSystem
from .._model import Digest, Endpoint, Outcome, Progress, RelayOptions, Source, Step, Watch
from .._rules.retry import RetryPolicy, may_retry
from .digest import SourceDigest, best_digest, unwatched
from .examine import at, examine_destination, examine_source
from .publish import Leftover, clear_away
from .transfer import Delivery, Transfer, apply_attributes

STATES = {"create": "created", "replace": "replaced", "adjust": "unchanged", "keep": "unchanged", "skip": "skipped"}


_ResultT = t.TypeVar("_ResultT")


class Ends(t.Protocol):
    """Whoever opens endpoints and keeps them open."""

    def file_system(self, endpoint: Endpoint) -> FileSystem:
        """Return the file system of an endpoint, connecting first where that is needed."""

    def forget(self, endpoint: Endpoint) -> None:
        """Close it, so that the next use connects anew; never raises."""


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
    published: tuple[Step, Delivery] | None = None
    left_behind: list[Leftover] = field(default_factory=list)

    def add(self, step: Step, delivery: Delivery) -> None:
        """Take over what an attempt did, however it ended."""
        self.bytes_sent += delivery.bytes_sent
        self.left_behind += delivery.left_behind
        if delivery.publishing:
            self.published = (step, delivery)

    def credited(self, step: Step, outcome: Outcome) -> tuple[Step, Outcome]:
        """Count what an earlier attempt achieved: its rename was done, and only the answer to it was lost."""
        if outcome.state != "unchanged" or self.published is None:
            return step, outcome
        earlier, delivery = self.published
        return earlier, _outcome(earlier, delivery)

    def admit(self, error: BackhaulError) -> None:
        """Say in the error what the lost link left uncertain."""
        if self.published is not None:
            error.details["may_be_published"] = True
        if self.left_behind:
            error.details["left_behind"] = [shown(left.path) for left in self.left_behind]
        aside = next((left for left in self.left_behind if left.belongs), None)
        if aside is not None:
            error.remedy = (
                f"What was there before may now be called {shown(aside.path)!r}: if nothing has its name, rename it"
                " back. This server cannot replace a file in one step."
            )


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
        watch: Watch = unwatched,
    ) -> None:
        self._ends = ends
        self._endpoint = endpoint
        self._path = path
        self._options = options
        self._retries = retries
        self._chance = chance
        self._watch = watch
        self._digest = SourceDigest(self._hash_source, path)
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

    def _hash_source(self) -> Digest:
        with at(self._endpoint):
            files = self._ends.file_system(self._endpoint)
            return best_digest(files, self._path, progress=self._watch(self._endpoint, self._path))

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
                files,
                destination.path,
                source=source,
                digest=self._digest,
                options=self._options,
                watched=lambda path: self._watch(destination.endpoint, path),
            )

    def carry_out(self, destination: Destination, *, progress: Progress) -> tuple[Step, Outcome]:
        """Bring one destination to where it should be; return the step and what was done.

        Raises what could not be mended, after the retries; ``details`` of the error counts the attempts.
        """
        started = time.monotonic()
        work = _Work()
        try:
            (step, outcome), attempts = self._insist(destination, lambda: self._attempt(destination, work, progress))
        except BackhaulError as exc:
            self._tidy(destination, work)
            work.admit(exc)
            exc.details.update(bytes_sent=work.bytes_sent, seconds=round(time.monotonic() - started, 3))
            raise
        finally:
            self.bytes_read += work.bytes_sent
        self._tidy(destination, work)
        not_applied = outcome.not_applied + (("cleanup",) if work.left_behind else ())
        seconds = round(time.monotonic() - started, 3)
        return step, replace(
            outcome, attempts=attempts, bytes_sent=work.bytes_sent, seconds=seconds, not_applied=not_applied
        )

    def _tidy(self, destination: Destination, work: _Work) -> None:
        """Try once more, over a new connection, to clear away what was left behind; what cannot be stays listed."""
        if work.left_behind:
            self._ends.forget(destination.endpoint)
        with contextlib.suppress(BackhaulError):
            self._clear_away(destination, work)

    def _clear_away(self, destination: Destination, work: _Work) -> None:
        while work.left_behind:
            with at(destination.endpoint):
                clear_away(self._ends.file_system(destination.endpoint), work.left_behind[0])
            del work.left_behind[0]

    def _attempt(self, destination: Destination, work: _Work, progress: Progress) -> tuple[Step, Outcome]:
        self._clear_away(destination, work)
        step = self._plan_once(destination)
        delivery = Delivery()
        try:
            outcome = self._carry_out_once(destination, step, delivery, progress)
        finally:
            work.add(step, delivery)
        return work.credited(step, outcome)

    def _carry_out_once(self, destination: Destination, step: Step, delivery: Delivery, progress: Progress) -> Outcome:
        source_files = self._source_files() if step.transfers else None
        with at(self._endpoint), at(destination.endpoint):
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
                    checked=self._watch(destination.endpoint, step.path),
                )
                transfer.run(step, delivery)
            elif step.action == "adjust":
                apply_attributes(
                    lambda wanted: files.set_attributes(step.path, wanted),
                    lambda: files.attributes(step.path, follow=False),
                    step.adjust,
                    delivery,
                )
        return _outcome(step, delivery)

    def _insist(self, destination: Destination | None, work: t.Callable[[], _ResultT]) -> tuple[_ResultT, int]:
        """Do the work, again after a lost link, and return its result with the number of attempts."""
        pauses = self._retries.delays(self._chance.random)
        earlier: list[BackhaulError] = []
        while True:
            try:
                return work(), len(earlier) + 1
            except BackhaulError as exc:
                self._drop_broken(exc, destination)
                if not may_retry(exc, attempt=len(earlier) + 1, policy=self._retries, earlier=earlier):
                    exc.details.setdefault("attempts", len(earlier) + 1)
                    raise
                earlier.append(exc)
            self._chance.sleep(next(pauses))

    def _drop_broken(self, error: BackhaulError, destination: Destination | None) -> None:
        """Close the one connection that failed, so that its next use, for whatever destination, connects anew."""
        if isinstance(error, LinkError) or error.code == "protocol_violation":
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
    )
