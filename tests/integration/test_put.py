# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upload leaves on the server, and what it says about it."""

from __future__ import annotations

import json
from pathlib import Path

from .controller import Place, Site, Vars, put

_CONTENT = b"a license " * 4000


def _contents(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def _states(result: Vars) -> list[str]:
    return [entry["state"] for entry in result["files"]]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_file_a_list_and_a_directory_arrive_and_a_second_run_changes_nothing(site: Site, store: Place) -> None:
    _write(site.folder / "files" / "a", _CONTENT)
    _write(site.folder / "files" / "tree" / "sub" / "b {{ x }}", b"second")
    _write(site.folder / "c", b"third")
    end = {"inventory_host": "store"}
    tasks = [
        put("file", endpoint=end, src="a", dest=store.path("one")),
        put("list", endpoint=end, paths=["a", "c"], dest=store.path("list"), create_directories=True),
        put("tree", endpoint=end, src="tree", dest=store.path(), mode="0640"),
        put("content of tree", endpoint=end, src="tree/", dest=store.path("inside"), create_directories=True),
    ]
    planned = site.play(*tasks, arguments=["--check", "--diff"])
    assert store.names() == set()
    first = site.play(*tasks)
    second = site.play(*tasks)
    for name in ("file", "list", "tree", "content of tree"):
        assert set(_states(planned.succeeded(name))) == {"planned"}
        assert set(_states(first.succeeded(name))) == {"created"}
        assert set(_states(second.succeeded(name))) == {"unchanged"}
        assert (planned[name]["changed"], first[name]["changed"], second[name]["changed"]) == (True, True, False)
        assert len(first[name]["connections"]) == 1
    assert _contents(store.folder) == {
        "one": _CONTENT,
        "list/a": _CONTENT,
        "list/c": b"third",
        "tree/sub/b {{ x }}": b"second",
        "inside/sub/b {{ x }}": b"second",
    }
    assert (store.local("tree/sub/b {{ x }}").stat().st_mode & 0o777) == 0o640


def test_a_source_that_is_nowhere_is_said_before_anything_is_sent(site: Site, store: Place) -> None:
    run = site.play(put("put", src="nowhere", dest=store.path()), hosts="store")
    assert run.failure("put")["code"] == "invalid_input"
    assert store.names() == set()


def test_a_role_finds_its_files_and_the_play_host_needs_no_python(site: Site, store: Place) -> None:
    _write(site.folder / "roles" / "licensed" / "files" / "license.key", _CONTENT)
    task = put("put", src="license.key", dest=store.path())
    _write(site.folder / "roles" / "licensed" / "tasks" / "main.yml", json.dumps([task]).encode())
    run = site.play(hosts="store", roles=["licensed"])
    assert _states(run.succeeded("licensed : put")) == ["created"]
    assert store.content("license.key") == _CONTENT
