# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records for live lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module import progress
from ansible_collections.backhaul.sftp.plugins.module_utils._module.progress import ENVIRONMENT_NAME, ProgressLog


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ENVIRONMENT_NAME, str(tmp_path / "records"))
    monkeypatch.setattr(progress, "_RECORD_SECONDS", 0)
    (tmp_path / "records").touch()
    return tmp_path / "records"


def test_a_module_that_starts_after_its_task_was_given_up_ends_at_once(file: Path) -> None:
    file.unlink()
    with pytest.raises(SystemExit):
        progress.announce_process()
    assert not file.exists()


def test_bytes_add_up_over_the_records(file: Path) -> None:
    count = ProgressLog().follow("h", b"/a\x1b", total_bytes=lambda: 30)
    count(10)
    count(20)
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(each["host"], each["path"], each["done_bytes"], each["total_bytes"]) for each in records][-1] == (
        "h",
        "/a\\x1b",
        30,
        30,
    )


def test_records_are_throttled(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_RECORD_SECONDS", 3600)
    count = ProgressLog().follow("h", b"/a", total_bytes=lambda: 30)
    for _block in range(1000):
        count(1)
    assert file.read_text() == ""


def test_nothing_is_written_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_NAME, raising=False)
    ProgressLog().follow("h", b"/a", total_bytes=lambda: 1)(1)


def test_a_file_that_cannot_be_written_does_not_end_a_transfer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_NAME, str(tmp_path / "none" / "records"))
    monkeypatch.setattr(progress, "_RECORD_SECONDS", 0)
    count = ProgressLog().follow("h", b"/a", total_bytes=lambda: 1)
    count(1)
    count(1)
