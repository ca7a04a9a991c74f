# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing: data counts as written only after the server acknowledged it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.filesystem import SftpFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.write_handle import MAX_IN_FLIGHT
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp, MemoryDuplex, data, status


def file_system(server: FakeSftp) -> SftpFileSystem:
    session = Session(MemoryDuplex(server), timeouts=Timeouts())
    session.open()
    return SftpFileSystem(session, timeouts=Timeouts())


def small_blocks() -> FakeSftp:
    return FakeSftp(limits=(34000, 1024, 1024, 0))


@given(st.lists(st.binary(max_size=3000), max_size=6))
def test_blocks_of_any_size_arrive(blocks: list[bytes]) -> None:
    server = small_blocks()
    with file_system(server).create(b"/a", mode=0o600) as writer:
        offset = 0
        for block in blocks:
            writer.write(offset, memoryview(block))
            offset += len(block)
        writer.close()
    assert bytes(server.files[b"/a"].content) == b"".join(blocks)
    assert server.open_handles() == 0


def test_a_block_may_be_reused_on_return() -> None:
    server = small_blocks()
    block = bytearray(b"a" * 2000)
    with file_system(server).create(b"/a", mode=0o600) as writer:
        writer.write(0, block)
        block[:] = b"b" * 2000
        writer.write(2000, block)
        writer.close()
    assert bytes(server.files[b"/a"].content) == b"a" * 2000 + b"b" * 2000


@pytest.mark.parametrize("number", [0, 1, 50, 99])
@pytest.mark.parametrize("how", ["flush", "sync", "close", "leave"])
def test_one_write_that_fails_among_others_that_succeed_is_never_lost(number: int, how: str) -> None:
    server = small_blocks()
    server.on(fake_sftp.WRITE, lambda r, honest: [status(r.id, 4, b"disk full")], after=number, times=1)
    with (
        pytest.raises(BackhaulError, match="disk full") as caught,
        file_system(server).create(b"/a", mode=0o600) as writer,
    ):
        writer.write(0, bytes(100 * 1024))
        if how != "leave":
            getattr(writer, how)()
    assert (caught.value.code, caught.value.path) == ("remote_failure", b"/a")
    assert server.open_handles() == 0


def test_a_failed_write_is_known_before_the_rest_is_sent() -> None:
    server = small_blocks()
    server.on(fake_sftp.WRITE, lambda r, honest: [status(r.id, 4)])
    with pytest.raises(BackhaulError), file_system(server).create(b"/a", mode=0o600) as writer:
        writer.write(0, bytes(10_000 * 1024))
    assert server.kinds().count(fake_sftp.WRITE) <= MAX_IN_FLIGHT + 1


@pytest.mark.parametrize("writes", [1, 5, 200])
def test_an_answer_that_breaks_the_protocol_ends_the_writing_at_once(writes: int) -> None:
    server = small_blocks()
    server.on(fake_sftp.WRITE, lambda r, honest: [data(r.id, b"what is this?")])
    with pytest.raises(BackhaulError) as caught, file_system(server).create(b"/a", mode=0o600) as writer:
        for number in range(writes):
            writer.write(number, b"x")
        writer.flush()
    assert (caught.value.code, caught.value.path) == ("protocol_violation", b"/a")


@pytest.mark.parametrize("kind", [fake_sftp.CLOSE, fake_sftp.FSTAT, fake_sftp.FSETSTAT])
def test_what_is_refused_on_the_open_file_is_raised_with_its_path(kind: int) -> None:
    server = small_blocks()
    server.on(kind, lambda r, honest: [status(r.id, 3, b"quota")], times=1)
    with pytest.raises(BackhaulError, match="quota") as caught, file_system(server).create(b"/a", mode=0o600) as writer:
        writer.set_attributes(Attributes(mode=0o640))
        writer.attributes()
        writer.close()
    assert (caught.value.code, caught.value.path) == ("permission_denied", b"/a")


def test_sync_asks_for_fsync_and_its_refusal_is_raised() -> None:
    server = small_blocks()
    with file_system(server).create(b"/a", mode=0o600) as writer:
        assert writer.sync() is True
    assert fake_sftp.EXTENDED in server.kinds()
    server.on(fake_sftp.EXTENDED, lambda r, honest: [status(r.id, 4, b"i/o error")], after=1)
    with pytest.raises(BackhaulError, match="i/o error"), file_system(server).create(b"/b", mode=0o600) as writer:
        writer.sync()


def test_sync_is_false_where_the_server_has_none_and_still_flushes() -> None:
    server = FakeSftp(extensions={})
    server.on(fake_sftp.WRITE, lambda r, honest: [status(r.id, 4, b"full")], after=1)
    with pytest.raises(BackhaulError, match="full"), file_system(server).create(b"/a", mode=0o600) as writer:
        writer.write(0, b"x")
        assert writer.sync() is False
        writer.write(1, b"x")
        writer.sync()


def test_leaving_without_close_still_closes_and_keeps_what_was_written() -> None:
    server = small_blocks()
    with file_system(server).create(b"/a", mode=0o600) as writer:
        writer.write(0, b"abc")
    assert bytes(server.files[b"/a"].content) == b"abc"
    assert server.open_handles() == 0


def test_leaving_by_an_error_closes_the_handle_and_keeps_the_error() -> None:
    server = small_blocks()
    server.on(fake_sftp.CLOSE, lambda r, honest: [*honest()[:0], status(r.id, 4, b"close")])
    with pytest.raises(ValueError, match="worse"), file_system(server).create(b"/a", mode=0o600):
        raise ValueError("worse")


def test_an_fsync_that_is_announced_and_not_implemented_is_not_sent_again() -> None:
    server = FakeSftp()
    server.on(fake_sftp.EXTENDED, lambda r, honest: [status(r.id, 8)], after=1)
    files = file_system(server)
    for name in (b"/a", b"/b"):
        with files.create(name, mode=0o600) as writer:
            writer.write(0, b"x")
            assert writer.sync() is False
            writer.close()
    assert server.kinds().count(fake_sftp.EXTENDED) == 2  # limits, and one fsync
    assert not files.features().can_sync
