# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists and directories to several destinations, on real files."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.relay import relay
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import ModuleResult, Request
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import destinations_spec, source_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.transfer import transfer_spec
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import parameters

SPEC = {**source_spec(), **destinations_spec(), **transfer_spec(), "min_success": {"type": "int"}}
FILES = {"a": b"first", "sub/b": b"second", "sub/deep/c": b"third " * 1000}
Json = t.Dict[str, t.Any]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        file = tmp_path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (1_700_000_000, 1_700_000_000))
    return tmp_path / "tree"


def relayed(source: Json, *paths: object, check: bool = False, **given: t.Any) -> ModuleResult:
    destinations = [{"local": True, "path": str(path)} for path in paths]
    source = {"local": True, **source}
    params = parameters(
        SPEC, source=source, destinations=destinations, **{"retries": 0, "create_directories": True, **given}
    )
    answer = relay(Request(params, check_mode=check, diff_mode=True))
    json.dumps(answer.result)
    return answer


def contents(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def states(answer: ModuleResult) -> list[list[str]]:
    return [[entry["state"] for entry in file["destinations"]] for file in answer.result["files"]]


def test_a_tree_is_read_once_for_all_destinations(tree: Path, tmp_path: Path) -> None:
    answer = relayed({"path": f"{tree}/"}, tmp_path / "one", tmp_path / "two")
    assert answer.error is None
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == FILES
    assert answer.result["bytes_read"] == sum(map(len, FILES.values())) == answer.result["source"]["size"]
    assert states(answer) == [["created", "created"]] * 3
    assert {entry["path"] for entry in answer.result["directories"]} >= {str(tmp_path / "two" / "sub" / "deep")}
    first = answer.result["files"][0]
    assert (first["source"]["size"], first["source"]["mtime"], first["changed"]) == (5, 1_700_000_000, True)
    assert first["source"]["sha256"] == first["destinations"][1]["sha256"]


def test_a_directory_without_a_slash_comes_as_itself(tree: Path, tmp_path: Path) -> None:
    assert relayed({"path": str(tree)}, tmp_path / "out").error is None
    assert contents(tmp_path / "out" / "tree") == FILES


def test_check_mode_says_what_the_run_does_and_does_nothing(tree: Path, tmp_path: Path) -> None:
    planned = relayed({"path": f"{tree}/"}, tmp_path / "out", check=True)
    assert not (tmp_path / "out").exists()
    done = relayed({"path": f"{tree}/"}, tmp_path / "out")
    assert planned.result["diff"] == done.result["diff"]
    assert [entry["state"] for entry in planned.result["destinations"]] == ["planned"]
    assert [entry["state"] for entry in done.result["destinations"]] == ["created"]
    again = relayed({"path": f"{tree}/"}, tmp_path / "out")
    (entry,) = again.result["destinations"]
    assert (entry["state"], entry["changed"], entry["counts"]) == ("unchanged", False, {"unchanged": 3})
    assert (again.result["changed"], again.result["bytes_read"], again.result["diff"]) == (False, 0, [])


def test_a_list_and_a_file_that_is_gone(tree: Path, tmp_path: Path) -> None:
    paths = [str(tree / name) for name in ("a", "gone", "sub/b")]
    answer = relayed({"paths": paths}, tmp_path / "out", min_success=1)
    assert states(answer) == [["created"], ["failed"], ["created"]]
    assert contents(tmp_path / "out") == {"a": FILES["a"], "b": FILES["sub/b"]}
    assert answer.error is not None
    assert (answer.error.code, answer.error.role) == ("not_found", "source")
    assert answer.result["files"][1]["source"]["size"] is None
    assert answer.result["destinations"][0]["counts"] == {"created": 2, "failed": 1}


def test_a_destination_that_fails_counts_as_one(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "two" / "a").mkdir(parents=True)
    pool = {"path": f"{tree}/"}, tmp_path / "one", tmp_path / "two"
    enough = relayed(*pool, min_success=1)
    assert enough.error is None
    assert any("is a directory" in warning for warning in enough.warnings)
    assert states(enough) == [["created", "failed"], ["created", "created"], ["created", "created"]]
    too_few = relayed(*pool)
    assert too_few.error is not None
    assert (too_few.error.details["failed"], too_few.error.details["succeeded"]) == (1, 1)


def test_a_directory_that_cannot_be_made_fails_all_files_there(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"in the way")
    answer = relayed({"path": f"{tree}/"}, tmp_path / "out", tmp_path / "two", min_success=1)
    assert answer.error is None
    assert states(answer) == [["failed", "created"]] * 3
    lost = answer.result["destinations"][0]
    assert (lost["state"], lost["error"]["code"], lost["counts"]) == ("failed", "invalid_input", {"failed": 3})
    assert answer.result["files"][0]["destinations"][0]["error"]["details"]["not_tried"] is True


@pytest.mark.parametrize("second", ["one", "one/", "one/sub"])
def test_two_copies_may_not_have_the_same_place(tree: Path, tmp_path: Path, second: str) -> None:
    with pytest.raises(InputError, match="both have the file"):
        relayed({"paths": [str(tree / "a"), str(tree / "sub" / "b")]}, tmp_path / "one", f"{tmp_path}/one/.")
    (tree / "sub" / "a").write_bytes(b"another")
    with pytest.raises(InputError, match="both have the file"):
        relayed({"path": f"{tree}/"}, tmp_path / "one", f"{tmp_path}/{second}")
    assert not (tmp_path / "one").exists()


def test_one_file_may_not_go_to_one_place_twice(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both have the file"):
        relayed({"path": str(tree / "a")}, f"{tmp_path}/", tmp_path / "a")


@pytest.mark.parametrize("given", [{}, {"path": "x", "paths": ["y"]}])
def test_either_a_path_or_a_list(given: Json, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source\.path"):
        relayed(given, tmp_path)


def test_no_files_at_all(tmp_path: Path) -> None:
    answer = relayed({"paths": []}, tmp_path)
    assert (answer.error, answer.result["files"], answer.result["changed"]) == (None, [], False)
    assert answer.result["destinations"][0]["state"] == "unchanged"


def test_what_is_not_copied_from_a_tree_is_told(tree: Path, tmp_path: Path) -> None:
    (tree / "link").symlink_to("a")
    answer = relayed({"path": f"{tree}/"}, tmp_path / "out")
    assert {entry["reason"] for entry in answer.result["passed_over"]} == {"not_a_file"}
    assert contents(tmp_path / "out") == FILES
