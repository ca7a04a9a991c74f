# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of sftp_info on real servers."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.info import info
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import Request
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import endpoint_spec
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of, parameters

SPEC = {**endpoint_spec(), "path": {"type": "str", "default": "."}, "login": {"type": "bool", "default": True}}


def told(endpoint: t.Mapping[str, t.Any], **given: t.Any) -> dict[str, t.Any]:
    answer = info(Request(parameters(SPEC, endpoint=dict(endpoint), **given), check_mode=False, diff_mode=False))
    assert answer.error is None
    return t.cast("dict[str, t.Any]", json.loads(json.dumps(answer.result)))


def server_with_a_file(lab: SharedLab) -> tuple[Server, str]:
    server = lab.openssh()
    folder = server.root / "info"
    folder.mkdir(exist_ok=True)
    (folder / "a").write_bytes(b"content")
    return server, server.remote_path(folder)


def test_everything_about_a_server(lab: SharedLab) -> None:
    server, path = server_with_a_file(lab)
    result = told(endpoint_of(server), path=path)
    assert {key["key"] for key in result["host_keys"]} == set(server.host_keys)
    assert all(key["trusted"] for key in result["host_keys"])
    assert (result["changed"], result["canonical_path"], result["can_sync"], result["can_replace"]) == (
        False,
        path,
        True,
        True,
    )
    assert (result["remote_checksum"], result["remote_checksum_tested_on"]) == ("command", f"{path}/a")
    assert result["space"]["free_bytes"] <= result["space"]["total_bytes"]
    assert "limits@openssh.com" in result["extensions"]


def test_host_keys_need_no_login_and_no_trust(lab: SharedLab) -> None:
    server = lab.openssh()
    result = told({"host": server.host, "port": server.port, "known_hosts_files": []}, login=False)
    assert {key["refused_as"] for key in result["host_keys"]} == {"host_key_unknown"}
    assert not any(key["trusted"] for key in result["host_keys"])
    assert "connection" not in result


def test_nothing_is_claimed_about_hashing_without_a_file_to_try(lab: SharedLab) -> None:
    server = lab.openssh()
    folder = server.root / "info-empty"
    folder.mkdir(exist_ok=True)
    result = told(endpoint_of(server), path=server.remote_path(folder))
    assert (result["remote_checksum"], result["remote_checksum_tested_on"]) == (None, None)


def test_a_server_that_is_not_trusted_is_not_logged_in_to(lab: SharedLab) -> None:
    server = lab.openssh()
    with pytest.raises(BackhaulError) as caught:
        told(endpoint_of(server, host_keys=[]))
    assert caught.value.code == "host_key_unknown"


def test_the_local_end_is_no_server() -> None:
    with pytest.raises(BackhaulError) as caught:
        told({"local": True})
    assert caught.value.code == "invalid_input"
