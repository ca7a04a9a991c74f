# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The copy of one source file at one destination: its attempts, what they add up to, and what is cleaned up."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field, replace

from .. import _retry
from .._errors import BackhaulError, InputError, IntegrityError, printable
from .._filesystem import ConnectionPool, FileSystem
from .._model import Attributes, Endpoint, FailedAttempt, Outcome, Progress, RelayOptions, Step, Watch
from .._paths import destination_path, split
from .account import Account
from .attributes import adjust, set_ownership
from .backup_file import recover_backup
from .checksum import no_progress
from .copy import AttemptResult, Transfer, new_directories
from .inspect import DestinationInspector, blame
from .known_facts import KnownFacts
from .namesakes import Group, Namesakes
from .partial_file import Orphan, PartialFile, PrefixMismatch, remove_orphan
from .resume import ResumePlan
from .shared_read import BlockSource
from .source import SourceFile
from .writer_watch import OtherRunFinished, WriterWatch

STATES = {"create": "created", "replace": "replaced", "adjust": "unchanged", "keep": "unchanged", "skip": "skipped"}

_ResultT = t.TypeVar("_ResultT")


@dataclass(frozen=True)
class Runtime:
    """Injected side effects (random names, jitter, sleep, the time of day), so that tests are deterministic."""

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
    """Callbacks for the progress of a copy: the bytes that were sent, and those that an earlier attempt has sent."""

    sent: Progress = no_progress
    resumed: Progress = no_progress


@dataclass(frozen=True)
class RelayContext:
    """What all destinations of a relay have in common."""

    pool: ConnectionPool
    source_file: SourceFile
    options: RelayOptions
    retries: _retry.RetryPolicy
    runtime: Runtime
    watch: Watch
    namesakes: Namesakes = field(default_factory=Namesakes)
    facts: KnownFacts = field(default_factory=KnownFacts)


def retry(
    context: RelayContext, work: t.Callable[[], _ResultT], *, failed: t.Callable[[BackhaulError], None]
) -> tuple[_ResultT, tuple[FailedAttempt, ...]]:
    """Run ``work`` with the retries of the relay; see :func:`_retry.retry`."""
    runtime = context.runtime
    return _retry.retry(
        work, policy=context.retries, random=runtime.random, sleep=runtime.sleep, failed=failed, has_details=True
    )


@dataclass
class AttemptHistory:
    """What all attempts add up to.

    ``kept`` and ``kept_bytes`` describe the partial file that the last attempt kept. ``mismatch_at`` is the length of a
    prefix that turned out not to be the source's; 0 for none. ``has_vanished`` says that a partial file was gone once;
    once is taken to be another run's work. ``is_recovered`` says that a backup got its final name back. ``published``
    is the last attempt that asked for the final rename.
    """

    bytes_sent: int = 0
    kept: bool = False
    kept_bytes: int | None = None
    mismatch_at: int = 0
    has_vanished: bool = False
    is_recovered: bool = False
    published: tuple[Step, AttemptResult] | None = None
    left_behind: list[Orphan] = field(default_factory=list)

    def add(self, step: Step, result: AttemptResult) -> None:
        """Add what an attempt did, whether it succeeded or failed."""
        partial = result.partial
        self.bytes_sent += result.bytes_sent
        if result.bytes_sent and self.mismatch_at > 1:
            self.mismatch_at = 0  # the partial file has other content now
        self.kept, self.kept_bytes = (partial.kept, partial.kept_bytes) if partial is not None else (False, None)
        self.left_behind += result.left_behind
        if partial is not None and partial.publishing:
            self.published = (step, result)

    def conclude(self, step: Step, result: AttemptResult) -> tuple[Step, Outcome]:
        """Return the step and the outcome of a success.

        They are those of an earlier attempt if that one did the rename and only the reply to it was lost.
        """
        if STATES[step.action] == "unchanged" and self.published is not None:
            step, result = self.published
        return replace(step, adjust=result.wanted or step.adjust), _outcome(step, result)

    def describe(self, error: BackhaulError) -> None:
        """Add to the last error what a lost connection left uncertain, and what the next run will find."""
        if self.kept:
            error.details["resumable"] = True
        if self.kept_bytes is not None:
            error.details["resumable_bytes"] = self.kept_bytes
        if self.published is not None:
            error.details["may_be_published"] = True
        if self.left_behind:
            error.details["left_behind"] = [printable(orphan.path) for orphan in self.left_behind]
        backup = next((orphan for orphan in self.left_behind if orphan.restore_to), None)
        if backup is not None:
            error.remedy = (
                f"What was there before may now be called {printable(backup.path)!r}: if nothing has its name, rename"
                " it back. This server cannot replace a file in one step."
            )


