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

from .._errors import BackhaulError, InputError, shown
from .._filesystem import FileSystem
from .._model import Attributes, Endpoint, Outcome, Progress, RelayOptions, Setback, Step, Watch
from .._rules.paths import destination_path, split
from .._rules.retry import MOST_UNCOUNTED, RetryPolicy, may_retry
from .account import Account
from .aside import settle
from .attributes import adjust
from .digest import no_progress
from .examine import at, examine_destination
from .namesakes import Group, Namesakes
from .publish import Leftover, PrefixDiffersError, clear_away
from .resume import Resumption
from .source import Ends, Origin
from .supply import Supply
from .transfer import Delivery, Transfer
from .turn import ElsewhereError, Turn

STATES = {"create": "created", "replace": "replaced", "adjust": "unchanged", "keep": "unchanged", "skip": "skipped"}

_ResultT = t.TypeVar("_ResultT")


@dataclass(frozen=True)
class Chance:
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
class Following:
    """Who is told how far a transfer is: of bytes that were sent, and of how many are there when it begins."""

    sent: Progress = no_progress
    resumed: Progress = no_progress


@dataclass(frozen=True)
class Terms:
    """What all destinations of a relay have in common."""

    ends: Ends
    origin: Origin
    options: RelayOptions
    retries: RetryPolicy
    chance: Chance
    watch: Watch
    namesakes: Namesakes = field(default_factory=Namesakes)


def insist(
    terms: Terms, work: t.Callable[[], _ResultT], *, failed: t.Callable[[BackhaulError], None]
) -> tuple[_ResultT, tuple[Setback, ...]]:
    """Do the work, again after a lost link, and return its result with what came before.

    ``failed`` is told of every error before the pause that follows it. The last error has ``attempts`` and ``retried``
    in its ``details``.
    """
    pauses = terms.retries.delays(terms.chance.random)
    earlier: list[BackhaulError] = []
    uncounted = 0
    while True:
        try:
            return work(), _setbacks(earlier)
        except BackhaulError as exc:
            failed(exc)
            if exc.is_uncounted and uncounted < MOST_UNCOUNTED:
                uncounted += 1
                continue
            may = may_retry(exc, attempt=len(earlier) + 1, policy=terms.retries, earlier=earlier)
            pause = next(pauses, None) if may else None
            if pause is None:
                exc.details.setdefault("attempts", len(earlier) + 1)
                exc.details.setdefault("retried", [asdict(setback) for setback in _setbacks(earlier)])
                raise
            earlier.append(exc)
        terms.chance.sleep(pause)


def _setbacks(earlier: t.Iterable[BackhaulError]) -> tuple[Setback, ...]:
    return tuple(Setback(error.code, error.role, error.cause) for error in earlier)


@dataclass
class _Work:
    """What all attempts add up to."""

    bytes_sent: int = 0
    kept: bool = False
    kept_bytes: int | None = None
    differs_at: int = 0
    elsewhere: bool = False
    brought_back: bool = False
    published: tuple[Step, Delivery] | None = None
    left_behind: list[Leftover] = field(default_factory=list)

    def add(self, step: Step, delivery: Delivery) -> None:
        """Take over what an attempt did, however it ended."""
        self.bytes_sent += delivery.bytes_sent
        if delivery.bytes_sent and self.differs_at > 1:
            self.differs_at = 0  # what is there by now is another content than that which differed
        self.kept, self.kept_bytes = delivery.kept, delivery.kept_bytes
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
        """Say in the error what the lost link left uncertain, and what the next run will find."""
        if self.kept:
            error.details["resumable"] = True
        if self.kept_bytes is not None:
            error.details["resumable_bytes"] = self.kept_bytes
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


