# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of sftp_relay on real files; the engine's own tests have the failures."""

from __future__ import annotations

import hashlib
import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.relay import relay
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import ModuleResult, Request, limited
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import destinations_spec, source_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.transfer import transfer_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import shared_read
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes import listeners
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of, parameters

SPEC = {**source_spec(), **destinations_spec(), **transfer_spec(), "min_success": {"type": "int"}}
CONTENT = b"backup " * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "in" / "db.tar"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    return file


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def local(path: Path | str) -> dict[str, t.Any]:
    return {"local": True, "path": str(path)}


def relayed(source: Path, *destinations: t.Mapping[str, t.Any], check: bool = False, **given: t.Any) -> ModuleResult:
    params = parameters(SPEC, source=local(source), destinations=list(destinations), **{"retries": 0, **given})
    answer = relay(Request(params, check_mode=check, diff_mode=True))
    json.dumps(answer.result)
    return answer


def test_a_file_arrives_and_the_result_says_everything(source: Path, target: Path) -> None:
    answer = relayed(source, local(f"{target}/"))
    (entry,) = answer.result["destinations"]
    assert answer.error is None
    assert (answer.result["changed"], entry["state"], entry["verified_by"], entry["sha256"]) == (
        True,
        "created",
        "local",
        hashlib.sha256(CONTENT).hexdigest(),
    )
    assert (target / "db.tar").read_bytes() == CONTENT
    assert answer.result["source"]["size"] == len(CONTENT) == answer.result["bytes_read"] == entry["bytes_sent"]
    assert answer.result["diff"][0]["before"] == "absent\n"


def test_a_second_run_changes_nothing_and_sends_nothing(source: Path, target: Path) -> None:
    relayed(source, local(f"{target}/"))
    again = relayed(source, local(f"{target}/"))
    assert (again.result["changed"], again.result["bytes_read"], again.result["diff"]) == (False, 0, [])
    assert again.result["destinations"][0]["state"] == "unchanged"


@pytest.mark.parametrize("old", [None, b"old", CONTENT])
def test_check_mode_says_what_the_run_does_and_does_nothing(source: Path, target: Path, old: bytes | None) -> None:
    file = target / "db.tar"
    if old is not None:
        file.write_bytes(old)
        os.utime(file, (5, 5))
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    planned = relayed(source, local(f"{target}/"), check=True)
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == before
    done = relayed(source, local(f"{target}/"))
    assert (planned.result["changed"], planned.result["diff"]) == (done.result["changed"], done.result["diff"])
    assert planned.result["destinations"][0]["state"] == "planned"


def test_one_destination_that_fails_does_not_stop_the_others_and_the_task_fails(source: Path, target: Path) -> None:
    answer = relayed(source, local(target / "none" / "x"), local(f"{target}/"))
    assert [entry["state"] for entry in answer.result["destinations"]] == ["failed", "created"]
    assert answer.result["destinations"][0]["error"]["code"] == "not_found"
    assert answer.error is not None
    assert (answer.error.code, answer.error.details["failed"], answer.error.details["succeeded"]) == ("not_found", 1, 1)
    assert answer.result["changed"] is True


def test_fewer_successes_can_be_enough_and_the_failure_is_a_warning(source: Path, target: Path) -> None:
    answer = relayed(source, local(target / "none" / "x"), local(f"{target}/"), min_success=1)
    assert answer.error is None
    assert any("does not exist" in warning for warning in answer.warnings)


@pytest.mark.parametrize("needed", [0, -1, 2])
def test_a_number_of_successes_that_cannot_be(source: Path, target: Path, needed: int) -> None:
    with pytest.raises(InputError, match="min_success"):
        relayed(source, local(f"{target}/"), min_success=needed)


def test_no_destination_at_all(source: Path) -> None:
    with pytest.raises(InputError, match="destinations is empty"):
        relayed(source)


def test_a_mode_that_is_asked_for_is_the_copys(source: Path, target: Path) -> None:
    relayed(source, local(f"{target}/"), mode="0640")
    assert (target / "db.tar").stat().st_mode & 0o7777 == 0o640


def test_attempts_are_told_of_a_destination_that_failed(source: Path) -> None:
    nobody = {
        "host": listeners.HOST,
        "port": listeners.unused_port(),
        "user": "u",
        "known_hosts_files": [],
        "path": "/x",
    }
    answer = relayed(source, nobody, retries=2, retry_delay="0.01s")
    (entry,) = answer.result["destinations"]
    assert (entry["state"], entry["error"]["code"], entry["attempts"]) == ("failed", "connect_failed", 3)


def test_between_two_servers(lab: SharedLab, source: Path) -> None:
    server, other = lab.openssh(), lab.asyncssh(shell=True)
    folder = other.root / "relay"
    folder.mkdir()
    (server.root / "relay.tar").write_bytes(CONTENT)
    params = parameters(
        SPEC,
        source={**endpoint_of(server), "path": server.remote_path(server.root / "relay.tar")},
        destinations=[{**endpoint_of(other), "path": f"{other.remote_path(folder)}/"}],
    )
    answer = relay(Request(params, check_mode=False, diff_mode=False))
    assert answer.error is None
    assert (folder / "relay.tar").read_bytes() == CONTENT
    assert len(answer.result["connections"]) == 2
    assert "diff" not in answer.result


def test_when_the_time_is_up_what_was_done_before_still_counts(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_read, "PATIENCE_SECONDS", 0.1)
    with listeners.listener(listeners.silent) as port, limited(1.5):
        silent = {"host": "127.0.0.1", "port": port, "path": "/", "host_keys": ["SHA256:" + "A" * 43]}
        answer = relayed(source, local(f"{target}/"), silent, local(f"{target}/never/"))
    assert answer.error is not None
    assert (answer.error.code, answer.result["changed"]) == ("timed_out", True)
    assert [entry["state"] for entry in answer.result["destinations"]] == ["created", "failed", "failed"]


def test_a_destination_whose_path_cannot_be_is_an_error_of_its_own(source: Path, target: Path) -> None:
    answer = relayed(source, local(target / "copy"), local(f"{target}/.."), min_success=1)
    assert answer.error is None
    assert [entry["state"] for entry in answer.result["destinations"]] == ["created", "failed"]
    error = answer.result["destinations"][1]["error"]
    assert (error["code"], error["role"]) == ("unsafe_path", "destination")
