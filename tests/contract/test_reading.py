# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the port's ``Reader``."""

from __future__ import annotations

import hashlib
import os
import tracemalloc

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.tests.contract.subjects import Subject

LARGE_BYTES = 20 * 1024 * 1024
MOST_BLOCK_BYTES = 512 * 1024
MOST_MEMORY_BYTES = 24 * 1024 * 1024


def read(subject: Subject, path: bytes, *, offset: int = 0, length: int | None = None) -> bytes:
    """Return the content, read by the file system under test."""
    with subject.files.open_reader(path) as reader:
        return b"".join(bytes(block) for block in reader.blocks(offset=offset, length=length))


def test_a_large_file_is_read_byte_exact(subject: Subject) -> None:
    content = os.urandom(LARGE_BYTES)
    path = subject.put(b"large", content)
    digest, count = hashlib.sha256(), 0
    with subject.files.open_reader(path) as reader:
        for block in reader.blocks():
            digest.update(block)
            count += len(block)
    assert count == LARGE_BYTES
    assert digest.hexdigest() == hashlib.sha256(content).hexdigest()


def test_an_empty_file_has_no_blocks(subject: Subject) -> None:
    with subject.files.open_reader(subject.put(b"empty")) as reader:
        assert list(reader.blocks()) == []


@pytest.mark.parametrize("size", [1, 32_767, 32_768, 32_769, 255 * 1024, 256 * 1024, 256 * 1024 + 1, 1_000_003])
def test_sizes_around_the_block_size_are_read_whole(plain_subject: Subject, size: int) -> None:
    content = os.urandom(size)
    assert read(plain_subject, plain_subject.put(b"file", content)) == content


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, 0),
        (0, 1),
        (1, None),
        (100_000, 1),
        (123_457, 300_001),
        (0, 600_000),
        (599_999, None),
        (599_999, 5),
        (600_000, None),
        (600_000, 10),
        (700_000, None),
        (700_000, 10),
        (0, 10_000_000),
        (300_000, 10_000_000),
    ],
)
def test_a_range_is_exact_and_ends_early_only_where_the_file_ends(
    plain_subject: Subject, offset: int, length: int | None
) -> None:
    content = os.urandom(600_000)
    path = plain_subject.put(b"file", content)
    end = None if length is None else offset + length
    assert read(plain_subject, path, offset=offset, length=length) == content[offset:end]


def test_blocks_are_neither_empty_nor_big(subject: Subject) -> None:
    with subject.files.open_reader(subject.put(b"file", os.urandom(3_000_000))) as reader:
        sizes = [len(block) for block in reader.blocks()]
    assert sum(sizes) == 3_000_000
    assert min(sizes) > 0
    assert max(sizes) <= MOST_BLOCK_BYTES


def test_memory_is_bounded_for_files_of_any_size(plain_subject: Subject) -> None:
    path = plain_subject.put(b"large")
    os.truncate(plain_subject.local(b"large"), 3 * MOST_MEMORY_BYTES)
    tracemalloc.start()
    try:
        with plain_subject.files.open_reader(path) as reader:
            count = sum(len(block) for block in reader.blocks())
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 3 * MOST_MEMORY_BYTES
    assert peak < MOST_MEMORY_BYTES


def test_a_reader_can_be_asked_for_several_ranges(subject: Subject) -> None:
    content = os.urandom(500_000)
    with subject.files.open_reader(subject.put(b"file", content)) as reader:
        parts = [b"".join(map(bytes, reader.blocks(offset=at, length=50_000))) for at in (450_000, 0, 200_000)]
    assert parts == [content[450_000:], content[:50_000], content[200_000:250_000]]


def test_a_reader_can_be_stopped_in_the_middle_and_the_session_stays_usable(subject: Subject) -> None:
    content = os.urandom(3_000_000)
    path = subject.put(b"file", content)
    with subject.files.open_reader(path) as reader:
        first = bytes(next(iter(reader.blocks())))
    assert content.startswith(first)
    assert read(subject, path) == content


def test_a_range_can_be_stopped_in_the_middle_and_the_reader_stays_usable(subject: Subject) -> None:
    content = os.urandom(3_000_000)
    with subject.files.open_reader(subject.put(b"file", content)) as reader:
        next(iter(reader.blocks()))
        assert b"".join(map(bytes, reader.blocks(offset=7))) == content[7:]


def test_two_readers_of_one_session_do_not_disturb_each_other(subject: Subject) -> None:
    contents = [os.urandom(700_000), os.urandom(700_000)]
    one, two = (subject.put(name, content) for name, content in zip((b"one", b"two"), contents))
    with subject.files.open_reader(one) as first, subject.files.open_reader(two) as second:
        pairs = list(zip(map(bytes, first.blocks()), map(bytes, second.blocks())))
    assert b"".join(pair[0] for pair in pairs) == contents[0]
    assert b"".join(pair[1] for pair in pairs) == contents[1]


def test_attributes_are_those_of_what_is_open_not_of_the_path(subject: Subject) -> None:
    path = subject.put(b"file", b"old content")
    with subject.files.open_reader(path) as reader:
        os.unlink(subject.local(b"file"))
        subject.put(b"file", b"new")
        assert reader.attributes().size == len(b"old content")
        assert b"".join(map(bytes, reader.blocks())) == b"old content"


def test_an_error_in_the_block_is_not_replaced_by_one_from_closing(subject: Subject) -> None:
    path = subject.put(b"file", os.urandom(2_000_000))
    with pytest.raises(ZeroDivisionError), subject.files.open_reader(path) as reader:
        next(iter(reader.blocks()))
        raise ZeroDivisionError


def test_a_missing_file_is_not_found_and_the_error_carries_the_path(subject: Subject) -> None:
    with pytest.raises(RemoteError) as caught:
        subject.files.open_reader(subject.path(b"missing"))
    assert caught.value.code == "not_found"
    assert caught.value.path == subject.path(b"missing")


def test_a_directory_cannot_be_read(subject: Subject) -> None:
    path = subject.put_directory(b"directory")
    with pytest.raises(RemoteError):
        read(subject, path)


def test_the_open_file_and_the_one_at_its_path_are_the_same(subject: Subject) -> None:
    path = subject.put(b"file", b"content")
    seen = subject.files.attributes(path, follow=False)
    with subject.files.open_reader(path) as reader:
        found = [(each.size, each.mtime, each.uid, each.gid, each.mode) for each in (seen, *reader.opened_and_named())]
    assert found[0] == found[1] == found[2]


def test_a_link_is_not_opened_or_is_recognized_by_its_path(following_subject: Subject) -> None:
    """SFTP cannot open a file without following links, but LSTAT shows the link, unless the server resolves it."""
    subject = following_subject
    subject.put(b"file", b"content")
    link = subject.put_link(b"link", b"file")
    if subject.case.name == "local":
        with pytest.raises(RemoteError):
            subject.files.open_reader(link)
        return
    with subject.files.open_reader(link) as reader:
        opened, named = reader.opened_and_named()
        assert b"".join(bytes(block) for block in reader.blocks()) == b"content"
    assert (opened.kind, named.kind) == ("file", "file" if subject.case.resolves_links else "link")
