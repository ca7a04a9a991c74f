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
from dataclasses import replace
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils import _units
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.tests.lab import UnavailableError

from . import report, rounds
from .cases import MIB
from .workloads import FULL, QUICK, Sizes, workloads

_ROUNDS = 3
_QUICK_ROUNDS = 2
_SIZES = {
    "large": ("--size", "of the large file"),
    "delayed": ("--delayed-size", "of the file on the slow link"),
    "round_trip_ms": ("--round-trip", "of the slow link, in ms"),
    "slowed": ("--slowed-size", "of the file that goes to a slow destination, too"),
    "slow_bytes_per_second": ("--slow-rate", "of that destination, in bytes per second"),
    "listed": ("--files", "in the large directory"),
    "small_files": ("--small-files", "of 16 KiB, to be copied in one run"),
}
_OF_BYTES = ("large", "delayed", "slowed", "slow_bytes_per_second")


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Run the requested workloads and write the tables after each; return 1 after failed runs."""
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit(128 + signal.SIGTERM))
    parser = _parser()
    options = parser.parse_args(arguments)
    every = workloads(_sizes(options))
    count = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    unknown = set(options.workload) - {workload.key for workload in every}
    if unknown:
        parser.error(f"there is no workload {', '.join(sorted(unknown))}")
    chosen = [workload for workload in every if not options.workload or workload.key in options.workload]

    def wanted(name: str) -> bool:
        kept = not options.only or any(part in name for part in options.only)
        return kept and not any(part in name for part in options.skip)

    tables: list[report.Table] = []
    for workload in chosen:
        try:
            tables.append(rounds.run(workload, rounds=count, wanted=wanted, show=_show))
        except UnavailableError as exc:
            sys.exit(f"The benchmark cannot run here: {exc}")
        _write(options.output, tables, count)
    print(report.to_markdown(tables, count))
    print(f"Written to {options.output}/performance.md and .json")
    return int(any(series.failed for table in tables for series in table.series))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measure our modules beside their peers.")
    keys = [workload.key for workload in workloads(FULL)]
    parser.add_argument("workload", nargs="*", metavar="WORKLOAD", help=f"any of {', '.join(keys)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes and two rounds: about ten minutes for all")
    for name, (option, meaning) in _SIZES.items():
        full, quick = (_said(name, getattr(sizes, name)) for sizes in (FULL, QUICK))
        text = f"{meaning} (default: {full}, quick: {quick})"
        parser.add_argument(option, dest=name, type=_number, metavar="N", help=text)
    text = f"that count, after the warm-up (default: {_ROUNDS}, quick: {_QUICK_ROUNDS})"
    parser.add_argument("--rounds", type=int, metavar="N", help=text)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="the ways with this in their name")
    parser.add_argument("--skip", action="append", default=[], metavar="TEXT", help="and not those with this")
    parser.add_argument("--output", type=Path, default=Path(".build/bench"), help="folder (default: %(default)s)")
    return parser


def _sizes(options: argparse.Namespace) -> Sizes:
    given = {name: getattr(options, name) for name in _SIZES if getattr(options, name) is not None}
    return replace(QUICK if options.quick else FULL, **given)


def _number(text: str) -> int:
    try:
        return int(_units.size(text, option="a size"))
    except BackhaulError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _said(name: str, number: int) -> str:
    return f"{number / MIB:g}MiB" if name in _OF_BYTES else str(number)


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _write(folder: Path, tables: t.Sequence[report.Table], count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"machine": report.machine(), "rounds": count, "tables": [table.to_json() for table in tables]}
    (folder / "performance.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "performance.md").write_text(report.to_markdown(tables, count), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
