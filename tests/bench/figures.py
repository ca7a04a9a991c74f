# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of each way, and the goals that are set for it."""

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
# These are facts that only the check of a run can tell.
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
    """All counted runs of one way; ``absent`` says why there are none, ``failed`` what went wrong in one."""

    name: str
    runs: t.Sequence[Measurement] = ()
    absent: str = ""
    failed: str = ""

    def figure(self, name: str) -> float | None:
        """Return the median over the runs, or the maximum of what is not to vary; None where it is not known."""
        found = self._all(name)
        if not found:
            return None
        return max(found) if name in _WORST else statistics.median(found)

    def _all(self, name: str) -> list[float]:
        if name in _OF_EACH:
            return [_OF_EACH[name](run) for run in self.runs]
        return [run.facts[name] for run in self.runs if name in run.facts]

    def to_json(self) -> Json:
        """Return the figures, and every run's wall clock."""
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
        """The names of what only the checks could tell."""
        return sorted({name for run in self.runs for name in run.facts})


@dataclass(frozen=True)
class Goal:
    """``figure`` of ``way`` is to be at most ``limit``: as a share of that of ``peer``, or by itself without one."""

    way: str
    limit: float
    peer: str = ""
    figure: str = SECONDS

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"{self.figure} of {self.way} at most {self.limit:g}" + (f" of {self.peer}" if self.peer else "")

    def measured(self, every: t.Sequence[Series]) -> float | None:
        """Return what is to be at most the limit, or None where a way did not run."""
        figures = {series.name: series.figure(self.figure) for series in every}
        ours, theirs = figures.get(self.way), figures.get(self.peer) if self.peer else 1.0
        return None if ours is None or not theirs else ours / theirs

    def verdict(self, every: t.Sequence[Series]) -> str:
        """Return ``met`` or ``not met``, or why that is not known."""
        measured = self.measured(every)
        if measured is None:
            return "not measured"
        return "met" if measured <= self.limit else "not met"

    def to_json(self, every: t.Sequence[Series]) -> Json:
        """Return the goal and what came of it."""
        return {**vars(self), "measured": self.measured(every), "verdict": self.verdict(every)}
