# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads: files on the controller, and results."""

from __future__ import annotations

import base64
import os
import re
import stat
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.actors import MISNAMING_SERVER
from ansible_collections.backhaul.sftp.tests.lab import Proxy, SharedLab, start_asyncssh

from .controller import Place, Site, Vars, eventually, get

_LINE = re.compile(r"^  localhost: +\d+% of 1.9 MiB, .*", re.MULTILINE)
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


_NAMES = [b"../escaped", b"/tmp/backhaul-escaped", b"a/b", b"a\0b", b"", b"back\\slash", b"good", b"good"]


def test_no_name_that_a_server_sends_leads_out_of_the_destination(site: Site) -> None:
    bait = site.folder / "bait"
    bait.write_bytes(b"bait")
    os.utime(bait, (1, 1))
    options = {
        "files": [base64.b64encode(name).decode() for name in _NAMES],
        "directories": [base64.b64encode(name).decode() for name in (b"..", b".", b"../up", b"/etc")],
        "bait": str(bait),
    }
    with start_asyncssh(sftp_class=MISNAMING_SERVER, options=options) as server:
        place = site.add("hostile", server)
        place.put("honest", b"content")
        run = site.play(
            get(
                "tree",
                endpoint={"inventory_host": "hostile"},
                src=place.path(),
                dest="in/tree",
                create_directories=True,
            )
        )
    assert run.failure("tree")["code"] == "suspicious"
    assert _contents(site.folder / "in") == {"tree/honest": b"content", "tree/good": b"bait"}
    assert set(_states(run["tree"])) == {"created"}
    suspicious = [entry for entry in run["tree"]["passed_over"] if entry["reason"] == "suspicious_name"]
    # One is "good"; the directories "." and ".." are in every listing and are ignored.
    assert len(suspicious) == len(_NAMES) - 1 + 2
    assert not Path("/tmp/backhaul-escaped").exists()
    assert not any(path.name in ("escaped", "up") for path in site.folder.rglob("*"))


def test_a_link_that_was_planted_below_the_destination_is_refused(site: Site, store: Place) -> None:
    _planted(store)
    elsewhere, dest = site.folder / "elsewhere", site.folder / "dest"
    for folder in (elsewhere, dest):
        folder.mkdir()
    (dest / "sub").symlink_to(elsewhere)
    (dest / "a").symlink_to(elsewhere / "a")
    end = {"inventory_host": "store"}
    run = site.play(
        get("tree", endpoint=end, src=store.path(), dest=str(dest)),
        get("file", endpoint=end, src=store.path("a"), dest=f"{dest}/"),
        get("list", endpoint=end, paths=[store.path("a"), store.path("sub/b")], dest=str(dest)),
    )
    assert set(_states(run["tree"])) == {"failed"}
    assert (run.failure("tree")["code"], run.failure("file")["code"]) == ("unsafe_path", "unsafe_path")
    assert _states(run["list"]) == ["failed", "created"]
    assert os.listdir(elsewhere) == []
    assert (dest / "a").is_symlink()


def test_links_and_pipes_of_the_server_are_reported_and_not_followed(site: Site, store: Place) -> None:
    _planted(store)
    store.local("sub/link").symlink_to("b")
    store.local("loop").symlink_to(".")
    os.mkfifo(store.local("pipe"))
    run = site.play(
        get("tree", endpoint={"inventory_host": "store"}, src=store.path(), dest="tree", create_directories=True),
        get("link", endpoint={"inventory_host": "store"}, src=store.path("sub/link"), dest="link"),
    )
    result = run.succeeded("tree")
    assert _contents(site.folder / "tree") == _TREE
    passed_over = {entry["path"] for entry in result["passed_over"]}
    assert passed_over == {store.path(name) for name in ("sub/link", "loop", "pipe")}
    assert len(result["warnings"]) == 2
    assert run.failure("link")["code"] == "invalid_input"
    assert not (site.folder / "link").exists()


def test_many_files_take_one_connection_and_show_one_line(site: Site, slow: tuple[Place, Proxy]) -> None:
    place, proxy = slow
    for number in range(40):
        place.put(f"{number:02d}", b"x" * 50_000)
    proxy.downstream.throttle(400_000)
    task = get("get", src=place.path(), dest="tree", create_directories=True, heartbeat="1s")
    with site.playing(task, hosts="slow") as running:
        eventually(lambda: _LINE.search(running.text))
        proxy.downstream.throttle(0)
        running.wait()
    run = running.run()
    assert len(run.succeeded("get")["connections"]) == 1
    assert run["get"]["counts"] == {"created": 40}
    assert all(line.endswith("/tree") for line in _LINE.findall(run.output))


def test_what_was_done_before_a_lost_server_still_counts(site: Site, slow: tuple[Place, Proxy]) -> None:
    place, proxy = slow
    place.put("a", b"small")
    place.put("b", b"x" * 3_000_000)
    for name in "cde":
        place.put(name, b"small")
    proxy.downstream.throttle(200_000)
    task = get("get", src=place.path(), dest="tree", create_directories=True, retries=1, retry_delay="0.1s")
    with site.playing(task, hosts="slow") as running:
        eventually((site.folder / "tree" / "a").exists)
        proxy.refusing = True
        proxy.cut()
        running.wait()
    run = running.run()
    assert _states(run["get"]) == ["created", *["failed"] * 4]
    assert run["get"]["changed"] is True
    assert [entry["error"]["retryable"] for entry in run["get"]["files"][1:]] == [True] * 4
    assert [entry["attempts"] for entry in run["get"]["files"]][3:] == [0, 0]
    assert _contents(site.folder / "tree") == {"a": b"small"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_copies_get_the_owner_that_is_asked_for(site: Site, store: Place) -> None:
    _planted(store)
    task = get("get", src=store.path(), dest=str(site.folder), mode="0640", owner="12345", group="23456")
    planned = site.play(task, hosts="store", arguments=["--check"])
    first = site.play(task, hosts="store")
    second = site.play(task, hosts="store")
    assert {entry["state"] for entry in planned.succeeded("get")["files"]} == {"planned"}
    status = (site.folder / "sub" / "b").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o640)
    assert (first.succeeded("get")["changed"], second.succeeded("get")["changed"]) == (True, False)
    os.chown(site.folder / "a", 0, 0)
    third = site.play(task, hosts="store", arguments=["--diff"])
    assert [entry["attributes_changed"] for entry in third.succeeded("get")["files"]] == [["owner", "group"], [], []]


def test_a_directory_that_may_not_be_listed_harms_no_other(site: Site, lab: SharedLab) -> None:
    place = site.add("guest", lab.openssh(variant="internal", account="nobody"))
    _planted(place)
    place.local("closed").mkdir(mode=0o700)
    run = site.play(get("get", src=place.path(), dest="tree", create_directories=True), hosts="guest")
    error = run.failure("get")
    assert (error["code"], error["host"], error["role"]) == ("permission_denied", "guest", "source")
    assert _contents(site.folder / "tree") == _TREE
    assert [(entry["path"], entry["reason"]) for entry in run["get"]["passed_over"]] == [
        (place.path("closed"), "unreadable")
    ]
