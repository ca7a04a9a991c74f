# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's command line."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import typing as t
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._rules import units
from ansible_collections.backhaul.sftp.tests.lab import UnavailableError

from . import report, rounds
from .workloads import workloads


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Run the workloads that were asked for, and write the tables after each; the status tells of failed runs."""
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit(128 + signal.SIGTERM))
    options = _parser().parse_args(arguments)
    every = workloads(
        size=_bytes(options.size),
        delayed_size=_bytes(options.delayed_size),
        round_trip_ms=options.round_trip,
        files=options.files,
    )
    chosen = [workload for workload in every if not options.workload or workload.key in options.workload]

    def wanted(name: str) -> bool:
        return not any(part in name for part in options.skip)

    tables: list[report.Table] = []
    for workload in chosen:
        try:
            tables.append(rounds.run(workload, rounds=options.rounds, wanted=wanted, show=_show))
        except UnavailableError as exc:
            sys.exit(f"The benchmark cannot run here: {exc}")
        _write(options.output, tables, options.rounds)
    print(report.to_markdown(tables, options.rounds))
    print(f"Written to {options.output}/performance.md and .json")
    return int(any(series.failed for table in tables for series in table.series))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measure our modules beside their peers.")
    keys = [workload.key for workload in workloads(size=0, delayed_size=0, round_trip_ms=0, files=0)]
    parser.add_argument("workload", nargs="*", metavar="WORKLOAD", help=f"any of {', '.join(keys)} (default: all)")
    parser.add_argument("--size", default="1GiB", help="of the large file (default: %(default)s)")
    parser.add_argument("--delayed-size", default="256MiB", help="of the file on the slow link (default: %(default)s)")
    parser.add_argument("--round-trip", type=int, default=100, help="of the slow link, in ms (default: %(default)s)")
    parser.add_argument("--files", type=int, default=100_000, help="in the large directory (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="that count, after the warm-up (default: %(default)s)")
    parser.add_argument("--skip", action="append", default=[], metavar="TEXT", help="leave out the ways with this name")
    parser.add_argument("--output", type=Path, default=Path(".build/bench"), help="folder (default: %(default)s)")
    return parser


def _bytes(text: str) -> int:
    return int(units.size(text, option="--size"))


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _write(folder: Path, tables: t.Sequence[report.Table], count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"machine": report.machine(), "rounds": count, "tables": [table.to_json() for table in tables]}
    (folder / "performance.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "performance.md").write_text(report.to_markdown(tables, count), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
