# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of sftp_put on real files and a real server."""

from __future__ import annotations

import json
import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module.put import put
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import (
    ModuleResult,
    Request,
    SubstituteFiles,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._options.paths import put_spec
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of, parameters

_NONE = SubstituteFiles()
FILES = {"a.txt": b"first", "sub/b.txt": b"second", "sub/deep/c.txt": b"third" * 1000}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    top = tmp_path / "in"
    for name, content in FILES.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
        os.utime(top / name, (1_700_000_000, 1_700_000_000))
    return top


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def sent(check: bool = False, substitutes: SubstituteFiles = _NONE, **given: t.Any) -> ModuleResult:
    params = parameters(put_spec(), **{"endpoint": {"local": True}, "retries": 0, **given})
    answer = put(Request(params, check_mode=check, diff_mode=True, substitutes=substitutes))
    json.dumps(answer.result)
    return answer


def contents(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_a_directory_arrives_over_one_connection(lab: SharedLab, source: Path) -> None:
    server = lab.openssh(variant="internal")
    folder = server.root / "put-tree"
    folder.mkdir()
    where: dict[str, t.Any] = {"endpoint": endpoint_of(server), "dest": server.remote_path(folder)}
    answer = sent(src=str(source), **where)
    assert answer.error is None
    assert contents(folder / "in") == FILES
    assert len(answer.result["connections"]) == 1
    assert {entry["verified_by"] for entry in answer.result["files"]} == {"readback"}
    again = sent(src=str(source), **where)
    assert (again.result["changed"], again.result["bytes_sent"]) == (False, 0)
    assert sent(check=True, src=str(source), **where).result["changed"] is False


def test_a_link_that_is_named_is_followed_and_one_inside_a_directory_is_not(source: Path, target: Path) -> None:
    (source / "link").symlink_to("a.txt")
    (source.parent / "named").symlink_to(source / "a.txt")
    (source.parent / "tree").symlink_to(source)
    inside = sent(src=f"{source}/", dest=str(target))
    assert contents(target) == FILES
    assert [entry["path"] for entry in inside.result["passed_over"]] == [str(source / "link")]
    named = sent(src=str(source.parent / "named"), dest=f"{target}/")
    assert (target / "named").read_bytes() == b"first"
    assert named.result["files"][0]["source"] == str(source.parent / "named")
    assert sent(paths=[str(source.parent / "named")], dest=str(target)).result["files"][0]["state"] == "unchanged"
    tree = sent(src=str(source.parent / "tree"), dest=str(target))
    assert tree.error is None
    assert contents(target / "tree") == FILES


def test_a_file_that_is_not_there_is_a_failure_of_its_own(source: Path, target: Path) -> None:
    answer = sent(paths=[str(source / "gone"), str(source / "a.txt")], dest=str(target))
    assert [entry["state"] for entry in answer.result["files"]] == ["failed", "created"]
    assert answer.error is not None
    assert (answer.error.code, answer.error.role) == ("not_found", "source")


def test_what_stands_in_for_a_file_is_sent_with_the_files_own_name_and_mode(
    source: Path, target: Path, tmp_path: Path
) -> None:
    (source / "sub" / "b.txt").chmod(0o640)
    plain = tmp_path / "0"
    plain.write_bytes(b"plain")
    plain.chmod(0o600)
    substitutes = SubstituteFiles({os.fsencode(source / "sub/b.txt"): os.fsencode(plain)})
    answer = sent(src=f"{source}/", dest=str(target), mode="preserve", substitutes=substitutes)
    assert answer.error is None
    assert contents(target) == {**FILES, "sub/b.txt": b"plain"}
    assert stat.S_IMODE((target / "sub/b.txt").stat().st_mode) == 0o640
    assert answer.result["files"][1]["source"] == str(source / "sub/b.txt")


def test_content_has_no_source_even_after_a_failure(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"text")
    substitutes = SubstituteFiles(content=os.fsencode(tmp_path / "0"))
    answer = sent(src=str(tmp_path / "0"), dest=str(tmp_path / "none" / "x"), substitutes=substitutes)
    assert answer.error is not None
    assert answer.result["files"][0]["source"] is None
