# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that stand in for others, and are gone in the end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module.stand_ins import (
    ENVIRONMENT_NAME,
    INDEX_NAME,
    StandIns,
    stand_ins,
    write_index,
)

TOLD = StandIns({b"/a": b"/tmp/0", b"/\xff": b"/tmp/1"}, content=b"/tmp/2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "plain"
    folder.mkdir()
    monkeypatch.setenv(ENVIRONMENT_NAME, str(folder))
    return folder


def test_without_a_folder_nothing_stands_in_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_NAME, raising=False)
    with stand_ins() as found:
        assert found == StandIns()


def test_what_was_told_arrives_byte_for_byte_and_nobody_else_may_read_it(folder: Path) -> None:
    write_index(str(folder), TOLD)
    assert stat.S_IMODE((folder / INDEX_NAME).stat().st_mode) == 0o600
    with stand_ins() as found:
        assert found == TOLD
    assert not folder.exists()


@pytest.mark.parametrize("error", [KeyError, SystemExit])
def test_the_folder_is_removed_however_the_work_ends(folder: Path, error: type[BaseException]) -> None:
    write_index(str(folder), TOLD)
    with pytest.raises(error), stand_ins():
        raise error
    assert os.listdir(folder.parent) == []
