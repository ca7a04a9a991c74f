# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measured workloads, their sizes and their goals."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from . import peers, ways
from .cases import MIB, Case
from .figures import CONNECTIONS, CPU_PER_GIB, FAST, PEAK, READ, Goal
from .listings import newest
from .loads import download, download_many, relay_many, upload, upload_many
from .relays import fan_out, nothing_to_do, past_the_controller, relay, with_a_slow_one
from .site import Site

_FEW = 20
# Two runs of the same program differ by some percent.
_CONSTANT = 1.1


@dataclass(frozen=True)
class Workload:
    """One kind of work; ``build`` prepares an amount of it in bytes or files."""

    key: str
    title: str
    build: t.Callable[[Site, int], Case]
    amount: int
    warm_up: int
    round_trip_ms: int = 0
    destinations: int = 1
    slow_bytes_per_second: int = 0
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True)
class Sizes:
    """The amounts of work: bytes of large files, files in the large directory, and small files to copy."""

    large: int
    delayed: int
    slowed: int
    slow_bytes_per_second: int
    listed: int
    small_files: int
    round_trip_ms: int = 100


FULL = Sizes(
    large=1024 * MIB,
    delayed=512 * MIB,
    slowed=256 * MIB,
    slow_bytes_per_second=8 * MIB,
    listed=100_000,
    small_files=1000,
)
QUICK = Sizes(
    large=64 * MIB, delayed=16 * MIB, slowed=48 * MIB, slow_bytes_per_second=4 * MIB, listed=10_000, small_files=200
)


def workloads(sizes: Sizes) -> list[Workload]:
    """Return every workload, in these sizes."""
    return [*_relays(sizes), *_fan_outs(sizes), *_loads(sizes), *_small_files(sizes), *_lookups(sizes)]


def _relays(sizes: Sizes) -> t.Iterator[Workload]:
    yield Workload(
        "relay",
        f"Relay of one file of {_mib(sizes.large)}, loopback",
        relay,
        amount=sizes.large,
        warm_up=4 * MIB,
        goals=(
            Goal(ways.OURS, 0.85, peers.RCLONE),
            Goal(ways.OURS, 0.9, peers.SCP_3),
            Goal(ways.OUR_TASK, 0.15, peers.FETCH_COPY),
            Goal(ways.OURS, 100, figure=PEAK),
            Goal(ways.OURS, 5, figure=CPU_PER_GIB),
        ),
    )
    yield Workload(
        "delayed",
        f"Relay of one file of {_mib(sizes.delayed)}, {sizes.round_trip_ms} ms round trip on both legs",
        relay,
        amount=sizes.delayed,
        warm_up=MIB,
        round_trip_ms=sizes.round_trip_ms,
        goals=(
            Goal(ways.OURS, 0.22, peers.SCP_3),
            Goal(ways.OURS, 0.22, peers.RCLONE),
            Goal(ways.OURS, 100, figure=PEAK),
        ),
    )
    yield Workload(
        "route",
        f"Relay of one file of {_mib(sizes.large)} straight from one server to the other, loopback",
        past_the_controller,
        amount=sizes.large,
        warm_up=4 * MIB,
        goals=(Goal(ways.OURS_BY_SOURCE, 0.6, ways.OUR_TASK),),
    )


def _fan_outs(sizes: Sizes) -> t.Iterator[Workload]:
    yield Workload(
        "fan-out",
        f"Relay of one file of {_mib(sizes.large)} to three destinations, loopback",
        fan_out,
        amount=sizes.large,
        warm_up=4 * MIB,
        destinations=3,
        goals=(
            Goal(ways.OURS, 1.9, ways.OURS_TO_ONE),
            Goal(ways.OURS, 1, figure=READ),
            Goal(ways.OURS, 150, figure=PEAK),
            Goal(ways.OURS_TO_ONE, 100, figure=PEAK),
        ),
    )
    yield Workload(
        "slow",
        f"Relay of one file of {_mib(sizes.slowed)} to three destinations, one of them with "
        f"{sizes.slow_bytes_per_second / MIB:g} MiB/s",
        with_a_slow_one,
        amount=sizes.slowed,
        warm_up=MIB,
        destinations=3,
        slow_bytes_per_second=sizes.slow_bytes_per_second,
        goals=(
            Goal(ways.OURS, 1.2, ways.OURS_WITHOUT_SLOW, figure=FAST),
            Goal(ways.OURS, 150, figure=PEAK),
        ),
    )


def _loads(sizes: Sizes) -> t.Iterator[Workload]:
    kinds: list[tuple[str, str, t.Callable[[Site, int], Case]]] = [
        ("get", "Download", download),
        ("put", "Upload", upload),
    ]
    for key, title, build in kinds:
        yield Workload(
            key,
            f"{title} of one file of {_mib(sizes.large)}, loopback",
            build,
            amount=sizes.large,
            warm_up=4 * MIB,
            goals=(
                Goal(ways.OURS, 1.1, peers.SFTP_GCM),
                Goal(ways.OURS, 1.1, peers.SCP_GCM),
                Goal(ways.OURS, 100, figure=PEAK),
            ),
        )


def _small_files(sizes: Sizes) -> t.Iterator[Workload]:
    kinds: list[tuple[str, str, t.Callable[[Site, int], Case], int]] = [
        ("get-many", "Download", download_many, 1),
        ("put-many", "Upload", upload_many, 1),
        ("relay-many", "Relay", relay_many, 2),
    ]
    for key, title, build, connections in kinds:
        yield Workload(
            key,
            f"{title} of {sizes.small_files:,} files of 16 KiB, loopback",
            build,
            amount=sizes.small_files,
            warm_up=_FEW,
            goals=(Goal(ways.OURS, 0.5, peers.RCLONE), Goal(ways.OURS, connections, figure=CONNECTIONS)),
        )


def _lookups(sizes: Sizes) -> t.Iterator[Workload]:
    yield Workload(
        "nothing",
        f"Nothing to do: a second run with one file of {_mib(sizes.large)}",
        nothing_to_do,
        amount=sizes.large,
        warm_up=4 * MIB,
        goals=(Goal(ways.OUR_TASK, 0.25, peers.FETCH_COPY), Goal(ways.OUR_TASK, 2, figure=CONNECTIONS)),
    )
    yield Workload(
        "newest",
        f"The newest of {sizes.listed:,} files in one directory",
        newest,
        amount=sizes.listed,
        warm_up=100,
        goals=(
            Goal(ways.OURS, 1.0, peers.RCLONE),
            Goal(ways.OURS, _CONSTANT, ways.OURS_OF_A_TENTH, figure=PEAK),
        ),
    )


def _mib(size: int) -> str:
    return f"{size / MIB:g} MiB"
