# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure one run of one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

_WATCHED = Path(__file__).with_name("watched.py")
_TAIL_CHARACTERS = 3000


class RunError(Exception):
    """A command failed, or its result is wrong."""


@dataclass(frozen=True)
class Measurement:
    """One run: wall clock, CPU of all client processes, peak memory of the largest, connections logged in.

    ``output`` is the command's standard output, ``facts`` are those of the check.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    connections: int
    output: str
    facts: t.Mapping[str, float] = field(default_factory=dict)


def measure(
    command: t.Sequence[str], *, folder: Path, env: t.Mapping[str, str], connections: t.Callable[[], int]
) -> Measurement:
    """Run a command in ``folder`` and return its figures; raise ``RunError`` with the end of its output if it fails.

    ``connections`` returns the number of logins so far.
    """
    result = folder / "measured.json"
    before = connections()
    with open(folder / "stdout", "w+b") as out, open(folder / "stderr", "w+b") as err:
        watcher = [sys.executable, "-I", "-S", str(_WATCHED), str(result), *command]
        _run(watcher, cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        found = json.loads(result.read_text(encoding="ascii"))
        written, complaints = _text(out), _text(err)
    if found["status"] != 0:
        said = f"{written[-_TAIL_CHARACTERS:]}\n{complaints[-_TAIL_CHARACTERS:]}"
        raise RunError(f"{command[0]} ended with status {found['status']}:\n{said}")
    return Measurement(
        seconds=found["seconds"],
        cpu_seconds=found["cpu_seconds"],
        peak_bytes=found["peak_bytes"],
        connections=connections() - before,
        output=written,
    )


def _run(command: t.Sequence[str], **options: t.Any) -> None:
    """Run the watcher to its end; an interrupt is passed on, and the watcher ends what it started."""
    with subprocess.Popen(command, **options) as process:
        try:
            status = process.wait()
        finally:
            process.terminate()
    if status != 0:
        raise RuntimeError(f"the watcher ended with status {status}")


def _text(stream: t.BinaryIO) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")
