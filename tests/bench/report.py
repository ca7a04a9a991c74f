# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results: statistics, and tables as Markdown and JSON."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import typing as t
from dataclasses import dataclass, field

from .figures import Goal, Json, Series
from .workloads import Workload


@dataclass(frozen=True)
class Table:
    """One workload's series; the first is ours, and the others are compared with it."""

    workload: Workload
    series: t.Sequence[Series]
    load: t.Sequence[float] = field(default=())

    def ratio(self, way: str, peer: str) -> float | None:
        """Return the median of one way in those of another, or None where one did not run."""
        return Goal(way, 1.0, peer).measured(self.series)

    def to_json(self) -> Json:
        """Return the table as plain types."""
        return {
            "workload": self.workload.key,
            "title": self.workload.title,
            "load_before_and_after": list(self.load),
            "series": [series.to_json() for series in self.series],
            "goals": [goal.to_json(self.series) for goal in self.workload.goals],
        }

    def to_markdown(self) -> str:
        """Return the table and the status of its goals."""
        head = ["way", "seconds", "min", "max", "ours / this", "CPU s", "peak MiB", "connections"]
        lines = [
            f"### {self.workload.title}",
            "",
            _row(head),
            _row(["---", *["---:"] * (len(head) - 1)]),
            *(_row(self._cells(series)) for series in self.series),
            "",
        ]
        lines += [f"- Goal: {': '.join(part for part in goal[:2] if part)}, {goal[2]}." for goal in self.goals()]
        lines += self._facts()
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

    def goals(self) -> list[list[str]]:
        """Return each goal with its value and status."""
        found = []
        for goal in self.workload.goals:
            measured = goal.measured(self.series)
            figure = "" if measured is None else f"{measured:.2f}"
            found.append([goal.text, figure, goal.status(self.series)])
        return found

    def _facts(self) -> list[str]:
        return [
            f"- {series.name}: {name} {series.figure(name) or 0.0:.2f}."
            for series in self.series
            for name in series.facts
        ]


def machine() -> Json:
    """Return facts of the machine on which the figures depend."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "OpenSSH": _says("ssh", "-V"),
        "rclone": _says("rclone", "version"),
        "rsync": _says("rsync", "--version"),
        "ansible-core": _version("ansible-core"),
        "paramiko": _version("paramiko"),
        "cryptography": _version("cryptography"),
    }


def to_markdown(tables: t.Sequence[Table], rounds: int) -> str:
    """Return the machine, whether the goals are met, and all tables."""
    facts = [_row([key, str(value)]) for key, value in [("machine", ""), ("---", "---"), *machine().items()]]
    note = f"Medians of {rounds} rounds, taken in turn after a warm-up; every copy was compared byte by byte."
    return "\n".join([note, "", *facts, "", *_goals(tables), "", *(table.to_markdown() for table in tables)])


def _goals(tables: t.Sequence[Table]) -> list[str]:
    lines = [_row(["workload", "goal", "measured", ""]), _row(["---", "---", "---:", "---"])]
    return [*lines, *(_row([table.workload.key, *goal]) for table in tables for goal in table.goals())]


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
