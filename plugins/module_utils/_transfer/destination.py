# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One destination, from the first look to the last: attempts, what they add up to, and what they leave behind."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import asdict, dataclass, field, replace

from .._errors import BackhaulError, InputError, printable
from .._filesystem import FileSystem
from .._model import Attributes, Endpoint, FailedAttempt, Outcome, Progress, RelayOptions, Step, Watch
from .._paths import destination_path, split
from .._retry import MOST_UNCOUNTED, RetryPolicy, may_retry
from .account import Account
from .attributes import adjust
from .backup_file import recover_backup
from .checksum import no_progress
from .copy import AttemptResult, Transfer
from .inspect import DestinationInspector, blame
from .known_facts import KnownFacts
from .namesakes import Group, Namesakes
from .partial_file import Orphan, PrefixMismatch, remove_orphan
from .resume import ResumePlan
from .shared_read import BlockSource
from .source import ConnectionPool, SourceFile
from .writer_watch import OtherRunFinished, WriterWatch

STATES = {"create": "created", "replace": "replaced", "adjust": "unchanged", "keep": "unchanged", "skip": "skipped"}

_ResultT = t.TypeVar("_ResultT")


@dataclass(frozen=True)
class Runtime:
    """What the engine takes from the world: a source of names and of jitter, a way to wait, and the time of day."""

    token: t.Callable[[], str]
    random: t.Callable[[], float]
    sleep: t.Callable[[float], None]
    clock: t.Callable[[], float] = time.time


@dataclass(frozen=True)
class Destination:
    """One place for the copy: an endpoint, and a path there that may end in a slash."""

    endpoint: Endpoint
    path: bytes


@dataclass(frozen=True)
class ProgressSink:
    """Who is told how far a transfer is: of bytes that were sent, and of how many are there when it begins."""

    sent: Progress = no_progress
    resumed: Progress = no_progress


@dataclass(frozen=True)
class RelayContext:
    """What all destinations of a relay have in common."""

    pool: ConnectionPool
    source_file: SourceFile
    options: RelayOptions
    retries: RetryPolicy
    runtime: Runtime
    watch: Watch
    namesakes: Namesakes = field(default_factory=Namesakes)
    facts: KnownFacts = field(default_factory=KnownFacts)


def retry(
    context: RelayContext, work: t.Callable[[], _ResultT], *, failed: t.Callable[[BackhaulError], None]
) -> tuple[_ResultT, tuple[FailedAttempt, ...]]:
    """Do the work, again after a lost link, and return its result with what came before.

    ``failed`` is told of every error before the pause that follows it. The last error has ``attempts`` and ``retried``
    in its ``details``.
    """
    pauses = context.retries.delays(context.runtime.random)
    earlier: list[BackhaulError] = []
    uncounted = 0
    while True:
        try:
            return work(), _failed_attempts(earlier)
        except BackhaulError as exc:
            failed(exc)
            if exc.is_uncounted and uncounted < MOST_UNCOUNTED:
                uncounted += 1
                continue
            may = may_retry(exc, attempt=len(earlier) + 1, policy=context.retries, earlier=earlier)
            pause = next(pauses, None) if may else None
            if pause is None:
                exc.details.setdefault("attempts", len(earlier) + 1)
                exc.details.setdefault("retried", [asdict(failed) for failed in _failed_attempts(earlier)])
                raise
            earlier.append(exc)
        context.runtime.sleep(pause)


def _failed_attempts(earlier: t.Iterable[BackhaulError]) -> tuple[FailedAttempt, ...]:
    return tuple(FailedAttempt(error.code, error.role, error.cause) for error in earlier)


@dataclass
class AttemptHistory:
    """What all attempts add up to."""

    bytes_sent: int = 0
    kept: bool = False
    kept_bytes: int | None = None
    differs_at: int = 0
    elsewhere: bool = False
    brought_back: bool = False
    published: tuple[Step, AttemptResult] | None = None
    left_behind: list[Orphan] = field(default_factory=list)

    def add(self, step: Step, result: AttemptResult) -> None:
        """Take over what an attempt did, however it ended."""
        self.bytes_sent += result.bytes_sent
        if result.bytes_sent and self.differs_at > 1:
            self.differs_at = 0  # what is there by now is another content than that which differed
        self.kept, self.kept_bytes = result.kept, result.kept_bytes
        self.left_behind += result.left_behind
        if result.publishing:
            self.published = (step, result)

    def credited(self, step: Step, outcome: Outcome) -> tuple[Step, Outcome]:
        """Count what an earlier attempt achieved: its rename was done, and only the answer to it was lost."""
        if outcome.state != "unchanged" or self.published is None:
            return step, outcome
        earlier, result = self.published
        return earlier, _outcome(earlier, result)

    def admit(self, error: BackhaulError) -> None:
        """Say in the error what the lost link left uncertain, and what the next run will find."""
        if self.kept:
            error.details["resumable"] = True
        if self.kept_bytes is not None:
            error.details["resumable_bytes"] = self.kept_bytes
        if self.published is not None:
            error.details["may_be_published"] = True
        if self.left_behind:
            error.details["left_behind"] = [printable(left.path) for left in self.left_behind]
        aside = next((left for left in self.left_behind if left.restore_to), None)
        if aside is not None:
            error.remedy = (
                f"What was there before may now be called {printable(aside.path)!r}: if nothing has its name, rename it"
                " back. This server cannot replace a file in one step."
            )


