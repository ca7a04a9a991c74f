# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the SSH layer share: keys, certificates, and a server for each way to be met."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.trust import oracle
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Workshop]:
    """Make keys and certificates in a folder that the whole run shares."""
    oracle.prepare_sshd()
    yield Workshop(tmp_path_factory.mktemp("keys"))


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the agent of whoever runs the tests out of them."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
