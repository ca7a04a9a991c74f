# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays of lists and directories between real servers, in playbooks."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.lab import SharedLab

from .controller import Place, Site, Vars, relay

_MTIME = 1_700_000_000
_ODD: list[str | bytes] = [
    "with space",
    "new\nline",
    "-rf",
    "~",
    "{{ 6 * 7 }}",
    "*?[x]",
    "'\"$(id)",
    "ümlaut",
    b"latin-\xe9",
    "." + "x" * 200,
]


@pytest.fixture
def second(site: Site, lab: SharedLab) -> Place:
    """A second folder on the server with a shell; its inventory name is ``second``."""
    return site.add("second", lab.openssh())


def _planted(place: Place, files: t.Mapping[t.Any, bytes]) -> None:
    for name, content in files.items():
        place.local(name).parent.mkdir(parents=True, exist_ok=True)
        place.put(name, content)


def _contents(top: Path) -> dict[bytes, bytes]:
    root = os.fsencode(top)
    return {
        os.path.relpath(os.path.join(folder, name), root): Path(os.fsdecode(os.path.join(folder, name))).read_bytes()
        for folder, _folders, names in os.walk(root)
        for name in names
    }


def _states(result: Vars, place: int = 0) -> list[str]:
    return [file["destinations"][place]["state"] for file in result["files"]]


def test_two_hundred_files_reach_two_destinations_over_one_connection_each(
    site: Site, source: Place, store: Place, second: Place
) -> None:
    files = {f"tree/{n % 7}/file-{n:03}": os.urandom(n * 37) for n in range(200)}
    _planted(source, files)
    task: Vars = {
        "source": source.end("tree"),
        "destinations": [store.end("in/"), second.end("in")],
        "create_directories": True,
        "mode": "0640",
    }
    planned = site.play(relay("relay", **task), arguments=["--check", "--diff"])
    assert store.names() == second.names() == set()
    first = site.play(relay("relay", **task)).succeeded("relay")
    again = site.play(relay("relay", **task)).succeeded("relay")
    expected = {os.fsencode(name): content for name, content in files.items()}
    for place in (store, second):
        assert _contents(place.local("in")) == expected
        status = place.local("in/tree/3/file-003").stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o640, _MTIME)
    total = sum(map(len, files.values()))
    assert (first["bytes_read"], first["source"]["size"], first["source"]["files"]) == (total, total, 200)
    for entry in first["destinations"]:
        assert (entry["state"], entry["counts"], entry["bytes_sent"]) == ("created", {"created": 200}, total)
    assert [entry["counts"] for entry in again["destinations"]] == [{"unchanged": 200}] * 2
    assert (again["changed"], again["bytes_read"], again["directories"]) == (False, 0, [])
    assert [entry["counts"] for entry in planned.succeeded("relay")["destinations"]] == [{"planned": 200}] * 2
    assert len(planned["relay"]["diff"]) == len(first["directories"]) + 400
    for result in (first, again):
        assert sorted(connection["name"] for connection in result["connections"]) == ["second", "source", "store"]


def test_odd_names_arrive_as_they_are(site: Site, source: Place, store: Place) -> None:
    _planted(source, {os.fsencode("tree/dir \n'x/") + os.fsencode(name): os.fsencode(name) for name in _ODD})
    task = relay("relay", source=source.end("tree/"), destinations=[store.end("copy")], create_directories=True)
    result = site.play(task).succeeded("relay")
    assert _contents(store.local("copy")) == _contents(source.local("tree"))
    assert len(_contents(store.local("copy"))) == len(_ODD)
    exact = [base64.b64decode(file["source"].get("path_base64", "")) for file in result["files"]]
    assert any(path.endswith(b"latin-\xe9") for path in exact)


def test_one_bad_file_harms_no_other(site: Site, source: Place, appliance: Place, store: Place) -> None:
    _planted(source, {name: name.encode() * 100 for name in ("a", "b", "c", "taken")})
    store.local("taken").mkdir()
    paths = [source.path(name) for name in ("a", "gone", "b", "taken", "c")]
    run = site.play(
        relay(
            "relay",
            source={"inventory_host": "source", "paths": paths},
            destinations=[appliance.end(), store.end()],
        )
    )
    result = run["relay"]
    assert _states(result, 0) == ["created", "failed", "created", "created", "created"]
    assert _states(result, 1) == ["created", "failed", "created", "failed", "created"]
    assert run.states("relay") == ["failed", "failed"]
    assert result["destinations"][0]["counts"] == {"created": 4, "failed": 1}
    error = run.failure("relay")
    assert (error["code"], error["role"], error["details"]["failed"]) == ("not_found", "source", 2)
    assert (store.content("c"), appliance.content("taken")) == (b"c" * 100, b"taken" * 100)


