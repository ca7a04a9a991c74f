# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of sftp_find on real files."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.find import find
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import Request
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import endpoint_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.selection import selection_spec
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of, parameters

SPEC = {**endpoint_spec(), "path": {"type": "str", "required": True}, **selection_spec()}


def found(path: Path | str, *, endpoint: t.Mapping[str, t.Any] | None = None, **given: t.Any) -> dict[str, t.Any]:
    params = parameters(SPEC, endpoint=dict(endpoint or {"local": True}), path=str(path), **given)
    answer = find(Request(params, check_mode=False, diff_mode=False))
    assert answer.error is None
    return t.cast("dict[str, t.Any]", json.loads(json.dumps(answer.result)))


def code_of(path: Path, **given: t.Any) -> str:
    with pytest.raises(BackhaulError) as caught:
        found(path, **given)
    assert caught.value.role == "endpoint"
    return caught.value.code


def fill(folder: Path) -> None:
    for day, name in enumerate(("mon.tar", "tue.tar", "wed.tar")):
        (folder / name).write_bytes(name.encode() * (day + 1))
        os.utime(folder / name, (1_700_000_000 + day, 1_700_000_000 + day))
    (folder / "sub").mkdir()
    (folder / "sub" / "thu.tar").write_bytes(b"x")
    os.utime(folder / "sub" / "thu.tar", (1_700_000_010, 1_700_000_010))


def test_the_newest_file_is_the_latest(tmp_path: Path) -> None:
    fill(tmp_path)
    result = found(tmp_path)
    assert (result["changed"], result["latest"]["name"], result["connection"]) == (False, "wed.tar", None)
    assert [file["name"] for file in result["files"]] == ["wed.tar", "tue.tar", "mon.tar"]
    assert result["files"][0] == result["latest"]


@pytest.mark.parametrize(
    ("given", "latest"),
    [({"recurse": True}, "thu.tar"), ({"recurse": True, "depth": 1}, "wed.tar"), ({"patterns": ["t*"]}, "tue.tar")],
)
def test_options_of_the_search(tmp_path: Path, given: dict[str, t.Any], latest: str) -> None:
    fill(tmp_path)
    assert found(tmp_path, **given)["latest"]["name"] == latest


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_files_are_hashed_on_request(tmp_path: Path, algorithm: str) -> None:
    fill(tmp_path)
    latest = found(tmp_path, checksum=algorithm, limit=1)["latest"]
    assert latest["checksum"] == hashlib.new(algorithm, b"wed.tar" * 3).hexdigest()
    assert latest["checksum_by"] == "local"


def test_nothing_is_an_error_or_none(tmp_path: Path) -> None:
    assert code_of(tmp_path) == "no_match"
    result = found(tmp_path, when_none="ok")
    assert (result["latest"], result["files"], result["matched"]) == (None, [], 0)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none") == "not_found"


def test_an_old_backup_raises_the_alarm(tmp_path: Path) -> None:
    fill(tmp_path)
    assert code_of(tmp_path, fresh_within="1h") == "stale"


@pytest.mark.parametrize(("change", "code"), [("grow", "incomplete"), ("remove", "suspicious"), ("nothing", "")])
def test_a_file_must_stay_as_it_is_between_two_looks(tmp_path: Path, change: str, code: str) -> None:
    fill(tmp_path)
    file = tmp_path / "wed.tar"
    actions: dict[str, t.Callable[[], object]] = {
        "grow": lambda: file.write_bytes(b"x" * 99),
        "remove": file.unlink,
        "nothing": lambda: None,
    }
    timer = threading.Timer(0.15, actions[change])
    timer.start()
    try:
        if code:
            assert code_of(tmp_path, stable_for="0.4s", limit=1) in (code, "incomplete", "suspicious")
        else:
            assert found(tmp_path, stable_for="0.4s", limit=1)["latest"]["name"] == "wed.tar"
    finally:
        timer.join()


def test_a_server_is_searched_like_a_folder(lab: SharedLab) -> None:
    server = lab.openssh()
    folder = server.root / "find"
    folder.mkdir()
    fill(folder)
    result = found(server.remote_path(folder), endpoint=endpoint_of(server), checksum="sha256")
    assert (result["latest"]["name"], result["latest"]["checksum_by"]) == ("wed.tar", "command")
    assert result["connection"]["trusted_by"] == "pin"
