# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of sftp_get on real files; what hostile servers do is in the integration tests."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.confined import ConfinedFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._module import get as get_module
from ansible_collections.backhaul.sftp.plugins.module_utils._module.get import get
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import ModuleResult, Request, limited
from ansible_collections.backhaul.sftp.plugins.module_utils._options.paths import get_spec
from ansible_collections.backhaul.sftp.tests.unit.fakes import listeners
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import parameters

FILES = {"a.txt": b"first", "sub/b.txt": b"second", "sub/deep/c.txt": b"third" * 1000}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    top = tmp_path / "in"
    for name, content in FILES.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
        os.utime(top / name, (1_700_000_000, 1_700_000_000))
    (top / "empty").mkdir()
    return top


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def got(check: bool = False, **given: t.Any) -> ModuleResult:
    params = parameters(get_spec(), **{"endpoint": {"local": True}, "retries": 0, **given})
    answer = get(Request(params, check_mode=check, diff_mode=True))
    json.dumps(answer.result)
    return answer


def contents(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def states(answer: ModuleResult) -> list[str]:
    return [entry["state"] for entry in answer.result["files"]]


def test_one_file_goes_to_the_name_or_into_the_directory(source: Path, target: Path) -> None:
    named = got(src=str(source / "a.txt"), dest=str(target / "renamed"))
    inside = got(src=str(source / "a.txt"), dest=f"{target}/")
    assert (named.error, inside.error) == (None, None)
    assert contents(target) == {"renamed": b"first", "a.txt": b"first"}
    (entry,) = inside.result["files"]
    assert (entry["source"], entry["path"], entry["state"]) == (str(source / "a.txt"), f"{target}/a.txt", "created")
    assert entry["verified_by"] == "local"
    assert inside.result["counts"] == {"created": 1}


@pytest.mark.parametrize(("slash", "below"), [("", "in"), ("/", "."), ("/.", ".")])
def test_a_directory_is_copied_itself_or_its_content(source: Path, target: Path, slash: str, below: str) -> None:
    answer = got(src=f"{source}{slash}", dest=str(target))
    assert answer.error is None
    assert contents(target / below) == FILES
    assert (target / below / "empty").is_dir()
    assert [entry["path"] for entry in answer.result["files"]] == [
        os.path.normpath(target / below / name) for name in FILES
    ]
    again = got(src=f"{source}{slash}", dest=str(target))
    assert (again.result["changed"], again.result["bytes_sent"], again.result["directories"]) == (False, 0, [])
    assert again.result["counts"] == {"unchanged": len(FILES)}


def test_check_mode_says_what_the_run_does_and_does_nothing(source: Path, target: Path) -> None:
    (target / "in").mkdir()
    (target / "in" / "a.txt").write_bytes(b"other")
    planned = got(check=True, src=str(source), dest=str(target))
    assert contents(target) == {"in/a.txt": b"other"}
    assert not (target / "in" / "sub").exists()
    done = got(src=str(source), dest=str(target))
    assert (planned.error, done.error) == (None, None)
    assert (planned.result["changed"], planned.result["diff"]) == (done.result["changed"], done.result["diff"])
    assert states(planned) == ["planned"] * 3
    assert [entry["action"] for entry in planned.result["files"]] == ["replace", "create", "create"]
    assert {entry["state"] for entry in planned.result["directories"]} == {"planned"}
    paths = [entry["path"] for entry in planned.result["directories"]]
    assert paths == [entry["path"] for entry in done.result["directories"]]
    assert paths == [str(target / "in" / name) for name in ("empty", "sub", "sub/deep")]


def test_a_list_goes_into_a_directory_and_one_bad_file_harms_no_other(source: Path, target: Path) -> None:
    paths = [str(source / name) for name in ("a.txt", "gone", "sub", "sub/b.txt")]
    answer = got(paths=paths, dest=str(target))
    assert states(answer) == ["created", "failed", "failed", "created"]
    assert [entry["source"] for entry in answer.result["files"]] == paths
    assert answer.error is not None
    assert (answer.error.code, answer.error.details["failed"], answer.error.details["succeeded"]) == ("not_found", 2, 2)
    assert answer.result["changed"] is True
    assert contents(target) == {"a.txt": b"first", "b.txt": b"second"}


def test_an_empty_list_is_nothing_to_do(target: Path) -> None:
    answer = got(paths=[], dest=str(target))
    assert (answer.error, answer.result["changed"], answer.result["files"]) == (None, False, [])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"src": "/a", "paths": ["/b"]},
        {"src": ""},
        {"paths": ["/a/x", "/b/x"]},
        {"paths": ["/"]},
        {"paths": ["/a/.."]},
        {"src": "/a\0b"},
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(target: Path, given: dict[str, t.Any]) -> None:
    with pytest.raises(BackhaulError) as caught:
        got(dest=str(target), **given)
    assert caught.value.code in ("invalid_input", "unsafe_path")


