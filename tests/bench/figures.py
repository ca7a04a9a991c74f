# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of each way, and their goals."""

from __future__ import annotations

import statistics
import typing as t
from dataclasses import dataclass

from .measure import Measurement

Json = t.Dict[str, t.Any]

SECONDS = "time"
CPU = "CPU seconds"
PEAK = "peak memory in MiB"
CONNECTIONS = "connections"
# Facts that the check of a run returns.
CPU_PER_GIB = "CPU seconds per GiB"
READ = "bytes read per byte of the source"
FAST = "time of the fast destinations"

_OF_EACH: t.Mapping[str, t.Callable[[Measurement], float]] = {
    SECONDS: lambda run: run.seconds,
    CPU: lambda run: run.cpu_seconds,
    PEAK: lambda run: run.peak_bytes / 2**20,
    CONNECTIONS: lambda run: run.connections,
}
_WORST = (PEAK, CONNECTIONS, READ)


@dataclass(frozen=True)
class Series:
    """All counted runs of one way; ``absent`` is why there are none, ``failed`` the error of a run."""

    name: str
    runs: t.Sequence[Measurement] = ()
    absent: str = ""
    failed: str = ""

    def figure(self, name: str) -> float | None:
        """Return the median over the runs, or the maximum of figures that do not vary; None if unknown."""
        found = self._all(name)
        if not found:
            return None
        return max(found) if name in _WORST else statistics.median(found)

    def _all(self, name: str) -> list[float]:
        if name in _OF_EACH:
            return [_OF_EACH[name](run) for run in self.runs]
        return [run.facts[name] for run in self.runs if name in run.facts]

    def to_json(self) -> Json:
        """Return the figures and the wall clock of every run."""
        if not self.runs:
            return {"name": self.name, "absent": self.absent, "failed": self.failed}
        seconds = self._all(SECONDS)
        return {
            "name": self.name,
            "failed": self.failed,
            "seconds": {"median": self.figure(SECONDS), "min": min(seconds), "max": max(seconds), "all": seconds},
            "cpu_seconds": self.figure(CPU),
            "peak_bytes": max(run.peak_bytes for run in self.runs),
            "connections": self.figure(CONNECTIONS),
            "facts": {name: self.figure(name) for name in self.facts},
        }

    @property
    def facts(self) -> list[str]:
        """The names of the facts that only checks return."""
        return sorted({name for run in self.runs for name in run.facts})


@dataclass(frozen=True)
class Goal:
    """``figure`` of ``way`` must be at most ``limit``, or with a ``peer`` at most that share of the peer's figure."""

    way: str
    limit: float
    peer: str = ""
    figure: str = SECONDS

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"{self.figure} of {self.way} at most {self.limit:g}" + (f" of {self.peer}" if self.peer else "")

    def measured(self, every: t.Sequence[Series]) -> float | None:
        """Return the figure to compare with the limit, or None if a way did not run."""
        figures = {series.name: series.figure(self.figure) for series in every}
        figure, reference = figures.get(self.way), figures.get(self.peer) if self.peer else 1.0
        return None if figure is None or not reference else figure / reference

    def status(self, every: t.Sequence[Series]) -> str:
        """Return ``met``, ``not met`` or ``not measured``."""
        measured = self.measured(every)
        if measured is None:
            return "not measured"
        return "met" if measured <= self.limit else "not met"

    def to_json(self, every: t.Sequence[Series]) -> Json:
        """Return the goal with its value and status."""
        return {**vars(self), "measured": self.measured(every), "status": self.status(every)}
