# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps secrets out of the file from which a module in the background is started."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module import handover

_PARAMS = {
    "source": {
        "host": "a",
        "password": "one",
        "private_key": "two",
        "private_key_passphrase": None,
        "jump": [{"password": "three"}],
    },
    "destinations": [{"host": "b", "password": "one", "port": 22}, "no mapping"],
    "retries": 3,
}


def test_secrets_are_replaced_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets: dict[str, str] = {}
    safe = handover.extract_secrets(_PARAMS, secrets, token="t")
    text = json.dumps(safe)
    assert not [word for word in ("one", "two", "three") if word in text]
    assert sorted(secrets.values()) == ["one", "one", "three", "two"]
    monkeypatch.setenv(handover.ENVIRONMENT_NAME, json.dumps(secrets))
    assert handover.restore(json.loads(text), handover.take_secrets()) == _PARAMS
    assert handover.ENVIRONMENT_NAME not in os.environ


def test_without_any_nothing_changes() -> None:
    assert handover.take_secrets() == {}
    assert handover.restore(_PARAMS, {}) == _PARAMS
