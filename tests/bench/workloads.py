# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work: what is prepared, who does it, how its result is checked, and what the goals are."""

from __future__ import annotations

import filecmp
import json
import os
import random
import shutil
import typing as t
from dataclasses import dataclass
from pathlib import Path

from . import ways
from .measure import Measurement, RunError
from .site import Site
from .ways import Way

_MIB = 1024 * 1024
_OLD = 1_600_000_000


@dataclass(frozen=True)
class Case:
    """A workload made ready: ``prepare`` comes before every run, ``check`` after it; that raises RunError."""

    ways: t.Sequence[Way]
    prepare: t.Callable[[], None]
    check: t.Callable[[Way, Measurement], None]


@dataclass(frozen=True)
class Goal:
    """``way`` is to take at most ``ratio`` of the time of ``peer``."""

    way: str
    peer: str
    ratio: float


@dataclass(frozen=True)
class Workload:
    """One kind of work; ``build`` makes an amount of it ready: bytes, or files."""

    key: str
    title: str
    build: t.Callable[[Site, int], Case]
    amount: int
    warm_up: int
    round_trip_ms: int = 0
    destinations: int = 1
    goals: tuple[Goal, ...] = ()


def workloads(*, size: int, delayed_size: int, round_trip_ms: int, files: int) -> list[Workload]:
    """Return every workload, in the sizes that were asked for; work for several destinations belongs here, too."""
    megabytes, delayed_megabytes = size // _MIB, delayed_size // _MIB
    return [
        Workload(
            "relay",
            f"Relay of one file of {megabytes} MiB, loopback",
            relay,
            amount=size,
            warm_up=4 * _MIB,
            goals=(
                Goal(ways.OURS, ways.RCLONE, 0.85),
                Goal(ways.OURS, ways.SCP, 0.9),
                Goal(ways.OUR_TASK, ways.FETCH_COPY, 0.15),
            ),
        ),
        Workload(
            "delayed",
            f"Relay of one file of {delayed_megabytes} MiB, {round_trip_ms} ms round trip on both legs",
            relay,
            amount=delayed_size,
            warm_up=_MIB,
            round_trip_ms=round_trip_ms,
            goals=(Goal(ways.OURS, ways.SCP, 0.22), Goal(ways.OURS, ways.RCLONE, 0.22)),
        ),
        Workload(
            "nothing",
            f"Nothing to do: a second run with one file of {megabytes} MiB",
            nothing_to_do,
            amount=size,
            warm_up=4 * _MIB,
            goals=(Goal(ways.OUR_TASK, ways.FETCH_COPY, 0.25),),
        ),
        Workload(
            "newest",
            f"The newest of {files:,} files in one directory",
            newest,
            amount=files,
            warm_up=100,
            goals=(Goal(ways.OURS, ways.RCLONE, 1.0),),
        ),
    ]


def relay(site: Site, size: int) -> Case:
    """Copy one file that no destination has; the copies are compared byte by byte."""
    file = f"backup-{size}"
    _fill(site.source.local(file), size)
    copies = [place.local(file) for place in site.destinations]

    def prepare() -> None:
        for path in (*copies, site.folder / f"fetched-{file}"):
            path.unlink(missing_ok=True)

    def check(_way: Way, _measurement: Measurement) -> None:
        for path in copies:
            _require_same(site.source.local(file), path)

    found = [
        ways.our_relay(site, ways.OURS, file),
        ways.our_relay(site, ways.OURS_UNPROVEN, file, verify="acknowledged"),
        ways.our_task(site, ways.OUR_TASK, file),
        ways.rclone_copy(site, ways.RCLONE, file),
        ways.rclone_copy(site, ways.RCLONE_UNPROVEN, file, "--ignore-checksum"),
        ways.rclone_copy(site, ways.RCLONE_TUNED, file, "--sftp-chunk-size", "255Ki"),
        ways.scp(site, ways.SCP, file),
        ways.scp(site, ways.SCP_GCM, file, "-c", "aes128-gcm@openssh.com"),
        ways.textbook(site, file),
        ways.fetch_and_copy(site, file),
    ]
    return Case(found, prepare, check)


def nothing_to_do(site: Site, size: int) -> Case:
    """Find out that the copy is there already, and leave it alone."""
    file = f"same-{size}"
    source = site.source.local(file)
    _fill(source, size)
    copies = [place.local(file) for place in site.destinations]
    for path in (*copies, site.folder / f"fetched-{file}"):
        shutil.copy2(source, path)
    before = [_identity(path) for path in copies]

    def check(way: Way, _measurement: Measurement) -> None:
        for path, identity in zip(copies, before):
            if _identity(path) != identity:
                raise RunError(f"{way.name} replaced {path.name}, which was the same already")
            _require_same(source, path)

    found = [
        ways.our_relay(site, ways.OURS, file, compare="checksum"),
        ways.our_relay(site, ways.OURS_BY_TIME, file, compare="size_mtime"),
        ways.our_task(site, ways.OUR_TASK, file, compare="checksum"),
        ways.rclone_copy(site, ways.RCLONE, file, "--checksum"),
        ways.rclone_copy(site, ways.RCLONE_BY_TIME, file),
        ways.fetch_and_copy(site, file),
    ]
    return Case(found, lambda: None, check)


def newest(site: Site, count: int) -> Case:
    """Find the newest file of a directory; rclone only lists, and sorting is left to the shell that it is used in."""
    folder = site.source.local(f"many-{count}")
    expected = _many_files(folder, count)
    path = site.source.path(folder.name)

    def check(way: Way, measurement: Measurement) -> None:
        found = _PICK[way.name](measurement.output)
        if os.path.basename(found) != expected:
            raise RunError(f"{way.name} took {found!r} for the newest file, which is {expected!r}")

    arguments = {"endpoint": ways.our_endpoint(site.source), "path": path, "limit": 1}
    found = [
        ways.our_module(site, ways.OURS, "sftp_find", arguments),
        ways.rclone(site, ways.RCLONE, "lsf", "--files-only", "--format", "tp", f"{site.source.name}:{path}"),
        ways.sftp_batch(site, ways.SFTP, f"ls -1t {path}"),
    ]
    return Case(found, lambda: None, check)


_PICK: t.Mapping[str, t.Callable[[str], str]] = {
    ways.OURS: lambda output: str(json.loads(output)["latest"]["path"]),
    ways.RCLONE: lambda output: max(output.splitlines()).partition(";")[2],
    ways.SFTP: lambda output: next(line for line in output.splitlines() if not line.startswith("sftp>")).strip(),
}


def _fill(path: Path, size: int) -> None:
    """Write random bytes, which nothing can compress."""
    with path.open("wb") as stream:
        for start in range(0, size, _MIB):
            stream.write(os.urandom(min(_MIB, size - start)))


def _many_files(folder: Path, count: int) -> str:
    """Make files of one byte, a minute of age apart in no order, and return the name of the newest."""
    folder.mkdir()
    ages = list(range(count))
    random.Random(count).shuffle(ages)
    for number, age in enumerate(ages):
        path = folder / f"backup-{number:06}.tar"
        path.write_bytes(b".")
        os.utime(path, (_OLD - 60 * age, _OLD - 60 * age))
    return f"backup-{ages.index(0):06}.tar"


def _identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _require_same(one: Path, other: Path) -> None:
    filecmp.clear_cache()
    if not other.exists() or not filecmp.cmp(one, other, shallow=False):
        raise RunError(f"{other.name} is not what {one.name} is")
