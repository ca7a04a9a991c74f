# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the SSH layer: keys and certificates, and no agent."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.trust import oracle
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Workshop]:
    """Yield a maker of keys and certificates, in a folder that the whole run shares."""
    oracle.prepare_sshd()
    yield Workshop(tmp_path_factory.mktemp("keys"))


@pytest.fixture(autouse=True)
def without_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset SSH_AUTH_SOCK, so that no test uses the current user's agent."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
