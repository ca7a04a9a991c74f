# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for the workloads, and the comparison of copies byte by byte."""

from __future__ import annotations

import filecmp
import json
import os
import random
import shutil
import typing as t
from dataclasses import dataclass
from pathlib import Path

from .figures import CPU_PER_GIB, READ
from .measure import Measurement, RunError
from .ways import Way

MIB = 1024 * 1024
GIB = 1024 * MIB
SMALL_FILE_BYTES = 16 * 1024
_OLD = 1_600_000_000
Facts = t.Mapping[str, float]


@dataclass(frozen=True)
class Case:
    """A prepared workload: ``prepare`` runs before each run, ``check`` after it.

    ``check`` raises RunError if the result is wrong, and returns facts of the run.
    """

    ways: t.Sequence[Way]
    prepare: t.Callable[[], None]
    check: t.Callable[[Way, Measurement], Facts]


def fill(path: Path, size: int) -> None:
    """Write random bytes, which are incompressible."""
    with path.open("wb") as stream:
        for start in range(0, size, MIB):
            stream.write(os.urandom(min(MIB, size - start)))


def small_files(folder: Path, count: int) -> list[str]:
    """Make a folder with files of 16 KiB, and return their names."""
    folder.mkdir(exist_ok=True)
    names = [f"part-{number:05}.bin" for number in range(count)]
    for name in names:
        fill(folder / name, SMALL_FILE_BYTES)
    return names


def dated_files(folder: Path, count: int) -> str:
    """Make files of one byte with mtimes a minute apart, in random order; return the name of the newest."""
    folder.mkdir(exist_ok=True)
    ages = list(range(count))
    random.Random(count).shuffle(ages)
    for number, age in enumerate(ages):
        path = folder / f"backup-{number:06}.tar"
        path.write_bytes(b".")
        os.utime(path, (_OLD - 60 * age, _OLD - 60 * age))
    return f"backup-{ages.index(0):06}.tar"


def remove(*paths: Path) -> None:
    """Remove files and folders that may be there."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def require_same(one: Path, other: Path) -> None:
    """Compare two files, or two folders with nothing but files."""
    filecmp.clear_cache()
    if not one.is_dir():
        same = other.is_file() and filecmp.cmp(one, other, shallow=False)
    else:
        names = sorted(os.listdir(one))
        same = other.is_dir() and sorted(os.listdir(other)) == names
        same = same and filecmp.cmpfiles(one, other, names, shallow=False)[0] == names
    if not same:
        raise RunError(f"{other.name} is not what {one.name} is")


def relay_facts(measurement: Measurement, size: int) -> Facts:
    """Return the bytes that a module copied and, for a relay, read."""
    facts = {CPU_PER_GIB: measurement.cpu_seconds * GIB / size}
    read = json.loads(measurement.output).get("bytes_read")
    return facts if read is None else {**facts, READ: read / size}
