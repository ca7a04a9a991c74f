# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing files of the controller by their text in an endpoint."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import trust
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.revoked_host_keys import (
    RevokedHostKeys,
    read_key_line,
)
from ansible_collections.backhaul.sftp.plugins.plugin_utils._portable import portable

Vars = t.Dict[str, t.Any]
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def _portable(**params: t.Any) -> Vars:
    return portable({"host": "h", "known_hosts_files": [], **params}, role="destination")


def _file(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return str(path)


def test_known_hosts_files_become_text_and_no_file_is_left(tmp_path: Path) -> None:
    files = [_file(tmp_path / "1", "one"), str(tmp_path / "missing"), _file(tmp_path / "2", b"two \0 \xff\n")]
    found = _portable(known_hosts="own", known_hosts_files=files)
    assert found["known_hosts"] == "own\none\ntwo \ufffd \ufffd\n"
    assert found["known_hosts_files"] == []
    assert _portable()["known_hosts"] == ""
    assert _portable(known_hosts=["own", "another\r\n"])["known_hosts"] == "own\nanother\n"


@pytest.mark.parametrize("given", [None, "", [""]])
def test_without_known_hosts_files_those_of_ssh_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: object
) -> None:
    monkeypatch.setattr(trust, "default_files", lambda: (_file(tmp_path / "known_hosts", "usual"),))
    assert _portable(known_hosts_files=given)["known_hosts"] == "usual"


def test_a_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = Path(_file(tmp_path / "known_hosts", "x"))
    path.chmod(0o666)
    with pytest.raises(InputError) as caught:
        _portable(known_hosts_files=[str(path)])
    assert (caught.value.code, caught.value.role, caught.value.host) == ("unsafe_path", "destination", "h")


@pytest.mark.parametrize("binary", [True, False])
def test_revocations_become_equivalent_text(tmp_path: Path, binary: bool) -> None:
    path = _file(tmp_path / "revoked", f"{_KEY}\n")
    if binary:
        subprocess.run(["ssh-keygen", "-kqf", f"{path}.krl", path], check=True)
        path += ".krl"
    text = _portable(revoked_host_keys=path)["revoked_host_keys"]
    assert text.isprintable() or not binary
    listed = RevokedHostKeys.parse(text, origin="text")
    assert listed.why_revoked(read_key_line(_KEY.encode()), None)


def test_an_empty_list_of_revocations_is_not_taken_for_a_path(tmp_path: Path) -> None:
    assert len(_portable(revoked_host_keys=_file(tmp_path / "revoked", "x"))["revoked_host_keys"].split()) > 1
    assert _portable(revoked_host_keys=f"{_KEY}")["revoked_host_keys"] == _KEY
    with pytest.raises(InputError):
        _portable(revoked_host_keys=str(tmp_path / "missing"))


def test_the_agent_of_that_host_is_used_only_on_request() -> None:
    assert _portable()["use_agent"] is False
    assert _portable(use_agent="yes")["use_agent"] == "yes"


def test_jumps_are_portable_too(tmp_path: Path) -> None:
    hop = {"host": "j", "known_hosts_files": [_file(tmp_path / "known_hosts", "of the jump")]}
    (found,) = _portable(jump=[hop])["jump"]
    assert (found["known_hosts"], found["known_hosts_files"], found["use_agent"]) == ("of the jump", [], False)
    assert _portable(jump="x")["jump"] == "x"
