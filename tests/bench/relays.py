# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays of one file: to one or several destinations, on one of the servers, and of an unchanged file."""

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

from . import peers, ways
from .cases import Case, Facts, fill, relay_facts, remove, require_same
from .figures import FAST
from .measure import Measurement, RunError
from .site import Site
from .ways import Way

_MODULE_RUNS = (ways.OURS, ways.OURS_UNPROVEN, ways.OURS_TO_ONE, ways.OURS_WITHOUT_SLOW)


def relay(site: Site, size: int) -> Case:
    """Copy one file that the destination does not have."""
    file = f"backup-{size}"
    found = [
        ways.our_relay(site, ways.OURS, file),
        ways.our_relay(site, ways.OURS_UNPROVEN, file, verify="acknowledged"),
        ways.our_task(site, ways.OUR_TASK, file),
        peers.rclone_copy(site, peers.RCLONE, file),
        peers.rclone_copy(site, peers.RCLONE_UNPROVEN, file, "--ignore-checksum"),
        peers.rclone_copy(site, peers.RCLONE_TUNED, file, "--sftp-chunk-size", "255Ki"),
        peers.scp_relay(site, peers.SCP_3, file),
        peers.scp_relay(site, peers.SCP_3_GCM, file, *peers.GCM),
        peers.textbook(site, file),
        peers.fetch_and_copy(site, file),
    ]
    return _of_one_file(site, file, size, found)


def fan_out(site: Site, size: int) -> Case:
    """Copy one file to every destination; programs with one destination run once for each."""
    file = f"backup-{size}"
    source = peers.there(site.source, file)
    steps = [
        peers.rclone(site, peers.RCLONE, "copyto", source, peers.there(place, file)) for place in site.destinations
    ]
    found = [
        ways.our_relay(site, ways.OURS, file),
        ways.our_relay(site, ways.OURS_TO_ONE, file, to=site.destinations[:1]),
        peers.in_turn(peers.RCLONE_IN_TURN, steps),
    ]
    return _of_one_file(site, file, size, found, reached={ways.OURS_TO_ONE: 1})


def with_a_slow_one(site: Site, size: int) -> Case:
    """Copy one file to every destination, of which the last is slow."""
    file = f"backup-{size}"
    fast = len(site.destinations) - 1
    found = [
        ways.our_relay(site, ways.OURS, file),
        ways.our_relay(site, ways.OURS_WITHOUT_SLOW, file, to=site.destinations[:fast]),
    ]
    usual = _of_one_file(site, file, size, found, reached={ways.OURS_WITHOUT_SLOW: fast})

    def check(way: Way, measurement: Measurement) -> Facts:
        facts = usual.check(way, measurement)
        entries = json.loads(measurement.output)["destinations"][:fast]
        return {**facts, FAST: max(entry["seconds"] for entry in entries)}

    return Case(found, usual.prepare, check)


def past_the_controller(site: Site, size: int) -> Case:
    """Copy one file directly from one server to the other."""
    file = f"backup-{size}"
    found = [
        ways.our_task(site, ways.OURS_BY_SOURCE, file, route="source"),
        ways.our_task(site, ways.OURS_BY_DESTINATION, file, route="destination"),
        ways.our_task(site, ways.OUR_TASK, file),
        peers.rsync_direct(site, peers.RSYNC_DIRECT, file),
        peers.rsync_direct(site, peers.RSYNC_DIRECT_GCM, file, *peers.GCM),
        peers.scp_direct(site, peers.SCP_DIRECT_GCM, file, *peers.GCM),
    ]
    return _of_one_file(site, file, size, found)


def _of_one_file(
    site: Site, file: str, size: int, found: list[Way], *, reached: t.Mapping[str, int] | None = None
) -> Case:
    """Return the case of a new file; ``reached`` names the ways that copy to the first destinations only."""
    source, copies = site.source.local(file), [place.local(file) for place in site.destinations]
    fill(source, size)

    def check(way: Way, measurement: Measurement) -> Facts:
        for path in copies[: (reached or {}).get(way.name)]:
            require_same(source, path)
        return relay_facts(measurement, size) if way.name in _MODULE_RUNS else {}

    return Case(found, lambda: remove(*copies, peers.fetched(site, file)), check)


def nothing_to_do(site: Site, size: int) -> Case:
    """Compare a copy that is unchanged, and do not write it."""
    file = f"same-{size}"
    source = site.source.local(file)
    fill(source, size)
    copies = [place.local(file) for place in site.destinations]
    for path in (*copies, peers.fetched(site, file)):
        shutil.copy2(source, path)
    before = [_identity(path) for path in copies]

    def check(way: Way, _measurement: Measurement) -> Facts:
        for path, identity in zip(copies, before):
            if _identity(path) != identity:
                raise RunError(f"{way.name} replaced {path.name}, which was the same already")
            require_same(source, path)
        return {}

    found = [
        ways.our_relay(site, ways.OURS, file, compare="checksum"),
        ways.our_relay(site, ways.OURS_BY_TIME, file, compare="size_mtime"),
        ways.our_task(site, ways.OUR_TASK, file, compare="checksum"),
        peers.rclone_copy(site, peers.RCLONE, file, "--checksum"),
        peers.rclone_copy(site, peers.RCLONE_BY_TIME, file),
        peers.fetch_and_copy(site, file),
    ]
    return Case(found, lambda: None, check)


def _identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
