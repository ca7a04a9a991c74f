# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a download leaves on the controller, and what it says about it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .controller import Place, Site, Vars, get

_CONTENT = b"a backup " * 4000
_MTIME = 1_700_000_000
_TREE = {"a": _CONTENT, "sub/b": b"second", "sub/deep/c \n{{ 6 * 7 }}": b"third"}


def _planted(place: Place) -> None:
    for name, content in _TREE.items():
        place.local(name).parent.mkdir(parents=True, exist_ok=True)
        place.put(name, content)


def _contents(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def _states(result: Vars) -> list[str]:
    return [entry["state"] for entry in result["files"]]


def test_a_file_a_list_and_a_directory_arrive_and_a_second_run_changes_nothing(site: Site, store: Place) -> None:
    _planted(store)
    end = {"inventory_host": "store"}
    tasks = [
        get("file", endpoint=end, src=store.path("a"), dest="one"),
        get("into", endpoint=end, src=store.path("a"), dest=f"{site.folder}/into/", create_directories=True),
        get("list", endpoint=end, paths=[store.path("a"), store.path("sub/b")], dest="list", create_directories=True),
        get("tree", endpoint=end, src=store.path(), dest="tree/", create_directories=True, mode="0640"),
    ]
    planned = site.play(*tasks, arguments=["--check", "--diff"])
    assert not any((site.folder / name).exists() for name in ("one", "into", "list", "tree"))
    first = site.play(*tasks)
    second = site.play(*tasks)
    for name in ("file", "into", "list", "tree"):
        assert set(_states(planned.succeeded(name))) == {"planned"}
        assert set(_states(first.succeeded(name))) == {"created"}
        assert set(_states(second.succeeded(name))) == {"unchanged"}
        assert (planned[name]["changed"], first[name]["changed"], second[name]["changed"]) == (True, True, False)
        assert len(first[name]["connections"]) == 1
    assert (site.folder / "one").read_bytes() == (site.folder / "into" / "a").read_bytes() == _CONTENT
    assert _contents(site.folder / "list") == {"a": _CONTENT, "b": b"second"}
    assert _contents(site.folder / "tree") == _TREE
    status = (site.folder / "tree" / "sub" / "b").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o640, _MTIME)
    assert stat.S_IMODE((site.folder / "one").stat().st_mode) == 0o600


def test_the_play_host_needs_no_python_and_one_bad_file_harms_no_other(site: Site, store: Place) -> None:
    _planted(store)
    paths = [store.path(name) for name in ("a", "gone", "sub", "sub/b")]
    run = site.play(get("get", paths=paths, dest="{{ inventory_hostname }}/", create_directories=True), hosts="store")
    assert _states(run["get"]) == ["created", "failed", "failed", "created"]
    error = run.failure("get")
    assert (error["code"], error["role"], error["host"]) == ("not_found", "source", "store")
    assert (error["details"]["failed"], error["details"]["succeeded"]) == (2, 2)
    assert _contents(site.folder / "store") == {"a": _CONTENT, "b": b"second"}


def test_nothing_half_done_stays_behind(site: Site, store: Place) -> None:
    _planted(store)
    site.play(get("get", endpoint={"inventory_host": "store"}, src=store.path("a"), dest=f"{site.folder}/"))
    assert not [name for name in os.listdir(site.folder) if name.startswith(".backhaul")]