class DestinationCopy:
    """Copies the source file to one destination, over one session of its endpoint and in one thread."""

    def __init__(
        self, context: RelayContext, destination: Destination, block_source: BlockSource, *, session_number: int = 0
    ) -> None:
        self._context = context
        self._destination = destination
        self._block_source = block_source
        self._session_number = session_number
        self._history = AttemptHistory()
        self._account = Account(
            key=lambda: context.pool.job_key(destination.endpoint, context.source_file.endpoint),
            token=context.runtime.token,
        )
        self._writer_watch = WriterWatch(
            timeout_seconds=context.options.lock_timeout_seconds, sleep=context.runtime.sleep
        )
        self._group = _group_of(context, destination)

    def plan(self) -> Step:
        """Return what the destination needs; changes nothing at either end."""

        def inspect_and_compare() -> Step:
            with blame(self._destination.endpoint):
                return self._inspect_and_compare()

        step, _retried = retry(self._context, inspect_and_compare, failed=self._reconnect_broken)
        return step

    def copy_to(self, progress: ProgressSink) -> tuple[Step, Outcome]:
        """Do what the destination needs, with retries; return the step and the outcome.

        Raises the error of the last attempt; its ``details`` count the attempts. Copies whose names a server may fold
        into one are made one after the other.
        """
        history, group = self._history, self._group
        with contextlib.ExitStack() as exclusively:
            if group is not None:
                self._block_source.idle()
                exclusively.enter_context(group.exclusive())
            started = time.monotonic()
            try:
                (step, outcome), retried = retry(
                    self._context, lambda: self._attempt_past_other_runs(progress), failed=self._reconnect_broken
                )
            except BackhaulError as exc:
                self._clean_up()
                history.describe(exc)
                if self._account.warnings:
                    exc.details["warnings"] = list(self._account.warnings)
                exc.details.update(bytes_sent=history.bytes_sent, seconds=round(time.monotonic() - started, 3))
                if group is not None and history.published is not None:
                    group.finished_paths.add(history.published[0].path)
                raise
            self._clean_up()
            if group is not None and step.action != "skip":
                group.finished_paths.add(step.path)
            outcome = replace(
                outcome,
                changed=outcome.changed or history.is_recovered,
                retried=retried,
                bytes_sent=history.bytes_sent,
                seconds=round(time.monotonic() - started, 3),
                not_applied=outcome.not_applied + (("cleanup",) if history.left_behind else ()),
                warnings=tuple(self._account.warnings),
            )
            return step, outcome

    def _attempt_past_other_runs(self, progress: ProgressSink) -> tuple[Step, Outcome]:
        """Make one attempt, and begin it again each time another run of the same job has finished meanwhile."""
        self._block_source.preparing()
        try:
            self._remove_orphans()
            while True:
                with contextlib.suppress(OtherRunFinished):
                    return self._attempt(progress)
        finally:
            self._block_source.idle()

    def _attempt(self, progress: ProgressSink) -> tuple[Step, Outcome]:
        """Inspect, compare, copy, verify and publish, as docs/guide.md numbers the steps; return the step and outcome.

        Raises OtherRunFinished when another run of the same job finished: the destination is to be inspected again.
        """
        with blame(self._destination.endpoint):
            # 1. Inspect and 2. compare.
            step = self._inspect_and_compare()
            if self._recover_backup(step):
                step = self._inspect_and_compare()
            if self._group is not None and step.before is not None:
                self._group.require_own(self._files(), step.path)
            while True:  # a PrefixMismatch repeats steps 3 to 5 with a shorter prefix, and at last with none
                with contextlib.suppress(PrefixMismatch), self._recorded(step) as result:
                    files = self._files()
                    if step.action == "adjust" and step.before is not None:
                        adjust(files, step.path, step.before, step.adjust, result)
                        set_ownership(files, step.path, step.before, step.ownership, result)
                    elif step.transfers:
                        partial = result.partial = self._partial_file(files, step, result)
                        transfer = self._transfer(files, step, partial, result, progress)
                        with new_directories(files, step.missing_directories), partial:
                            # 3. Copy.
                            transfer.copy()
                            # 4. Verify.
                            result.verified_by = transfer.verify()
                            transfer.restore_attributes()
                            # 5. Publish.
                            partial.publish(replacing=step.action == "replace", sha256=result.sha256)
                        set_ownership(files, step.path, partial.seen, step.ownership, result)
                    return self._history.conclude(step, result)

    def _inspect_and_compare(self) -> Step:
        context, endpoint = self._context, self._destination.endpoint
        inspector = DestinationInspector(
            self._files(),
            endpoint,
            context.source_file.source,
            context.source_file.digest,
            context.options,
            context.facts,
            watched=lambda path: context.watch(endpoint, path),
        )
        return inspector.inspect(self._destination.path)

    def _recover_backup(self, step: Step) -> bool:
        """Return whether the backup that a killed run left got its final name back: then the step is out of date."""
        files = self._files()

        def is_own(path: bytes, found: Attributes) -> bool:
            if self._account.owns(files, step.path, found, self._history.left_behind):
                return True
            self._account.leave_alone(path, found)
            return False

        is_recovered = recover_backup(files, step, backup_path=self._account.backup_path, is_own=is_own)
        self._history.is_recovered = self._history.is_recovered or is_recovered
        return is_recovered

    @contextlib.contextmanager
    def _recorded(self, step: Step) -> t.Iterator[AttemptResult]:
        """Yield the result for an attempt to fill in, and add it to the history however the attempt ends.

        A doubt about the copy (IntegrityError) gets the path that it is about: the source's, or the final name.
        A partial file that has vanished is another run's work the first time, and an error the second time.
        """
        result, source_file, history = AttemptResult(), self._context.source_file, self._history
        try:
            yield result
        except PrefixMismatch as exc:
            history.mismatch_at = exc.length
            raise
        except OtherRunFinished as exc:
            if exc.error is not None and history.has_vanished:
                raise exc.error.with_location(path=step.path) from exc
            history.has_vanished = history.has_vanished or exc.error is not None
            raise
        except IntegrityError as exc:
            exc.with_location(path=source_file.path if exc.role == source_file.endpoint.role else step.path)
            raise
        finally:
            history.add(step, result)

    def _partial_file(self, files: FileSystem, step: Step, result: AttemptResult) -> PartialFile:
        return PartialFile(
            files,
            step.path,
            token=self._context.runtime.token,
            left_behind=result.left_behind,
            backup_path=self._account.backup_path,
        )

    def _transfer(
        self, files: FileSystem, step: Step, partial: PartialFile, result: AttemptResult, progress: ProgressSink
    ) -> Transfer:
        context, history = self._context, self._history
        checked = context.watch(self._destination.endpoint, step.path)
        resume_plan = ResumePlan(
            files,
            context.source_file,
            account=self._account,
            writer_watch=self._writer_watch,
            left_behind=history.left_behind,
            is_own=history.kept,
            mismatch_at=history.mismatch_at,
            checked=checked,
        )
        return Transfer(
            files=files,
            step=step,
            partial=partial,
            result=result,
            source_file=context.source_file,
            block_source=self._block_source,
            options=context.options,
            facts=context.facts,
            progress=progress.sent,
            resumed=progress.resumed,
            checked=checked,
            resume_plan=resume_plan if context.options.resume else None,
        )

    def _files(self) -> FileSystem:
        return self._context.pool.file_system(self._destination.endpoint, self._session_number)

    def _clean_up(self) -> None:
        """Remove the orphans over a new connection; those that cannot be removed stay in ``left_behind``."""
        if self._history.left_behind:
            self._forget_connection()
        with contextlib.suppress(BackhaulError):
            self._remove_orphans()

    def _remove_orphans(self) -> None:
        left_behind = self._history.left_behind
        while left_behind:
            with blame(self._destination.endpoint):
                remove_orphan(self._files(), left_behind[0])
            del left_behind[0]

    def _forget_connection(self) -> None:
        self._context.pool.forget(self._destination.endpoint, self._session_number)

    def _reconnect_broken(self, error: BackhaulError) -> None:
        """Close the one connection that failed, so that its next use connects again."""
        at_source = error.role == self._context.source_file.endpoint.role
        if error.breaks_link and at_source:
            self._block_source.forget()
            self._block_source.preparing()  # the other writers lost it, too: the next read waits for this one as well
        elif error.breaks_link:
            self._forget_connection()


def _group_of(context: RelayContext, destination: Destination) -> Group | None:
    try:
        path = destination_path(destination.path, split(context.source_file.path)[1])
    except InputError:
        return None  # the attempt raises it
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