class DestinationCopy:
    """Brings one destination to where it should be, over one lane of its endpoint; used by one thread."""

    def __init__(
        self, context: RelayContext, destination: Destination, block_source: BlockSource, *, lane: int = 0
    ) -> None:
        self._context = context
        self._destination = destination
        self._block_source = block_source
        self._lane = lane
        self._work = AttemptHistory()
        self._account = Account(
            key=lambda: context.pool.job_key(destination.endpoint, context.source_file.endpoint),
            token=context.runtime.token,
        )
        self._writer_watch = WriterWatch(
            timeout_seconds=context.options.lock_timeout_seconds, sleep=context.runtime.sleep
        )
        self._group = _group_of(context, destination)

    def plan(self) -> Step:
        """Return what the destination needs; changes nothing anywhere."""
        step, _retried = retry(self._context, self._plan_once, failed=self._reconnect_broken)
        return step

    def copy_to(self, following: ProgressSink) -> tuple[Step, Outcome]:
        """Do what the destination needs; return the step and what was done.

        Raises what could not be mended, after the retries; ``details`` of the error counts the attempts. Copies whose
        names a server may fold into one are made one after the other.
        """
        if self._group is None:
            return self._carry_out(following)
        self._block_source.idle()
        with self._group.writer_watch():
            try:
                step, outcome = self._carry_out(following)
            except BackhaulError:
                if self._work.published is not None:
                    self._group.settled.add(self._work.published[0].path)
                raise
            if step.action != "skip":
                self._group.settled.add(step.path)
            return step, outcome

    def _carry_out(self, following: ProgressSink) -> tuple[Step, Outcome]:
        started = time.monotonic()
        try:
            (step, outcome), retried = retry(
                self._context, lambda: self._attempt(following), failed=self._reconnect_broken
            )
        except BackhaulError as exc:
            self._clean_up()
            self._work.admit(exc)
            if self._account.warnings:
                exc.details["warnings"] = list(self._account.warnings)
            exc.details.update(bytes_sent=self._work.bytes_sent, seconds=round(time.monotonic() - started, 3))
            raise
        self._clean_up()
        not_applied = outcome.not_applied + (("cleanup",) if self._work.left_behind else ())
        seconds = round(time.monotonic() - started, 3)
        sent = self._work.bytes_sent
        outcome = replace(outcome, changed=outcome.changed or self._work.brought_back)
        outcome = replace(outcome, retried=retried, bytes_sent=sent, seconds=seconds, not_applied=not_applied)
        return step, replace(outcome, warnings=tuple(self._account.warnings))

    def _files(self) -> FileSystem:
        return self._context.pool.file_system(self._destination.endpoint, self._lane)

    def _plan_once(self) -> Step:
        endpoint = self._destination.endpoint
        source = self._context.source_file.source
        with blame(endpoint):
            inspector = DestinationInspector(
                self._files(),
                endpoint,
                source,
                self._context.source_file.digest,
                self._context.options,
                self._context.facts,
                watched=lambda path: self._context.watch(endpoint, path),
            )
            return inspector.inspect(self._destination.path)

    def _attempt(self, following: ProgressSink) -> tuple[Step, Outcome]:
        self._block_source.preparing()
        try:
            self._clear_away()
            while True:
                step = self._backup_recovered(self._plan_once())
                if self._group is not None and step.before is not None:
                    with blame(self._destination.endpoint):
                        self._group.require_own(self._files(), step.path)
                with contextlib.suppress(OtherRunFinished):
                    return self._copied_or_finished(step, following)
        finally:
            self._block_source.idle()

    def _copied_or_finished(self, step: Step, following: ProgressSink) -> tuple[Step, Outcome]:
        """Carry out the step; OtherRunFinished when it is to be looked at anew, since another run has ended.

        A draft that is gone is taken for the other run's doing once: who removes them all is no run of ours.
        """
        try:
            while True:
                with contextlib.suppress(PrefixMismatch):  # once for each length that is tried, and never for 0
                    return self._copied(step, following)
        except OtherRunFinished as exc:
            if exc.error is not None:
                if self._work.elsewhere:
                    with blame(self._destination.endpoint):
                        raise exc.error.with_location(path=step.path) from exc
                self._work.elsewhere = True
            raise

    def _backup_recovered(self, step: Step) -> Step:
        with blame(self._destination.endpoint):
            brought_back = self._settle(self._files(), step)
        self._work.brought_back = self._work.brought_back or brought_back
        return self._plan_once() if brought_back else step

    def _settle(self, files: FileSystem, step: Step) -> bool:
        def is_ours(path: bytes, found: Attributes) -> bool:
            if self._account.owns(files, step.path, found, self._work.left_behind):
                return True
            self._account.leave_alone(path, found)
            return False

        return recover_backup(files, step, aside=self._account.backup_path, is_ours=is_ours)

    def _copied(self, step: Step, following: ProgressSink) -> tuple[Step, Outcome]:
        result = AttemptResult()
        try:
            outcome = self._copy_once(step, result, following)
        except PrefixMismatch as exc:
            self._work.differs_at = exc.length
            raise
        finally:
            step = replace(step, adjust=result.wanted or step.adjust)
            self._work.add(step, result)
        return self._work.credited(step, outcome)

    def _copy_once(self, step: Step, result: AttemptResult, following: ProgressSink) -> Outcome:
        with blame(self._destination.endpoint):
            files = self._files()
            if step.transfers:
                self._transfer(files, step, following).run(step, result)
            elif step.action == "adjust" and step.before is not None:
                adjust(files, step.path, step.before, step.adjust, result)
        return _outcome(step, result)

    def _transfer(self, files: FileSystem, step: Step, following: ProgressSink) -> Transfer:
        context, checked = self._context, self._context.watch(self._destination.endpoint, step.path)
        resume_plan = ResumePlan(
            files,
            context.source_file,
            account=self._account,
            writer_watch=self._writer_watch,
            left_behind=self._work.left_behind,
            ours=self._work.kept,
            below=self._work.differs_at,
            checked=checked,
        )
        return Transfer(
            source_file=context.source_file,
            block_source=self._block_source,
            files=files,
            options=context.options,
            facts=context.facts,
            token=context.runtime.token,
            progress=following.sent,
            resumed=following.resumed,
            checked=checked,
            resume_plan=resume_plan if context.options.resume else None,
            aside=self._account.backup_path,
        )

    def _clean_up(self) -> None:
        """Try once more, over a new connection, to clear away what was left behind; what cannot be stays listed."""
        if self._work.left_behind:
            self._forget()
        with contextlib.suppress(BackhaulError):
            self._clear_away()

    def _clear_away(self) -> None:
        while self._work.left_behind:
            with blame(self._destination.endpoint):
                remove_orphan(self._files(), self._work.left_behind[0])
            del self._work.left_behind[0]

    def _forget(self) -> None:
        self._context.pool.forget(self._destination.endpoint, self._lane)

    def _reconnect_broken(self, error: BackhaulError) -> None:
        """Close the one connection that failed, so that its next use connects anew."""
        at_source = error.role == self._context.source_file.endpoint.role
        if error.breaks_link and at_source:
            self._block_source.forget()
            self._block_source.preparing()  # the others lost it, too: after the pause it is read for all of them again
        elif error.breaks_link:
            self._forget()


def _group_of(context: RelayContext, destination: Destination) -> Group | None:
    try:
        path = destination_path(destination.path, split(context.source_file.path)[1])
    except InputError:
        return None  # the attempt will say so
    return context.namesakes.group(destination.endpoint, path)


def _outcome(step: Step, result: AttemptResult) -> Outcome:
    digest = step.comparison.digest
    adjusted = tuple(result.attributes_changed) if step.action == "adjust" else ()
    return Outcome(
        state=STATES[step.action],
        path=step.path,
        changed=step.transfers or bool(adjusted),
        compared_by=step.comparison.compared_by,
        verified_by=result.verified_by,
        sha256=result.sha256 or (digest.hexdigest if digest else ""),
        bytes_resumed=result.bytes_resumed,
        attributes_changed=adjusted,
        not_applied=tuple(result.not_applied),
    )
