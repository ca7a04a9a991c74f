# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the port's ``create`` and ``Writer``."""

from __future__ import annotations

import hashlib
import os
import stat

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.tests.contract.subjects import Subject

LARGE_BYTES = 20 * 1024 * 1024


def write(subject: Subject, path: bytes, content: bytes, *, block_bytes: int = 256 * 1024) -> None:
    """Write a new file with the file system under test."""
    with subject.files.create(path, mode=0o600) as writer:
        for offset in range(0, len(content), block_bytes):
            writer.write(offset, content[offset : offset + block_bytes])
        writer.close()


def test_a_large_file_is_written_byte_exact(subject: Subject) -> None:
    content = os.urandom(LARGE_BYTES)
    write(subject, subject.path(b"large"), content)
    assert hashlib.sha256(subject.content(b"large")).digest() == hashlib.sha256(content).digest()


def test_an_empty_file_can_be_written(subject: Subject) -> None:
    write(subject, subject.path(b"empty"), b"")
    assert subject.content(b"empty") == b""


@pytest.mark.parametrize("block_bytes", [1, 4_097, 32_769, 261_121, 262_144, 1_048_576])
def test_blocks_of_any_size_are_written_whole(plain_subject: Subject, block_bytes: int) -> None:
    content = os.urandom(50 if block_bytes == 1 else 2_000_003)
    write(plain_subject, plain_subject.path(b"file"), content, block_bytes=block_bytes)
    assert plain_subject.content(b"file") == content


def test_writes_go_to_their_offset_in_any_order(subject: Subject) -> None:
    content = os.urandom(600_000)
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        for offset in (400_000, 0, 200_000):
            writer.write(offset, content[offset : offset + 200_000])
        writer.close()
    assert subject.content(b"file") == content


def test_a_block_may_be_reused_on_return(subject: Subject) -> None:
    buffer = bytearray(100_000)
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        for number in range(20):
            buffer[:] = bytes([number]) * len(buffer)
            writer.write(number * len(buffer), memoryview(buffer))
        writer.close()
    assert subject.content(b"file") == b"".join(bytes([number]) * len(buffer) for number in range(20))


def test_flush_returns_after_every_write_is_acknowledged(subject: Subject) -> None:
    content = os.urandom(2_000_000)
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        for offset in range(0, len(content), 200_000):
            writer.write(offset, content[offset : offset + 200_000])
        writer.flush()
        assert subject.content(b"file") == content


def test_sync_flushes_and_returns_whether_the_server_supports_it(subject: Subject) -> None:
    content = os.urandom(1_000_000)
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        writer.write(0, content)
        assert writer.sync() is subject.files.features().can_sync
        assert subject.content(b"file") == content


def test_attributes_of_the_open_file(subject: Subject) -> None:
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        writer.write(0, b"12345")
        writer.flush()
        attributes = writer.attributes()
    assert (attributes.kind, attributes.size) == ("file", 5)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o666])
def test_the_mode_at_creation_is_the_requested_one_or_less_for_any_umask(subject: Subject, mode: int) -> None:
    before = os.umask(0)
    try:
        with subject.files.create(subject.path(b"file"), mode=mode) as writer:
            permissions = stat.S_IMODE(os.stat(subject.local(b"file")).st_mode)
            writer.write(0, b"content")
            writer.close()
    finally:
        os.umask(before)
    assert permissions & ~mode == 0
    assert permissions & 0o400, "the umask of the lab takes nothing from the owner"
    assert subject.content(b"file") == b"content"


def _occupy(subject: Subject, by: str) -> bytes:
    if by == "file":
        return subject.put(b"taken", b"mine")
    if by == "directory":
        return subject.put_directory(b"taken")
    if by == "link":
        subject.put(b"other", b"mine")
        return subject.put_link(b"taken", b"other")
    return subject.put_link(b"taken", b"nowhere")


@pytest.mark.parametrize("by", ["file", "directory", "link", "dangling-link"])
def test_create_leaves_an_existing_file_unchanged(subject: Subject, by: str) -> None:
    path = _occupy(subject, by)
    names = subject.names()
    with pytest.raises(RemoteError) as caught:
        subject.files.create(path, mode=0o600)
    assert caught.value.code == "already_exists"
    assert caught.value.path == path
    assert subject.names() == names
    if by in ("file", "link"):
        assert subject.content(b"taken") == b"mine"


