# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest is that of hashlib for blocks of any size, and no thread remains afterwards."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.background_hasher import BackgroundHasher

MIB = 1024 * 1024


def hashing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "hashing"]


@pytest.mark.parametrize("size", [0, 1, 255 * 1024, 2 * MIB, 2 * MIB + 1, 9 * MIB + 17])
@pytest.mark.parametrize("block", [1000 * 1000, 255 * 1024, 32 * 1024])
def test_the_digest_is_that_of_all_blocks_in_order(size: int, block: int) -> None:
    content = os.urandom(size)
    with BackgroundHasher("sha512") as hasher:
        for start in range(0, size, block):
            hasher.update(memoryview(content)[start : start + block])
        assert hasher.hexdigest() == hashlib.sha512(content).hexdigest()
    assert hashing_threads() == []


def test_small_files_start_no_thread() -> None:
    with BackgroundHasher() as hasher:
        hasher.update(bytes(MIB))
        assert hashing_threads() == []
        hasher.hexdigest()


def test_a_transfer_that_fails_leaves_no_thread_behind() -> None:
    with pytest.raises(ZeroDivisionError), BackgroundHasher() as hasher:
        for _block in range(40):
            hasher.update(bytes(255 * 1024))
        assert len(hashing_threads()) == 1
        raise ZeroDivisionError
    assert hashing_threads() == []


def test_a_block_that_cannot_be_hashed_is_no_digest_of_the_others() -> None:
    with BackgroundHasher() as hasher:
        for block in [bytes(2 * MIB), "text", *[bytes(255 * 1024)] * 40]:
            hasher.update(block)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            hasher.hexdigest()


def test_a_thread_that_cannot_be_started_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"), BackgroundHasher() as hasher:
        for _block in range(40):
            hasher.update(bytes(255 * 1024))
