# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the file that was inspected, and no other."""

from __future__ import annotations

import stat
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, IntegrityError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.reading import hashed, opened, require_same
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer, Node

PATH = b"/in/a"
SEEN = Attributes(size=6, mode=stat.S_IFREG | 0o640, uid=1, gid=1, atime=7, mtime=7)


def server_with(**more: t.Any) -> MemoryServer:
    server = MemoryServer(**more)
    server.put(PATH, b"secret", mode=stat.S_IFREG | 0o640, mtime=7)
    return server


def swap(server: MemoryServer, before: str, *, back_at: str = "") -> None:
    """Give the name to a private file of the same size and time before one call, and back before another."""
    ours, secret = server.files[PATH], Node(bytearray(b"SECRET"), mode=stat.S_IFREG | 0o600, mtime=7)

    def on_call(name: str, path: bytes) -> None:
        if path == PATH and name in (before, back_at):
            server.files[PATH] = secret if name == before else ours

    server.on_call = on_call


def read(server: MemoryServer) -> bytes:
    with opened(MemoryFiles(server), PATH, SEEN) as reader:
        return b"".join(bytes(block) for block in reader.blocks())


def test_the_file_that_was_seen_is_read() -> None:
    server = server_with()
    assert read(server) == b"secret"
    assert [name for name, _path in server.calls][:3] == ["open_reader", "handle.attributes", "attributes"]


@pytest.mark.parametrize("back_at", ["", "handle.attributes", "attributes"])
def test_another_file_that_has_the_name_while_it_is_opened_is_not_read(back_at: str) -> None:
    server = server_with()
    swap(server, "open_reader", back_at=back_at)
    with pytest.raises(IntegrityError, match="of another mode") as caught:
        read(server)
    assert (caught.value.code, caught.value.path) == ("source_changed", PATH)
    assert "read" not in [name for name, _path in server.calls]
    assert server.open_handles == 0


def test_a_link_that_has_the_name_after_the_opening_is_noticed() -> None:
    server = server_with()
    server.on_call = lambda name, path: server.links.update({PATH: b"/x"}) if name == "open_reader" else None
    with pytest.raises(IntegrityError, match="not a regular file any more"):
        read(server)


def test_a_file_that_cannot_be_opened_since_it_is_another_has_changed() -> None:
    server = server_with(wrong={"open_reader": "not_found"})
    with pytest.raises(BackhaulError) as caught:
        read(server)
    assert caught.value.code == "not_found"
    server.links[PATH] = b"/x"
    with pytest.raises(IntegrityError):
        read(server)


@pytest.mark.parametrize("digest", ["check-file", "command"])
def test_a_digest_by_name_counts_while_the_name_is_the_same_files(digest: str) -> None:
    server = server_with(digest=digest)
    assert hashed(MemoryFiles(server), PATH, SEEN).method == digest
    swap(server, "digest")
    with pytest.raises(IntegrityError):
        hashed(MemoryFiles(server), PATH, SEEN)


def test_where_no_server_hashes_the_file_that_was_seen_is_read() -> None:
    server = server_with(digest=None)
    assert hashed(MemoryFiles(server), PATH, SEEN).method == "readback"
    swap(server, "open_reader", back_at="attributes")
    with pytest.raises(IntegrityError):
        hashed(MemoryFiles(server), PATH, SEEN)


@pytest.mark.parametrize("change", [{"size": 7}, {"mtime": 8}, {"uid": 2}, {"gid": 2}, {"mode": stat.S_IFREG | 0o600}])
def test_any_attribute_that_differs_makes_it_another_file(change: dict[str, t.Any]) -> None:
    with pytest.raises(IntegrityError):
        require_same(PATH, SEEN, replace(SEEN, **change))


@pytest.mark.parametrize("lacking", ["uid", "gid", "mode"])
def test_an_attribute_that_a_server_does_not_send_is_no_difference(lacking: str) -> None:
    require_same(PATH, SEEN, replace(SEEN, **{lacking: None}))


def test_windows_sends_executable_bits_in_lstat_only() -> None:
    require_same(PATH, SEEN, replace(SEEN, mode=stat.S_IFREG | 0o751))