def test_create_below_a_missing_directory_is_not_found(subject: Subject) -> None:
    with pytest.raises(RemoteError) as caught:
        subject.files.create(subject.path(b"missing/file"), mode=0o600)
    assert caught.value.code == "not_found"


def test_close_can_be_called_again(subject: Subject) -> None:
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        writer.write(0, b"content")
        writer.close()
        writer.close()
    assert subject.content(b"file") == b"content"


def test_leaving_closes_the_file_that_was_written(subject: Subject) -> None:
    content = os.urandom(1_000_000)
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        writer.write(0, content)
    assert subject.content(b"file") == content


def test_an_error_in_the_block_is_not_replaced_by_one_from_closing(subject: Subject) -> None:
    path = subject.path(b"file")
    with pytest.raises(ZeroDivisionError), subject.files.create(path, mode=0o600) as writer:
        writer.write(0, bytes(1_000_000))
        raise ZeroDivisionError


def test_mode_and_times_of_the_open_file_can_be_set(subject: Subject) -> None:
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        writer.write(0, b"content")
        wanted = Attributes(mode=0o640, mtime=1_000_000_000)
        if subject.denies("fsetstat"):
            with pytest.raises(RemoteError) as caught:
                writer.set_attributes(wanted)
            assert caught.value.code == "permission_denied"
            return
        writer.flush()
        writer.set_attributes(wanted)
        writer.close()
    status = os.stat(subject.local(b"file"))
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert int(status.st_mtime) == 1_000_000_000


@pytest.mark.parametrize("size", [0, 3, 500_000])
def test_a_size_truncates_or_extends_the_open_file(subject: Subject, size: int) -> None:
    if subject.denies("fsetstat"):
        pytest.skip("the server is configured to refuse it")
    with subject.files.create(subject.path(b"file"), mode=0o600) as writer:
        writer.write(0, b"content")
        writer.flush()
        writer.set_attributes(Attributes(size=size))
        writer.close()
    assert subject.content(b"file") == b"content"[:size].ljust(size, b"\0")


def test_a_file_that_is_reopened_keeps_its_content(subject: Subject) -> None:
    content = os.urandom(3_000_000)
    path = subject.put(b"file", content[:1_000_000], mode=0o600)
    with subject.files.reopen(path) as writer:
        assert writer.attributes().size == 1_000_000
        writer.write(1_000_000, content[1_000_000:])
        writer.close()
    assert subject.content(b"file") == content


def test_a_file_that_is_reopened_can_be_overwritten_in_the_middle(subject: Subject) -> None:
    path = subject.put(b"file", bytes(600_000), mode=0o600)
    with subject.files.reopen(path) as writer:
        writer.write(300_000, b"middle")
        writer.close()
    assert subject.content(b"file") == bytes(300_000) + b"middle" + bytes(299_994)


def test_an_interrupted_file_can_be_reopened(subject: Subject) -> None:
    content = os.urandom(2_000_000)
    path = subject.path(b"file")
    with pytest.raises(ZeroDivisionError), subject.files.create(path, mode=0o600) as writer:
        writer.write(0, content[:1_000_000])
        writer.flush()
        raise ZeroDivisionError
    with subject.files.reopen(path) as writer:
        writer.write(1_000_000, content[1_000_000:])
    assert subject.content(b"file") == content


def test_reopening_creates_nothing(subject: Subject) -> None:
    path = subject.path(b"missing")
    with pytest.raises(RemoteError) as caught:
        subject.files.reopen(path)
    assert (caught.value.code, caught.value.path) == ("not_found", path)
    assert subject.names() == set()


@pytest.mark.parametrize("kind", ["directory", "link", "dangling-link"])
def test_only_a_regular_file_is_reopened_and_a_link_is_not_followed(subject: Subject, kind: str) -> None:
    if kind == "link" and subject.case.resolves_links:
        pytest.skip("this server resolves links before it reports a file's type")
    path = _occupy(subject, kind)
    names = subject.names()
    with pytest.raises(RemoteError):
        subject.files.reopen(path)
    assert subject.names() == names
    if kind == "link":
        assert subject.content(b"other") == b"mine"