class Shipment:
    """Brings one destination to where it should be, over one lane of its endpoint; used by one thread."""

    def __init__(self, terms: Terms, destination: Destination, supply: Supply, *, lane: int = 0) -> None:
        self._terms = terms
        self._destination = destination
        self._supply = supply
        self._lane = lane
        self._work = _Work()
        self._account = Account(
            key=lambda: terms.ends.job_key(destination.endpoint, terms.origin.endpoint), token=terms.chance.token
        )
        self._turn = Turn(timeout_seconds=terms.options.lock_timeout_seconds, sleep=terms.chance.sleep)
        self._group = _group_of(terms, destination)

    def plan(self) -> Step:
        """Return what the destination needs; changes nothing anywhere."""
        step, _retried = insist(self._terms, self._plan_once, failed=self._drop_broken)
        return step

    def carry_out(self, following: Following) -> tuple[Step, Outcome]:
        """Do what the destination needs; return the step and what was done.

        Raises what could not be mended, after the retries; ``details`` of the error counts the attempts. Copies whose
        names a server may fold into one are made one after the other.
        """
        if self._group is None:
            return self._carry_out(following)
        self._supply.idle()
        with self._group.turn():
            try:
                step, outcome = self._carry_out(following)
            except BackhaulError:
                if self._work.published is not None:
                    self._group.settled.add(self._work.published[0].path)
                raise
            if step.action != "skip":
                self._group.settled.add(step.path)
            return step, outcome

    def _carry_out(self, following: Following) -> tuple[Step, Outcome]:
        started = time.monotonic()
        try:
            (step, outcome), retried = insist(self._terms, lambda: self._attempt(following), failed=self._drop_broken)
        except BackhaulError as exc:
            self._tidy()
            self._work.admit(exc)
            if self._account.warnings:
                exc.details["warnings"] = list(self._account.warnings)
            exc.details.update(bytes_sent=self._work.bytes_sent, seconds=round(time.monotonic() - started, 3))
            raise
        self._tidy()
        not_applied = outcome.not_applied + (("cleanup",) if self._work.left_behind else ())
        seconds = round(time.monotonic() - started, 3)
        sent = self._work.bytes_sent
        outcome = replace(outcome, changed=outcome.changed or self._work.brought_back)
        outcome = replace(outcome, retried=retried, bytes_sent=sent, seconds=seconds, not_applied=not_applied)
        return step, replace(outcome, warnings=tuple(self._account.warnings))

    def _files(self) -> FileSystem:
        return self._terms.ends.file_system(self._destination.endpoint, self._lane)

    def _plan_once(self) -> Step:
        endpoint = self._destination.endpoint
        source = self._terms.origin.source
        with at(endpoint):
            return examine_destination(
                self._files(),
                self._destination.path,
                source=source,
                digest=self._terms.origin.digest,
                options=self._terms.options,
                watched=lambda path: self._terms.watch(endpoint, path),
            )

    def _attempt(self, following: Following) -> tuple[Step, Outcome]:
        self._supply.preparing()
        try:
            self._clear_away()
            while True:
                step = self._settled(self._plan_once())
                if self._group is not None and step.before is not None:
                    with at(self._destination.endpoint):
                        self._group.require_own(self._files(), step.path)
                with contextlib.suppress(ElsewhereError):
                    return self._brought(step, following)
        finally:
            self._supply.idle()

    def _brought(self, step: Step, following: Following) -> tuple[Step, Outcome]:
        """Carry out the step; ElsewhereError when it is to be looked at anew, since another run has ended.

        A draft that is gone is taken for the other run's doing once: who removes them all is no run of ours.
        """
        try:
            while True:
                with contextlib.suppress(PrefixDiffersError):  # once for each length that is tried, and never for 0
                    return self._carried_out(step, following)
        except ElsewhereError as exc:
            if exc.error is not None:
                if self._work.elsewhere:
                    with at(self._destination.endpoint):
                        raise exc.error.located(path=step.path) from exc
                self._work.elsewhere = True
            raise

    def _settled(self, step: Step) -> Step:
        with at(self._destination.endpoint):
            brought_back = self._settle(self._files(), step)
        self._work.brought_back = self._work.brought_back or brought_back
        return self._plan_once() if brought_back else step

    def _settle(self, files: FileSystem, step: Step) -> bool:
        def is_ours(path: bytes, found: Attributes) -> bool:
            if self._account.owns(files, step.path, found, self._work.left_behind):
                return True
            self._account.leave_alone(path, found)
            return False

        return settle(files, step, aside=self._account.aside_path, is_ours=is_ours)

    def _carried_out(self, step: Step, following: Following) -> tuple[Step, Outcome]:
        delivery = Delivery()
        try:
            outcome = self._carry_out_once(step, delivery, following)
        except PrefixDiffersError as exc:
            self._work.differs_at = exc.length
            raise
        finally:
            step = replace(step, adjust=delivery.wanted or step.adjust)
            self._work.add(step, delivery)
        return self._work.credited(step, outcome)

    def _carry_out_once(self, step: Step, delivery: Delivery, following: Following) -> Outcome:
        with at(self._destination.endpoint):
            files = self._files()
            if step.transfers:
                self._transfer(files, step, following).run(step, delivery)
            elif step.action == "adjust" and step.before is not None:
                adjust(files, step.path, step.before, step.adjust, delivery)
        return _outcome(step, delivery)

    def _transfer(self, files: FileSystem, step: Step, following: Following) -> Transfer:
        terms, checked = self._terms, self._terms.watch(self._destination.endpoint, step.path)
        resumption = Resumption(
            files,
            terms.origin,
            account=self._account,
            turn=self._turn,
            left_behind=self._work.left_behind,
            ours=self._work.kept,
            below=self._work.differs_at,
            checked=checked,
        )
        return Transfer(
            origin=terms.origin,
            supply=self._supply,
            files=files,
            options=terms.options,
            token=terms.chance.token,
            progress=following.sent,
            resumed=following.resumed,
            checked=checked,
            resumption=resumption if terms.options.resume else None,
            aside=self._account.aside_path,
        )

    def _tidy(self) -> None:
        """Try once more, over a new connection, to clear away what was left behind; what cannot be stays listed."""
        if self._work.left_behind:
            self._forget()
        with contextlib.suppress(BackhaulError):
            self._clear_away()

    def _clear_away(self) -> None:
        while self._work.left_behind:
            with at(self._destination.endpoint):
                clear_away(self._files(), self._work.left_behind[0])
            del self._work.left_behind[0]

    def _forget(self) -> None:
        self._terms.ends.forget(self._destination.endpoint, self._lane)

    def _drop_broken(self, error: BackhaulError) -> None:
        """Close the one connection that failed, so that its next use connects anew."""
        at_source = error.role == self._terms.origin.endpoint.role
        if error.breaks_link and at_source:
            self._supply.forget()
            self._supply.preparing()  # the others lost it, too: after the pause it is read for all of them again
        elif error.breaks_link:
            self._forget()


def _group_of(terms: Terms, destination: Destination) -> Group | None:
    try:
        path = destination_path(destination.path, split(terms.origin.path)[1])
    except InputError:
        return None  # the attempt will say so
    return terms.namesakes.group(destination.endpoint, path)


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
        bytes_resumed=delivery.bytes_resumed,
        attributes_changed=adjusted,
        not_applied=tuple(delivery.not_applied),
    )
