# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest file of a large directory."""

from __future__ import annotations

import json
import os
import typing as t

from . import peers, ways
from .cases import Case, Facts, dated_files
from .measure import Measurement, RunError
from .site import Site
from .ways import Way


def newest(site: Site, count: int) -> Case:
    """Find the newest file of a directory. rclone only lists; a shell would sort its output.

    Our module also runs with a tenth of the files, which shows what its memory depends on.
    """
    all_files, tenth = f"many-{count}", f"few-{count}"
    expected = dated_files(site.source.local(all_files), count)
    expected_of_tenth = dated_files(site.source.local(tenth), max(1, count // 10))
    path = site.source.path(all_files)

    def check(way: Way, measurement: Measurement) -> Facts:
        right = expected_of_tenth if way.name == ways.OURS_OF_A_TENTH else expected
        found = _PICK[way.name](measurement.output)
        if os.path.basename(found) != right:
            raise RunError(f"{way.name} took {found!r} for the newest file, which is {right!r}")
        return {}

    found = [
        _our_find(site, ways.OURS, path),
        _our_find(site, ways.OURS_OF_A_TENTH, site.source.path(tenth)),
        peers.rclone(site, peers.RCLONE, "lsf", "--files-only", "--format", "tp", f"{site.source.name}:{path}"),
        peers.sftp(site, peers.SFTP_LIST, site.source, f"ls -1t {path}"),
    ]
    return Case(found, lambda: None, check)


def _our_find(site: Site, name: str, path: str) -> Way:
    arguments = {"endpoint": ways.our_endpoint(site.source), "path": path, "limit": 1}
    return ways.our_module(site, name, "sftp_find", arguments)


def _latest(output: str) -> str:
    return str(json.loads(output)["latest"]["path"])


_PICK: t.Mapping[str, t.Callable[[str], str]] = {
    ways.OURS: _latest,
    ways.OURS_OF_A_TENTH: _latest,
    peers.RCLONE: lambda output: max(output.splitlines()).partition(";")[2],
    peers.SFTP_LIST: lambda output: next(line for line in output.splitlines() if not line.startswith("sftp>")).strip(),
}
