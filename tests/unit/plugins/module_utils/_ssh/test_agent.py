# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An absent agent has no keys, and an agent that hangs is an error; tests/ssh covers logins with agents."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import dependency
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.agent import AgentError, agent_keys


def keys_within(seconds: float) -> int:
    with agent_keys(deadline=time.monotonic() + seconds) as keys:
        return len(keys)


def test_without_an_agent_there_are_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert keys_within(5) == 0
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "none"))
    assert keys_within(5) == 0


def test_an_agent_that_does_not_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "agent"))
        hanging.listen(1)
        for seconds in (0.4, 0.0, -1.0):
            with pytest.raises(AgentError):
                keys_within(seconds)


def test_without_a_way_to_set_a_deadline_no_agent_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(dependency.OPTIONAL, "Agent._connect")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "agent"))
        hanging.listen(1)
        assert keys_within(5) == 0
