# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of it: statistics, and the tables as Markdown and JSON."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import typing as t
from dataclasses import dataclass, field

from .measure import Measurement
from .workloads import Goal, Workload

Json = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Series:
    """All counted runs of one way; ``absent`` says why there are none, ``failed`` what went wrong in one."""

    name: str
    runs: t.Sequence[Measurement] = ()
    absent: str = ""
    failed: str = ""

    @property
    def median_seconds(self) -> float:
        """The median of the wall clock."""
        return statistics.median(run.seconds for run in self.runs)

    def to_json(self) -> Json:
        """Return every figure of every run, and the medians."""
        if not self.runs:
            return {"name": self.name, "absent": self.absent, "failed": self.failed}
        seconds = [run.seconds for run in self.runs]
        return {
            "name": self.name,
            "failed": self.failed,
            "seconds": {"median": self.median_seconds, "min": min(seconds), "max": max(seconds), "all": seconds},
            "cpu_seconds": statistics.median(run.cpu_seconds for run in self.runs),
            "peak_bytes": max(run.peak_bytes for run in self.runs),
            "connections": max(run.connections for run in self.runs),
        }


@dataclass(frozen=True)
class Table:
    """One workload's series; the first is ours, and the others are compared with it."""

    workload: Workload
    series: t.Sequence[Series]
    load: t.Sequence[float] = field(default=())

    def ratio(self, way: str, peer: str) -> float | None:
        """Return the median of one way in those of another, or None where one did not run."""
        found = {series.name: series for series in self.series if series.runs}
        return found[way].median_seconds / found[peer].median_seconds if {way, peer} <= set(found) else None

    def to_json(self) -> Json:
        """Return the table as plain types."""
        goals = [{**vars(goal), "measured": self.ratio(goal.way, goal.peer)} for goal in self.workload.goals]
        return {
            "workload": self.workload.key,
            "title": self.workload.title,
            "load_before_and_after": list(self.load),
            "series": [series.to_json() for series in self.series],
            "goals": goals,
        }

    def to_markdown(self) -> str:
        """Return the table and what became of its goals."""
        head = ["way", "seconds", "min", "max", "ours / this", "CPU s", "peak MiB", "connections"]
        lines = [
            f"### {self.workload.title}",
            "",
            _row(head),
            _row(["---", *["---:"] * (len(head) - 1)]),
            *(_row(self._cells(series)) for series in self.series),
            "",
        ]
        lines += [self._goal(goal) for goal in self.workload.goals]
        lines += [f"- {series.name}: {series.failed}" for series in self.series if series.failed]
        lines.append("- Load of the machine before and after: " + ", ".join(f"{load:.1f}" for load in self.load))
        return "\n".join([*lines, ""])

    def _cells(self, series: Series) -> list[str]:
        found = series.to_json()
        if not series.runs:
            return [series.name, series.absent or "failed", *[""] * 6]
        ratio = self.ratio(self.series[0].name, series.name)
        seconds = found["seconds"]
        return [
            series.name,
            *(f"{seconds[kind]:.2f}" for kind in ("median", "min", "max")),
            "" if ratio is None else f"{ratio:.2f}",
            f"{found['cpu_seconds']:.2f}",
            f"{found['peak_bytes'] / 2**20:.0f}",
            str(found["connections"]),
        ]

    def _goal(self, goal: Goal) -> str:
        ratio = self.ratio(goal.way, goal.peer)
        verdict = "not measured" if ratio is None else f"{ratio:.2f}, {'met' if ratio <= goal.ratio else 'not met'}"
        return f"- Goal: {goal.way} at most {goal.ratio:g} of {goal.peer}: {verdict}."


def machine() -> Json:
    """Return what the figures depend on besides the code."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "OpenSSH": _says("ssh", "-V"),
        "rclone": _says("rclone", "version"),
        "ansible-core": _version("ansible-core"),
        "paramiko": _version("paramiko"),
        "cryptography": _version("cryptography"),
    }


def to_markdown(tables: t.Sequence[Table], rounds: int) -> str:
    """Return the machine and all tables."""
    facts = [_row([key, str(value)]) for key, value in [("machine", ""), ("---", "---"), *machine().items()]]
    note = f"Medians of {rounds} rounds, taken in turn after a warm-up; every copy was compared byte by byte."
    return "\n".join([note, "", *facts, "", *(table.to_markdown() for table in tables)])


def _row(cells: t.Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return next((line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")), "unknown")
    except OSError:
        return platform.processor() or "unknown"


def _says(program: str, *arguments: str) -> str:
    if not shutil.which(program):
        return "absent"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
