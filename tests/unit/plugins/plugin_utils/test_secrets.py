# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading keys and certificates on the controller."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._secrets import read_controller_file


def _read(path: Path, loader: DataLoader | None = None) -> str:
    return read_controller_file(loader or DataLoader(), str(path), what="private key", role="source")


def test_a_file_is_read_unchanged(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-- a key --\n", encoding="ascii")
    assert _read(tmp_path / "key") == "-- a key --\n"


def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("a key", encoding="ascii")
    assert _read(Path("~/key")) == "a key"


def test_a_file_in_a_vault_is_decrypted(tmp_path: Path) -> None:
    secrets = [("default", VaultSecret(b"password of the vault"))]
    (tmp_path / "key").write_bytes(VaultLib(secrets).encrypt(b"a key", secrets[0][1]))
    loader = DataLoader()
    loader.set_vault_secrets(t.cast(t.Any, secrets))
    assert _read(tmp_path / "key", loader) == "a key"


def test_a_file_in_a_vault_without_its_password_is_refused(tmp_path: Path) -> None:
    secrets = [("default", VaultSecret(b"password of the vault"))]
    (tmp_path / "key").write_bytes(VaultLib(secrets).encrypt(b"a key", secrets[0][1]))
    with pytest.raises(InputError, match="cannot be read"):
        _read(tmp_path / "key")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_means_that_nothing_was_given(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content, encoding="ascii")
    assert _read(tmp_path / "key") == ""


def test_an_unreadable_file_is_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff canary \xfe")
    for name in ("missing", "binary"):
        with pytest.raises(InputError) as caught:
            _read(tmp_path / name)
        assert caught.value.role == "source"
        assert os.fspath(tmp_path / name) in caught.value.cause
        assert "canary" not in str(caught.value)
