# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the bytes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._engine.copy import copy, require_unchanged
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import IntegrityError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer


def copied(content: bytes, *, size: int, server: MemoryServer | None = None) -> tuple[str, bytes | None, list[int]]:
    server = server or MemoryServer()
    server.put(b"/in/a", content)
    files = MemoryFiles(server)
    progress: list[int] = []
    with files.open_reader(b"/in/a") as reader, files.create(b"/out/a", mode=0o600) as writer:
        sha256 = copy(reader, writer, size=size, progress=progress.append)
    return sha256, server.content(b"/out/a"), progress


@given(st.binary(max_size=5000))
def test_everything_arrives_hashed_and_counted(content: bytes) -> None:
    sha256, arrived, progress = copied(content, size=len(content))
    assert (sha256, arrived, sum(progress)) == (hashlib.sha256(content).hexdigest(), content, len(content))


@pytest.mark.parametrize(("size", "code"), [(2501, "short_transfer"), (2499, "source_changed"), (0, "source_changed")])
def test_another_size_than_was_told_is_an_error_of_the_source(size: int, code: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        copied(bytes(2500), size=size)
    assert (caught.value.code, caught.value.role) == (code, "source")


def test_a_write_that_fails_in_the_middle_is_raised() -> None:
    server = MemoryServer()
    server.wrong["write"] = "no_space"
    with pytest.raises(RemoteError) as caught:
        copied(bytes(2500), size=2500, server=server)
    assert caught.value.code == "no_space"


def test_every_write_is_acknowledged_before_success_is_said() -> None:
    server = MemoryServer()
    server.wrong["flush"] = "remote_failure"
    with pytest.raises(RemoteError):
        copied(bytes(10), size=10, server=server)


@pytest.mark.parametrize("after", [Attributes(size=2, mtime=5), Attributes(size=1, mtime=6), Attributes()])
def test_a_file_of_another_size_or_time_has_changed(after: Attributes) -> None:
    before = Attributes(size=1, mtime=5, mode=0o600)
    require_unchanged(before, Attributes(size=1, mtime=5, mode=0o644))
    with pytest.raises(IntegrityError) as caught:
        require_unchanged(before, after)
    assert caught.value.code == "source_changed"
