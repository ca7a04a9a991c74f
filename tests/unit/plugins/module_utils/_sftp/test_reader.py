# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ahead: every byte once and in order, for replies of any size."""

from __future__ import annotations

import itertools
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import USUAL_RESOURCES, Resources, Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.filesystem import SftpFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import (
    FakeSftp,
    MemoryDuplex,
    Request,
    attrs,
    data,
    packet,
    status,
    u32,
)

CONTENT = bytes(range(256)) * 40


def file_system(
    server: FakeSftp, duplex: MemoryDuplex | None = None, *, resources: Resources = USUAL_RESOURCES
) -> SftpFileSystem:
    session = Session(duplex or MemoryDuplex(server), timeouts=Timeouts())
    session.open()
    return SftpFileSystem(session, timeouts=Timeouts(), resources=resources)


def small_blocks(contents: dict[bytes, bytes]) -> FakeSftp:
    return FakeSftp(contents, limits=(34000, 1024, 1024, 0))


def read_all(server: FakeSftp, **how: t.Any) -> bytes:
    with file_system(server).open_reader(b"/a") as reader:
        return b"".join(bytes(block) for block in reader.blocks(**how))


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, len(CONTENT)])
def test_the_whole_file_is_read(size: int) -> None:
    server = small_blocks({b"/a": CONTENT[:size]})
    assert read_all(server) == CONTENT[:size]
    assert server.open_handles() == 0


@given(st.integers(0, 11_000), st.integers(0, 11_000))
def test_any_range_is_read(offset: int, length: int) -> None:
    assert read_all(small_blocks({b"/a": CONTENT}), offset=offset, length=length) == CONTENT[offset : offset + length]


@given(st.lists(st.integers(1, 1024), min_size=1, max_size=9))
def test_short_reads_are_asked_again_without_a_gap(lengths: list[int]) -> None:
    server = small_blocks({b"/a": CONTENT})
    longest = itertools.cycle(lengths)

    def short(request: Request, honest: fake_sftp.Honest) -> list[bytes]:
        file, offset, count = server._file(request), request.u64(), request.u32()
        content = bytes(file.content[offset : offset + min(count, next(longest))])
        return [data(request.id, content) if content else status(request.id, fake_sftp.EOF)]

    server.on(fake_sftp.READ, short)
    assert read_all(server) == CONTENT


class Reversing(MemoryDuplex):
    """Delivers the replies to all requests in flight in reverse order."""

    def receive(self, *, timeout_seconds: float, wanted_bytes: int = 1) -> bytes | None:
        self.push(b"".join(reversed(self.held)))
        self.held.clear()
        return super().receive(timeout_seconds=timeout_seconds)

    def __init__(self, server: FakeSftp) -> None:
        super().__init__(server)
        self.held: list[bytes] = []
        server.on(fake_sftp.READ, self._hold)

    def _hold(self, request: Request, honest: fake_sftp.Honest) -> list[bytes]:
        self.held.extend(honest())
        return []


def test_answers_in_reverse_order_are_put_in_order() -> None:
    server = small_blocks({b"/a": CONTENT})
    with file_system(server, Reversing(server)).open_reader(b"/a") as reader:
        assert b"".join(bytes(block) for block in reader.blocks()) == CONTENT


def test_an_end_before_the_size_that_was_stated_ends_the_blocks() -> None:
    server = small_blocks({b"/a": CONTENT})
    server.on(fake_sftp.FSTAT, lambda r, honest: [packet(fake_sftp.ATTRS, u32(r.id) + attrs(2**63))])
    assert read_all(server) == CONTENT


@pytest.mark.parametrize("stated", [None, 0, 10])
def test_more_than_the_size_that_was_stated_is_read_to_the_real_end(stated: int | None) -> None:
    server = small_blocks({b"/a": CONTENT})
    server.on(fake_sftp.FSTAT, lambda r, honest: [packet(fake_sftp.ATTRS, u32(r.id) + attrs(stated))])
    assert read_all(server) == CONTENT


@pytest.mark.parametrize("memory_mebibytes", [0, 1, 8])
def test_never_more_than_the_memory_allows_is_in_flight(memory_mebibytes: int) -> None:
    server = FakeSftp({b"/a": bytes(20 * 1024 * 1024)})
    resources = Resources(memory_bytes=memory_mebibytes * 1024 * 1024)
    asked: list[int] = []
    server.on(fake_sftp.READ, lambda request, honest: (asked.append(1), honest())[1])  # type: ignore[func-returns-value]
    with file_system(server, resources=resources).open_reader(b"/a") as reader:
        most = 0
        for number, _block in enumerate(reader.blocks()):
            most = max(most, len(asked) - number)
    assert most <= max(8, resources.read_ahead_bytes // (255 * 1024)) + 1


def test_a_small_file_costs_few_requests() -> None:
    server = small_blocks({b"/a": b"x"})
    read_all(server)
    assert server.kinds().count(fake_sftp.READ) == 2


def test_a_read_that_fails_in_the_middle_is_raised_with_its_path() -> None:
    server = small_blocks({b"/a": CONTENT})
    server.on(fake_sftp.READ, lambda r, honest: [status(r.id, fake_sftp.FAILURE, b"disk")], after=5, times=1)
    with pytest.raises(BackhaulError) as caught:
        read_all(server)
    assert (caught.value.code, caught.value.path) == ("remote_failure", b"/a")
    assert server.open_handles() == 0


def test_blocks_that_are_not_all_taken_leave_the_session_usable() -> None:
    server = small_blocks({b"/a": CONTENT})
    files = file_system(server)
    with files.open_reader(b"/a") as reader:
        assert [len(block) for block in itertools.islice(reader.blocks(), 2)] == [1024, 1024]
    assert files.attributes(b"/a", follow=True).size == len(CONTENT)


def test_a_refused_close_is_raised_unless_another_error_is_being_raised() -> None:
    server = small_blocks({b"/a": CONTENT})
    server.on(fake_sftp.CLOSE, lambda r, honest: [status(r.id, fake_sftp.FAILURE, b"close")])
    with pytest.raises(BackhaulError, match="close"):
        read_all(server)
    with pytest.raises(ValueError, match="worse"), file_system(server).open_reader(b"/a"):
        raise ValueError("worse")


def test_the_size_is_asked_for_once() -> None:
    server = small_blocks({b"/a": CONTENT})
    with file_system(server).open_reader(b"/a") as reader:
        assert reader.attributes().size == len(CONTENT)
        assert b"".join(map(bytes, reader.blocks())) == CONTENT
    assert server.kinds().count(fake_sftp.FSTAT) == 1


def test_a_file_that_grew_since_its_size_was_asked_for_is_read_to_its_end() -> None:
    server = small_blocks({b"/a": CONTENT[:3000]})
    with file_system(server).open_reader(b"/a") as reader:
        reader.attributes()
        server.files[b"/a"].content += CONTENT[3000:]
        assert b"".join(map(bytes, reader.blocks())) == CONTENT


def test_what_is_open_and_what_is_at_its_path_are_requested_together() -> None:
    server = small_blocks({b"/a": CONTENT})
    with file_system(server).open_reader(b"/a") as reader:
        before = len(server.kinds())
        opened, named = reader.opened_and_named()
    assert opened == named
    assert server.kinds()[before : before + 2] == [fake_sftp.FSTAT, fake_sftp.LSTAT]
    assert opened.size == len(CONTENT)
