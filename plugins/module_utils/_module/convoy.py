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

from .._engine.crew import work_together
from .._engine.namesakes import Namesakes
from .._engine.pace import Pace
from .._engine.run import Relay
from .._engine.shipment import Destination, Following
from .._engine.source import Ends
from .._errors import BackhaulError
from .._interruption import checkpoint
from .._model import Endpoint, Outcome, Progress, Step
from .._rules.retry import RetryPolicy
from . import results
from .carrying import FILES_PER_LANE, MOST_LANES, Carpenter, are_there
from .familiar import FamiliarEnds, Knowledge
from .many import FileJob, Load, hopeless, not_tried, of_all
from .overlay import OnLane
from .progress import ProgressLog
from .reports import CHANCE, Report, done, failed, planned
from .request import TimeIsUp, too_long

_LONGEST_WAIT_SECONDS = 0.25


@dataclass
class Cargo:
    """One file, and what became of it at each destination, by the destination's number in the task."""

    jobs: tuple[FileJob, ...]
    source: results.Json
    bytes_read: int = 0
    reports: dict[int, Report] = field(default_factory=dict)


class Ration:
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


class Convoy:
    """Brings every file of ``loads``, which has one load for each destination, to all of them.

    ``lag_bytes`` are kept of each file for destinations that are behind, and no more than ``ration_bytes`` of all files
    are under way at once, unless a single one is larger, nor more than ``most_lanes`` files. Sessions are shared by
    nobody: each of the threads has lanes of its own, as many as one relay may need.
    """

    def __init__(
        self,
        ends: Ends,
        endpoint: Endpoint,
        loads: t.Sequence[Load],
        *,
        retries: RetryPolicy,
        check_mode: bool,
        log: ProgressLog,
        pace: Pace,
        lag_bytes: int,
        ration_bytes: int,
        most_lanes: int = MOST_LANES,
        namesakes: Namesakes | None = None,
    ) -> None:
        self._ends = ends
        self._endpoint = endpoint
        self._loads = loads
        self._retries = retries
        self._check_mode = check_mode
        self._log = log
        self._pace = pace
        self._lag_bytes = lag_bytes
        self._ration = Ration(ration_bytes)
        self._most_lanes = most_lanes
        self._namesakes = namesakes
        self._knowledge = Knowledge()
        self._may_read = all(job.options.verify != "server" for load in loads for job in load.jobs[:1])
        self._lock = threading.Lock()
        self._latest: dict[int, list[Report]] = collections.defaultdict(list)
        self._lost: dict[int, BackhaulError] = {}
        self.directories: dict[int, list[Report]] = {}
        self.cargo = [
            Cargo(jobs, {"host": endpoint.label, **results.source_fields(jobs[0].source)})
            for jobs in zip(*(load.jobs for load in loads))
        ]

    def carry(self) -> None:
        """Make the directories, then bring the files; when the time is up, what was done before still counts."""
        lanes = min(self._most_lanes, 1 + len(self.cargo) // FILES_PER_LANE)
        try:
            _side_by_side([functools.partial(self._prepare, *lane) for lane in enumerate(self._first_lanes())])
            waiting, progress = iter(self.cargo), [_followed(self._log, load) for load in self._loads]
            _side_by_side([functools.partial(self._serve, lane, waiting, progress) for lane in range(lanes)])
        except TimeIsUp:
            pass
        for cargo in self.cargo:
            for number, job in enumerate(cargo.jobs):
                if number not in cargo.reports:
                    cargo.reports[number] = failed(job.destination, self._not_tried(number))

    def _not_tried(self, number: int) -> BackhaulError:
        lost = self._lost.get(number)
        return too_long() if lost is None else not_tried(lost).located(path=lost.path)

    def lost(self, number: int) -> BackhaulError | None:
        """Return why a destination was given up as a whole, if it was."""
        return self._lost.get(number)

    def _first_lanes(self) -> list[int]:
        """Return the lane for each destination's directories: those of one endpoint are told apart."""
        seen: collections.Counter[Endpoint] = collections.Counter()
        lanes = []
        for load in self._loads:
            lanes.append(seen[load.endpoint])
            seen[load.endpoint] += 1
        return lanes

    def _prepare(self, number: int, lane: int) -> None:
        carpenter = Carpenter(OnLane(self._ends, lane), self._retries, self._check_mode)
        load = self._loads[number]
        try:
            made = self.directories[number] = carpenter.prepare(load)
            if not self._check_mode:
                self._knowledge.directories.update((load.endpoint, path) for path in are_there(load, made))
        except BackhaulError as exc:
            self._lost[number] = exc

    def _serve(self, lane: int, waiting: t.Iterator[Cargo], progress: t.Sequence[Progress]) -> None:
        """Take one file after the other until there are no more, or nowhere to bring them."""
        on_lane = OnLane(self._ends, lane * (len(self._loads) + 1))
        ends = FamiliarEnds(on_lane, self._knowledge, may_read=self._may_read)
        while True:
            with self._lock:
                cargo = next(waiting, None)
                open_numbers = [number for number in range(len(self._loads)) if number not in self._lost]
            if cargo is None or not open_numbers:
                return
            self._relay(ends, cargo, open_numbers, progress)

    def _relay(
        self, ends: FamiliarEnds, cargo: Cargo, numbers: t.Sequence[int], progress: t.Sequence[Progress]
    ) -> None:
        ends.size_bytes = None
        relay = Relay(
            ends,
            self._endpoint,
            cargo.jobs[0].source,
            options=cargo.jobs[0].options,
            retries=self._retries,
            chance=CHANCE,
            watch=self._log.checked,
            pace=self._pace,
            lag_bytes=self._lag_bytes,
            namesakes=self._namesakes,
        )
        try:
            ends.size_bytes = relay.source.size
            cargo.source = results.source_fields(cargo.jobs[0].source, relay.source)
        except BackhaulError as exc:
            for number in numbers:
                self._note(cargo, number, failed(cargo.jobs[number].destination, exc))
            return
        if self._check_mode:
            for number in numbers:
                self._note(cargo, number, _planned(relay, cargo.jobs[number].destination))
        else:
            with self._ration.taken(relay.source.size):
                self._carry_out(relay, cargo, numbers, progress)
        cargo.bytes_read = relay.bytes_read
        cargo.source = results.source_fields(cargo.jobs[0].source, relay.source, relay.digest.known)

    def _carry_out(self, relay: Relay, cargo: Cargo, numbers: t.Sequence[int], progress: t.Sequence[Progress]) -> None:
        destinations = [cargo.jobs[number].destination for number in numbers]

        def finished(place: int, result: tuple[Step, Outcome] | BackhaulError) -> None:
            destination = destinations[place]
            if isinstance(result, BackhaulError):
                report = failed(destination, result)
            else:
                report = done(destination, *result, relay.source)
            self._note(cargo, numbers[place], report)

        if len(destinations) > 1:
            following = {id(end): Following(progress[number]) for end, number in zip(destinations, numbers)}
            relay.carry_out_all(destinations, lambda destination: following[id(destination)], finished)
            return
        try:
            finished(0, relay.carry_out(destinations[0], progress=progress[numbers[0]]))
        except BackhaulError as exc:
            finished(0, exc)

    def _note(self, cargo: Cargo, number: int, report: Report) -> None:
        """Take a report; once it is certain that nothing more can succeed at a destination, it is given up."""
        with self._lock:
            cargo.reports[number] = report
            latest = self._latest[number] = [*self._latest[number][-1:], report]
            reason = hopeless(latest)
            if reason is not None:
                self._lost.setdefault(number, reason)


def _planned(relay: Relay, destination: Destination) -> Report:
    try:
        return planned(destination, relay.plan(destination), relay.source)
    except BackhaulError as exc:
        return failed(destination, exc)


def _followed(log: ProgressLog, load: Load) -> Progress:
    return of_all(log, load.endpoint.label, load.top, load.jobs)


def _side_by_side(work: t.Sequence[t.Callable[[], None]]) -> None:
    if len(work) == 1:
        work[0]()
    else:
        work_together(work)
