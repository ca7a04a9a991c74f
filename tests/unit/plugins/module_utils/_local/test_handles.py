# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open files of this machine; what every implementation promises is in tests/contract."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.handles import (
    BLOCK_BYTES,
    LocalReader,
    LocalWriter,
    apply_attributes,
    attributes_of,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes


@pytest.fixture
def path(tmp_path: Path) -> bytes:
    """A file with content."""
    (tmp_path / "file").write_bytes(b"content")
    return os.fsencode(tmp_path / "file")


def _reader(path: bytes) -> LocalReader:
    return LocalReader(os.open(path, os.O_RDONLY), path)


def _writer(path: bytes) -> LocalWriter:
    return LocalWriter(os.open(path, os.O_WRONLY), path)


def test_times_are_cut_to_whole_seconds_even_before_1970(path: bytes) -> None:
    os.utime(path, ns=(1_999_999_999, -1))
    attributes = attributes_of(os.stat(path))
    assert (attributes.atime, attributes.mtime) == (1, -1)


def test_a_time_that_is_not_set_keeps_its_nanoseconds(path: bytes) -> None:
    os.utime(path, ns=(1_123_456_789, 2_123_456_789))
    apply_attributes(path, Attributes(mtime=5))
    status = os.stat(path)
    assert (status.st_atime_ns, status.st_mtime_ns) == (1_123_456_789, 5_000_000_000)


def test_times_are_right_when_size_and_mode_are_set_with_them(path: bytes) -> None:
    apply_attributes(path, Attributes(size=3, mode=0o100640, atime=7, mtime=8))
    status = os.stat(path)
    assert (status.st_size, status.st_mode, status.st_atime, status.st_mtime) == (3, 0o100640, 7, 8)


def test_setting_no_attributes_changes_nothing(path: bytes) -> None:
    before = os.stat(path)
    apply_attributes(path, Attributes())
    assert os.stat(path) == before


def test_blocks_are_of_the_block_size_and_the_rest(path: bytes) -> None:
    os.truncate(path, 2 * BLOCK_BYTES + 5)
    with _reader(path) as reader:
        assert [len(block) for block in reader.blocks()] == [BLOCK_BYTES, BLOCK_BYTES, 5]


def test_a_file_that_grows_is_read_to_its_new_end(path: bytes) -> None:
    with _reader(path) as reader:
        blocks = reader.blocks()
        first = next(blocks)
        with open(path, "ab") as file:
            file.write(b" and more")
        assert first + b"".join(blocks) == b"content and more"


def test_a_full_disk_is_no_space() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with _writer(b"/dev/full") as writer, pytest.raises(RemoteError) as caught:
        writer.write(0, b"x")
    assert (caught.value.code, caught.value.path) == ("no_space", b"/dev/full")


def test_a_closed_handle_refuses_instead_of_touching_another_file(path: bytes) -> None:
    writer = _writer(path)
    writer.close()
    with _reader(path):
        for use in (lambda: writer.write(0, b"x"), writer.attributes, writer.sync):
            with pytest.raises(RemoteError, match="closed"):
                use()
    writer.close()


def test_a_close_that_fails_is_raised_once_and_not_over_another_error(path: bytes) -> None:
    writer = _writer(path)
    os.close(writer._descriptor)
    with pytest.raises(RemoteError):
        writer.close()
    writer.close()
    with pytest.raises(ZeroDivisionError), _writer(path) as writer:
        os.close(writer._descriptor)
        raise ZeroDivisionError
    with pytest.raises(RemoteError), _writer(path) as writer:
        os.close(writer._descriptor)
