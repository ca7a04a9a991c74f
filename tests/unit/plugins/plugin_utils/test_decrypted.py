# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary plain text files: mode and removal. The integration tests cover cancelled runs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import SubstituteFiles
from ansible_collections.backhaul.sftp.plugins.plugin_utils import _decrypted
from ansible_collections.backhaul.sftp.plugins.plugin_utils._decrypted import PlainText

SECRETS = [("default", VaultSecret(b"password"))]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(_decrypted._constants, "DEFAULT_LOCAL_TMP", str(folder))
    return folder


@pytest.fixture
def loader() -> DataLoader:
    made = DataLoader()
    made._vault.secrets = SECRETS
    return made


def encrypted(path: Path, content: bytes) -> Path:
    path.write_bytes(VaultLib(SECRETS).encrypt(content))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_a_decrypted_file_is_removed_after_the_block(tmp_path: Path, temporary: Path, loader: DataLoader) -> None:
    (tmp_path / "plain").write_bytes(b"plain")
    secret = encrypted(tmp_path / "secret", b"\xff content")
    with PlainText(loader, detached=False) as plain_text:
        plain_text.decrypt([str(tmp_path / "plain"), str(secret), str(tmp_path / "gone")])
        (stand_in,) = plain_text.substitutes.files.values()
        folder = os.path.dirname(stand_in)
        assert plain_text.substitutes == SubstituteFiles({os.fsencode(secret): stand_in})
        assert Path(os.fsdecode(stand_in)).read_bytes() == b"\xff content"
        status = os.stat(stand_in)
        assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o600, 1_700_000_000)
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.listdir(temporary) == []


def test_a_directory_means_all_files_in_it_and_links_are_not_followed(tmp_path: Path, loader: DataLoader) -> None:
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    encrypted(top / "sub" / "one", b"1")
    encrypted(tmp_path / "outside", b"2")
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "loop").symlink_to(".")
    os.mkfifo(top / "pipe")
    with PlainText(loader, detached=False) as plain_text:
        plain_text.decrypt([f"{top}/"])
        assert list(plain_text.substitutes.files) == [os.fsencode(top / "sub" / "one")]


def test_without_encrypted_files_nothing_is_written(tmp_path: Path, temporary: Path, loader: DataLoader) -> None:
    (tmp_path / "plain").write_bytes(b"plain")
    with PlainText(loader, detached=True) as plain_text:
        plain_text.decrypt([str(tmp_path / "plain"), str(tmp_path)])
        assert os.listdir(temporary) == []


@pytest.mark.parametrize("detached", [False, True])
def test_without_the_password_or_for_a_detached_job_it_is_an_error(
    tmp_path: Path, temporary: Path, loader: DataLoader, detached: bool
) -> None:
    secret = encrypted(tmp_path / "secret", b"content")
    knows = loader if detached else DataLoader()
    with pytest.raises(InputError) as caught, PlainText(knows, detached=detached) as plain_text:
        plain_text.decrypt([str(secret)])
    assert caught.value.code == "invalid_input"
    assert os.listdir(temporary) == []


def test_content_is_written_to_a_file(temporary: Path, loader: DataLoader) -> None:
    with PlainText(loader, detached=False) as plain_text:
        path = plain_text.write_content(b"text")
        assert Path(path).read_bytes() == b"text"
        assert plain_text.substitutes == SubstituteFiles(content=os.fsencode(path))
    assert os.listdir(temporary) == []
