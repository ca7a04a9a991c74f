# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the settings name: regular files up to a limit, opened without blocking."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.files import opened, read_file


def test_a_file_is_read_up_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_file(str(file), limit_bytes=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_file(str(file), limit_bytes=4)


def test_the_null_device_is_an_empty_file_to_read_and_no_file_to_write() -> None:
    assert read_file(os.devnull, limit_bytes=5) == b""
    with pytest.raises(OSError, match="no regular file"), opened(os.devnull, os.O_WRONLY):
        pass


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR])
def test_opening_a_fifo_does_not_block(tmp_path: Path, flags: int) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="no regular file"), opened(str(fifo), flags):
        pass


def test_what_the_caller_refuses_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    with pytest.raises(ValueError, match="5"):
        read_file(str(file), limit_bytes=5, check=lambda found: _refuse(found.st_size))


def _refuse(size: int) -> None:
    raise ValueError(str(size))
