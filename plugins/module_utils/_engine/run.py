# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""One source, one or many destinations: read once, carried out side by side, and none decides another's fate."""

from __future__ import annotations

import collections
import typing as t

from .._errors import BackhaulError
from .._model import Endpoint, Outcome, Progress, RelayOptions, Source, Step, Watch
from .._rules.retry import RetryPolicy
from .crew import work_together
from .digest import SourceDigest, unwatched
from .namesakes import Namesakes
from .pace import Pace, unlimited
from .shipment import Chance, Destination, Following, Shipment, Terms, insist
from .source import Ends, Origin
from .supply import CommonRead, OwnRead, Shared

# What is kept for destinations that are behind.
_LAG_BYTES = 16 * 1024 * 1024

Done = t.Callable[[int, t.Union["tuple[Step, Outcome]", BackhaulError]], None]


class Relay:
    """One file, from one source.

    ``plan`` and ``carry_out`` may be called for any number of destinations, one after the other; ``carry_out_all``
    serves them side by side and reads the source once for all. Lost links are retried as ``retries`` says, each end
    connected anew on its own. ``pace`` bounds the reading of the source, that of all relays which share it together.
    ``namesakes`` are the names of the task that a server may fold into one, shared by its relays as well.
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
        pace: Pace | None = None,
        lag_bytes: int = _LAG_BYTES,
        namesakes: Namesakes | None = None,
    ) -> None:
        pace, always = pace or unlimited(), options.source_digest == "always"
        self._origin = Origin(ends, endpoint, path, watch=watch, pace=pace, always_proven=always, clock=chance.clock)
        self._terms = Terms(ends, self._origin, options, retries, chance, watch, namesakes or Namesakes())
        self._lag_bytes = lag_bytes

    @property
    def source(self) -> Source:
        """The source as it was on the first look, which is taken now if it was not before."""
        return self._look()

    @property
    def digest(self) -> SourceDigest:
        """The source's digest, as far as anything had to know it."""
        return self._origin.digest

    @property
    def bytes_read(self) -> int:
        """How many bytes of the source were read to be sent."""
        return self._origin.bytes_read

    def plan(self, destination: Destination) -> Step:
        """Return what a destination needs; changes nothing anywhere."""
        self._look()
        return self._alone(destination).plan()

    def carry_out(
        self, destination: Destination, *, progress: Progress, resumed: Progress = lambda _byte_count: None
    ) -> tuple[Step, Outcome]:
        """Bring one destination to where it should be; see :meth:`Shipment.carry_out`."""
        self._look()
        return self._alone(destination).carry_out(Following(progress, resumed))

    def carry_out_all(
        self, destinations: t.Sequence[Destination], following: t.Callable[[Destination], Following], done: Done
    ) -> None:
        """Bring every destination to where it should be, side by side.

        ``done`` is told what became of each as soon as it is known, by its number in ``destinations``, and from
        different threads.
        """
        self._look()
        common = CommonRead(self._origin, lag_bytes=self._lag_bytes)
        lanes: collections.Counter[Endpoint] = collections.Counter()
        jobs = []
        for number, destination in enumerate(destinations):
            supply = common.member(OwnRead(self._origin, lane=number + 1))
            shipment = Shipment(self._terms, destination, supply, lane=lanes[destination.endpoint])
            lanes[destination.endpoint] += 1
            jobs.append(_job(number, shipment, supply, following(destination), done))
        work_together(jobs, meanwhile=common.serve)

    def _look(self) -> Source:
        source, _retried = insist(self._terms, lambda: self._origin.source, failed=self._drop_broken)
        return source

    def _alone(self, destination: Destination) -> Shipment:
        return Shipment(self._terms, destination, OwnRead(self._origin))

    def _drop_broken(self, error: BackhaulError) -> None:
        if error.breaks_link:
            self._origin.forget(0)


def _job(number: int, shipment: Shipment, supply: Shared, following: Following, done: Done) -> t.Callable[[], None]:
    def carry_out() -> None:
        try:
            done(number, shipment.carry_out(following))
        except BackhaulError as exc:
            done(number, exc)
        finally:
            supply.leave()

    return carry_out
