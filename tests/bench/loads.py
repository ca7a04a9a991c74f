# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads and uploads of one large file, and copies of many small ones."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import source_spec

from . import peers, ways
from .cases import SMALL_FILE_BYTES, Case, Facts, fill, relay_facts, remove, require_same, small_files
from .measure import Measurement
from .site import Site
from .ways import Arguments, Way


def download(site: Site, size: int) -> Case:
    """Download one file."""
    file = f"download-{size}"
    remote, local = site.source.local(file), site.folder / file
    fill(remote, size)
    path = site.source.path(file)
    arguments = {"endpoint": ways.our_endpoint(site.source), "src": path, "dest": str(local)}
    there = peers.there(site.source, file)
    line = f"get {path} {local}"
    found = [
        ways.our_module(site, ways.OURS, "sftp_get", arguments),
        peers.sftp(site, peers.SFTP, site.source, line),
        peers.sftp(site, peers.SFTP_GCM, site.source, line, options=peers.GCM),
        peers.scp(site, peers.SCP, there, str(local)),
        peers.scp(site, peers.SCP_GCM, *peers.GCM, there, str(local)),
        peers.rclone(site, peers.RCLONE, "copyto", there, str(local)),
        peers.fetch(site, file, local),
    ]
    return Case(found, lambda: remove(local), _comparing(remote, local, size))


def upload(site: Site, size: int) -> Case:
    """Upload one file to the first destination."""
    file = f"upload-{size}"
    place = site.destinations[0]
    local, remote = site.folder / file, place.local(file)
    fill(local, size)
    path = place.path(file)
    arguments = {"endpoint": ways.our_endpoint(place), "src": str(local), "dest": path}
    there = peers.there(place, file)
    line = f"put {local} {path}"
    found = [
        ways.our_module(site, ways.OURS, "sftp_put", arguments),
        peers.sftp(site, peers.SFTP, place, line),
        peers.sftp(site, peers.SFTP_GCM, place, line, options=peers.GCM),
        peers.scp(site, peers.SCP, str(local), there),
        peers.scp(site, peers.SCP_GCM, *peers.GCM, str(local), there),
        peers.rclone(site, peers.RCLONE, "copyto", str(local), there),
        peers.copy(site, local, file),
    ]
    return Case(found, lambda: remove(remote), _comparing(local, remote, size))


def download_many(site: Site, count: int) -> Case:
    """Download a folder of small files."""
    name = f"small-{count}"
    remote, local = site.source.local(name), site.folder / name
    small_files(remote, count)
    path = site.source.path(name)
    there = peers.there(site.source, name)
    found = [
        ways.our_module(site, ways.OURS, "sftp_get", _folder(ways.our_endpoint(site.source), path, str(local))),
        peers.rclone(site, peers.RCLONE, "copy", there, str(local)),
        peers.sftp(site, peers.SFTP_GCM, site.source, f"get -r {path} {local}", options=peers.GCM),
        peers.scp(site, peers.SCP_GCM, *peers.GCM, "-r", there, str(local)),
    ]
    return Case(found, lambda: remove(local), _comparing(remote, local, count * SMALL_FILE_BYTES))


def upload_many(site: Site, count: int) -> Case:
    """Upload a folder of small files to the first destination."""
    name = f"small-{count}"
    place = site.destinations[0]
    local, remote = site.folder / name, place.local(name)
    small_files(local, count)
    path = place.path(name)
    there = peers.there(place, name)
    found = [
        ways.our_module(site, ways.OURS, "sftp_put", _folder(ways.our_endpoint(place), str(local), path)),
        peers.rclone(site, peers.RCLONE, "copy", str(local), there),
        peers.sftp(site, peers.SFTP_GCM, place, f"put -r {local} {path}", options=peers.GCM),
        peers.scp(site, peers.SCP_GCM, *peers.GCM, "-r", str(local), there),
    ]
    return Case(found, lambda: remove(remote), _comparing(local, remote, count * SMALL_FILE_BYTES))


def _folder(endpoint: Arguments, source: str, target: str) -> Arguments:
    return {"endpoint": endpoint, "src": f"{source}/", "dest": f"{target}/", "create_directories": True}


def relay_many(site: Site, count: int) -> Case:
    """Relay a folder of small files."""
    name = f"small-{count}"
    place = site.destinations[0]
    source, copy = site.source.local(name), place.local(name)
    listed = [site.source.path(f"{name}/{file}") for file in small_files(source, count)]
    ends = peers.there(site.source, name), peers.there(place, name)
    found = [
        _relay_of(site, listed, f"{place.path(name)}/"),
        peers.rclone(site, peers.RCLONE, "copy", *ends),
        peers.scp(site, peers.SCP_3_GCM, "-3", *peers.GCM, "-r", *ends),
    ]
    return Case(found, lambda: remove(copy), _comparing(source, copy, count * SMALL_FILE_BYTES))


def _relay_of(site: Site, listed: list[str], target: str) -> Way:
    if "paths" not in source_spec()["source"]["options"]:
        return Way(ways.OURS, absent="sftp_relay takes one file at a time")
    arguments = {
        "source": {**ways.our_endpoint(site.source), "paths": listed},
        "destinations": [{**ways.our_endpoint(site.destinations[0]), "path": target}],
        "create_directories": True,
    }
    return ways.our_module(site, ways.OURS, "sftp_relay", arguments)


def _comparing(source: Path, copy: Path, size: int) -> t.Callable[[Way, Measurement], Facts]:
    def check(way: Way, measurement: Measurement) -> Facts:
        require_same(source, copy)
        return relay_facts(measurement, size) if way.name == ways.OURS else {}

    return check