@pytest.mark.parametrize("src", ["in", "in/"])
def test_the_directory_to_put_it_into_must_be_there_unless_it_may_be_made(
    source: Path, tmp_path: Path, src: str
) -> None:
    dest = tmp_path / "x" / "y"
    with pytest.raises(BackhaulError) as caught:
        got(src=str(tmp_path / "in") + src[2:], dest=str(dest))
    assert caught.value.code == "not_found"
    answer = got(src=str(tmp_path / "in") + src[2:], dest=str(dest), create_directories=True)
    assert answer.error is None
    made = [entry["path"] for entry in answer.result["directories"]]
    assert made[:2] == [str(dest.parent), str(dest)]


def test_links_and_special_files_in_the_source_are_not_followed_but_reported(source: Path, target: Path) -> None:
    (source / "link").symlink_to("a.txt")
    (source / "loop").symlink_to(".")
    os.mkfifo(source / "pipe")
    (source / ".backhaul-0123456789abcdef-x.part").write_bytes(b"")
    answer = got(src=f"{source}/", dest=str(target))
    assert answer.error is None
    assert contents(target) == FILES
    reasons = {os.path.basename(entry["path"]): entry["reason"] for entry in answer.result["passed_over"]}
    assert reasons == {
        "link": "not_a_file",
        "loop": "not_a_file",
        "pipe": "not_a_file",
        ".backhaul-0123456789abcdef-x.part": "temporary",
    }
    assert len(answer.warnings) == 2


def test_a_link_that_was_planted_in_the_destination_is_not_followed(source: Path, target: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (target / "sub").symlink_to(elsewhere)
    (target / "a.txt").symlink_to(elsewhere / "a.txt")
    answer = got(src=f"{source}/", dest=str(target))
    assert list(elsewhere.iterdir()) == []
    assert states(answer) == ["failed", "failed", "failed"]
    assert {entry["error"]["code"] for entry in answer.result["files"]} == {"unsafe_path"}
    assert answer.error is not None
    assert (target / "empty").is_dir()


def test_the_destination_itself_may_be_reached_through_a_link(source: Path, target: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(target)
    answer = got(src=f"{source}/", dest=str(tmp_path / "link"))
    assert answer.error is None
    assert contents(target) == FILES


def test_after_a_refused_connection_the_rest_is_not_tried_again_and_again(target: Path) -> None:
    port = listeners.unused_port()
    nobody = {"host": listeners.HOST, "port": port, "user": "u", "known_hosts_files": []}
    answer = got(endpoint=nobody, paths=["/a", "/b", "/c", "/d"], dest=str(target), retries=1, retry_delay="0.01s")
    assert [entry["attempts"] for entry in answer.result["files"]] == [2, 2, 0, 0]
    assert {entry["error"]["code"] for entry in answer.result["files"]} == {"connect_failed"}
    assert answer.result["files"][3]["error"]["details"]["not_tried"] is True


def test_when_the_time_is_up_every_file_has_its_entry(source: Path, target: Path) -> None:
    with listeners.listener(listeners.silent) as port, limited(1.0):
        silent = {"host": "127.0.0.1", "port": port, "host_keys": ["SHA256:" + "A" * 43]}
        answer = got(endpoint=silent, paths=["/a", "/b"], dest=str(target))
    assert [entry["error"]["code"] for entry in answer.result["files"]] == ["timed_out", "timed_out"]


class Folding(ConfinedFileSystem):
    """A local file system as that of macOS: letter case makes no difference, and the first name stays."""

    def _names_below(self, path: bytes) -> list[bytes]:
        directory, stored = self._root, []
        for name in super()._names_below(path):
            there = os.listdir(directory) if os.path.isdir(directory) else []
            stored.append(next((entry for entry in there if entry.lower() == name.lower()), name))
            directory = os.path.join(directory, stored[-1])
        return stored


def test_no_copy_of_a_task_replaces_another_one_where_letter_case_makes_no_difference(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_module, "ConfinedFileSystem", Folding)
    top = tmp_path / "folded"
    top.mkdir()
    for name in ("Db.gz", "dB.gz", "other"):
        (top / name).write_text(name)
    answer = got(src=f"{top}/", dest=str(target))
    assert answer.error is not None
    assert (answer.error.code, answer.error.details["published"]) == ("already_exists", f"{target}/Db.gz")
    assert sorted(states(answer)) == ["created", "created", "failed"]
    assert contents(target) == {"Db.gz": b"Db.gz", "other": b"other"}
    assert any("2 copies have names that differ" in warning for warning in answer.warnings)