def test_a_destination_succeeds_when_all_its_files_did(
    site: Site, source: Place, appliance: Place, store: Place
) -> None:
    _planted(source, {"tree/a": b"a", "tree/b": b"b"})
    store.local("b").mkdir()
    ends: Vars = {"source": source.end("tree/"), "destinations": [appliance.end(), store.end()]}
    run = site.play(relay("one", **ends, min_success=1), relay("all", **ends))
    result = run.succeeded("one")
    assert run.states("one") == ["created", "failed"]
    assert any("the destination is a directory" in warning for warning in result["warnings"])
    assert run.failure("all")["code"] == "invalid_input"
    assert run.states("all") == ["unchanged", "failed"]


def test_a_destination_without_its_directory_does_not_stop_the_other(site: Site, source: Place, store: Place) -> None:
    _planted(source, {"tree/a": b"a", "tree/b": b"b"})
    run = site.play(
        relay("relay", source=source.end("tree/"), destinations=[store.end("none/x"), store.end()], min_success=1)
    )
    run.succeeded("relay")
    assert run.states("relay") == ["failed", "created"]
    assert run["relay"]["destinations"][0]["error"]["code"] == "not_found"
    assert store.names() == {"a", "b"}


def test_links_and_unreadable_directories_are_told_of(site: Site, source: Place, store: Place) -> None:
    _planted(source, {"tree/a": b"a"})
    source.local("tree/link").symlink_to("a")
    os.mkfifo(source.local("tree/pipe"))
    result = site.play(relay("relay", source=source.end("tree/"), destinations=[store.end()])).succeeded("relay")
    assert store.names() == {"a"}
    assert [entry["reason"] for entry in result["passed_over"]] == ["not_a_file", "not_a_file"]
    assert any("symbolic link" in warning for warning in result["warnings"])


def test_two_destinations_may_not_have_the_same_files(site: Site, source: Place, store: Place) -> None:
    _planted(source, {"tree/a": b"a", "tree/sub/a": b"other"})
    twice = [store.end(), store.end("sub/..") | {"path": store.path() + "./"}]
    nested = [store.end(), store.end("sub")]
    run = site.play(
        relay("twice", source=source.end("tree/"), destinations=twice),
        relay("nested", source=source.end("tree/"), destinations=nested, create_directories=True),
        relay("file", source=source.end("tree/a"), destinations=[store.end(), store.end("a")]),
        relay("both", source=source.end("tree/a", paths=["x"]), destinations=[store.end()]),
        relay("none", source={"inventory_host": "source"}, destinations=[store.end()]),
    )
    for task in ("twice", "nested", "file", "both", "none"):
        assert run.failure(task)["code"] == "invalid_input", task
    assert store.names() == set()


def test_a_planted_link_does_not_lead_out_of_a_local_destination(site: Site, source: Place) -> None:
    _planted(source, {"tree/sub/a": b"a", "tree/b": b"b"})
    here, elsewhere = site.folder / "here", site.folder / "elsewhere"
    elsewhere.mkdir()
    here.mkdir()
    (here / "sub").symlink_to(elsewhere)
    run = site.play(relay("relay", source=source.end("tree/"), destinations=[{"local": True, "path": str(here)}]))
    assert _states(run["relay"]) == ["created", "failed"]
    assert run["relay"]["files"][1]["destinations"][0]["error"]["code"] == "unsafe_path"
    assert os.listdir(elsewhere) == []
    shutil.rmtree(here)


def test_the_ends_can_do_it_themselves(site: Site, store: Place, appliance: Place, lab: SharedLab) -> None:
    near = site.add("near", lab.openssh(), ansible_python_interpreter=sys.executable)
    other = site.add("other", lab.openssh(), ansible_python_interpreter=sys.executable)
    files = {"tree/a": b"a" * 1000, "tree/sub/b": b"b"}
    _planted(near, files)
    _planted(store, files)
    run = site.play(
        relay("out", source=near.end("tree/"), destinations=[store.end("x/"), appliance.end()], route="source"),
        relay("in", source=store.end("tree/"), destinations=[near.end("y"), other.end("z")], route="destination"),
        relay(
            "list",
            source={"inventory_host": "near", "paths": [near.path("tree/a"), near.path("gone")]},
            destinations=[store.end("list")],
            route="source",
        ),
        module_defaults={"backhaul.sftp.sftp_relay": {"create_directories": True}},
    )
    expected = {b"a": b"a" * 1000, b"sub/b": b"b"}
    for task in ("out", "in"):
        result = run.succeeded(task)
        assert [file["source"]["path"].rsplit("/", 1)[1] for file in result["files"]] == ["a", "b"]
        assert [_states(result, place) for place in range(2)] == [["created"] * 2] * 2
        assert run.states(task) == ["created", "created"]
    for top in (store.local("x"), appliance.folder, near.local("y"), other.local("z")):
        assert _contents(top) == expected
    assert run.failure("list")["code"] == "not_found"
    assert _states(run["list"]) == ["created", "failed"]
