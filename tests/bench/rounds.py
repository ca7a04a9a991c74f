# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs: in each round, every way once."""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace

from .cases import Case
from .figures import Series
from .measure import Measurement, RunError, measure
from .report import Table
from .site import Site, open_site
from .ways import Way
from .workloads import Workload

Show = t.Callable[[str], None]
Wanted = t.Callable[[str], bool]


def run(workload: Workload, *, rounds: int, wanted: Wanted, show: Show) -> Table:
    """Run a workload by every wanted way in each round, after a small warm-up."""
    show(f"== {workload.title}")
    before = os.getloadavg()[0]
    with open_site(
        round_trip_seconds=workload.round_trip_ms / 1000,
        destinations=workload.destinations,
        slow_bytes_per_second=workload.slow_bytes_per_second,
    ) as site:
        _Runs(site, workload.build(site, workload.warm_up), wanted, lambda _line: None).round()
        runs = _Runs(site, workload.build(site, workload.amount), wanted, show)
        for number in range(1, rounds + 1):
            show(f"round {number} of {rounds}")
            runs.round()
    return Table(workload, runs.series, load=(before, os.getloadavg()[0]))


class _Runs:
    """The runs of one case so far; a way that fails once is not run again."""

    def __init__(self, site: Site, case: Case, wanted: Wanted, show: Show) -> None:
        self._site, self._case, self._show = site, case, show
        self._ways = [way for way in case.ways if wanted(way.name)]
        self._runs: dict[str, list[Measurement]] = {way.name: [] for way in self._ways}
        self._failed: dict[str, str] = {}

    @property
    def series(self) -> list[Series]:
        """The series of each way."""
        return [
            Series(way.name, self._runs[way.name], absent=way.absent, failed=self._failed.get(way.name, ""))
            for way in self._ways
        ]

    def round(self) -> None:
        """Run every way once."""
        for way in self._ways:
            if way.absent or way.name in self._failed:
                continue
            self._case.prepare()
            try:
                found = self._measure(way)
            except RunError as exc:
                self._failed[way.name] = " ".join(str(exc).split())[:500]
                self._show(f"  {way.name}: {exc}")
            else:
                self._runs[way.name].append(found)
                self._show(f"  {way.name}: {found.seconds:.2f} s, CPU {found.cpu_seconds:.2f} s")

    def _measure(self, way: Way) -> Measurement:
        site = self._site
        found = measure(way.command, folder=site.folder, env=site.environment, connections=site.logins)
        return replace(found, facts=self._case.check(way, found))
