# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the source: the whole file, once, with every change during the read noticed."""

from __future__ import annotations

import hashlib
import threading
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Digest
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import unwatched
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.rate_limit import RateLimiter
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.source import SourceFile
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.workers import run_parallel
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import BLOCK, NOW, SOURCE, MemoryPool, MemoryServer

CONTENT = bytes(range(256)) * 20
PATH = b"/in/a"


@pytest.fixture
def server() -> MemoryServer:
    server = MemoryServer()
    server.put(PATH, CONTENT)
    return server


def source_on(
    server: MemoryServer,
    *,
    paused: list[float] | None = None,
    rate: float = 0,
    always_proven: bool = False,
    now: float = NOW,
) -> SourceFile:
    rate_limiter = RateLimiter(rate, clock=lambda: 0, sleep=(paused if paused is not None else []).append)
    return SourceFile(
        MemoryPool(source=server),
        SOURCE,
        PATH,
        watch=unwatched,
        rate_limiter=rate_limiter,
        always_proven=always_proven,
        clock=lambda: now,
    )


def read(source_file: SourceFile, start: int = 0) -> bytes:
    return b"".join(bytes(block) for block in source_file.blocks(start, session_number=0))


def test_all_of_it_is_read_and_hashed_on_the_way(server: MemoryServer) -> None:
    source_file = source_on(server)
    assert read(source_file) == CONTENT
    assert source_file.digest.known is not None
    assert (source_file.digest.known.hexdigest, source_file.digest.known.method) == (
        hashlib.sha256(CONTENT).hexdigest(),
        "stream",
    )
    assert source_file.bytes_read == len(CONTENT)
    assert [name for name, _path in server.calls].count("digest") == 0


def test_a_partial_read_leaves_the_digest_unknown(server: MemoryServer) -> None:
    source_file = source_on(server)
    assert read(source_file, 1234) == CONTENT[1234:]
    assert source_file.digest.known is None
    assert source_file.digest.get().hexdigest == hashlib.sha256(CONTENT).hexdigest()


def test_a_digest_of_the_whole_is_asked_for_once(server: MemoryServer) -> None:
    source_file = source_on(server)
    assert (
        source_file.prefix_digest(len(CONTENT)) == source_file.digest.get() == source_file.prefix_digest(len(CONTENT))
    )
    assert [name for name, _path in server.calls].count("digest") == 1
    part = source_file.prefix_digest(100)
    assert part is not None
    assert part.hexdigest == hashlib.sha256(CONTENT[:100]).hexdigest()


def test_several_threads_that_want_the_digest_get_it_from_one_computation(server: MemoryServer) -> None:
    source_file = source_on(server)
    assert source_file.source.size == len(CONTENT)
    meeting, found = threading.Barrier(4, timeout=30), []

    def ask() -> None:
        meeting.wait()
        found.append(source_file.digest.get())

    run_parallel([ask] * 4)
    assert len(set(found)) == 1
    assert [name for name, _path in server.calls].count("digest") == 1


def test_the_digest_is_taken_from_the_read_that_is_under_way(server: MemoryServer) -> None:
    source_file = source_on(server)
    assert source_file.source.size == len(CONTENT)
    asking = threading.Event()

    def reading() -> None:
        with source_file.reserved():
            asking.set()
            threading.Event().wait(0.05)
            read(source_file)

    def ask() -> None:
        asking.wait()
        source_file.digest.get()

    run_parallel([reading, ask])
    assert [name for name, _path in server.calls].count("digest") == 0


def grow(server: MemoryServer) -> None:
    server.files[PATH].content.extend(bytes(BLOCK))


def shrink(server: MemoryServer) -> None:
    del server.files[PATH].content[2 * BLOCK :]


def touch(server: MemoryServer) -> None:
    server.files[PATH].mtime += 1


@pytest.mark.parametrize("start", [0, BLOCK])
@pytest.mark.parametrize(
    ("happens", "code"), [(grow, "source_changed"), (shrink, "short_transfer"), (touch, "source_changed")]
)
def test_a_change_during_the_read_is_noticed(
    server: MemoryServer, happens: t.Callable[[MemoryServer], None], code: str, start: int
) -> None:
    source_file = source_on(server)
    blocks = source_file.blocks(start, session_number=0)
    next(blocks)
    happens(server)
    with pytest.raises(BackhaulError) as caught:
        list(blocks)
    assert (caught.value.code, caught.value.role, caught.value.path) == (code, "source", PATH)
    assert server.open_handles == 0


def test_another_content_of_the_same_size_and_time_is_noticed_by_the_second_read(server: MemoryServer) -> None:
    source_file = source_on(server)
    read(source_file)
    server.files[PATH].content[0] ^= 1
    with pytest.raises(BackhaulError) as caught:
        read(source_file)
    assert caught.value.code == "source_changed"


def test_a_read_that_is_stopped_leaves_no_handle_open(server: MemoryServer) -> None:
    blocks = source_on(server).blocks(0, session_number=0)
    next(blocks)
    blocks.close()
    assert server.open_handles == 0


def test_the_rate_is_kept(server: MemoryServer) -> None:
    paused: list[float] = []
    read(source_on(server, paused=paused, rate=1000))
    assert paused[-1] == pytest.approx(len(CONTENT) / 1000)


# The conditions under which a source is hashed once more after it was read.
UNPROVEN: list[dict[str, t.Any]] = [{"always_proven": True}, {"now": 1_700_000_001.5}, {"now": 1_600_000_000.0}]


@pytest.mark.parametrize("digest", ["check-file", None], ids=["hashed by its server", "read again"])
@pytest.mark.parametrize("how", UNPROVEN, ids=["always", "written just now", "written in the future"])
@pytest.mark.parametrize("start", [0, BLOCK])
def test_content_that_changes_and_keeps_its_time_is_noticed(
    server: MemoryServer, digest: str | None, how: dict[str, t.Any], start: int
) -> None:
    server.digest = digest
    source_file = source_on(server, **how)
    source_file.digest.known = Digest("sha256", hashlib.sha256(CONTENT).hexdigest(), "check-file") if start else None
    blocks = source_file.blocks(start, session_number=0)
    next(blocks)
    server.files[PATH].content[0] ^= 1
    with pytest.raises(BackhaulError) as caught:
        list(blocks)
    assert (caught.value.code, caught.value.role, caught.value.path) == ("source_changed", "source", PATH)
    assert server.open_handles == 0


@pytest.mark.parametrize(("digest", "reads"), [("check-file", 1), (None, 2)])
@pytest.mark.parametrize("how", UNPROVEN)
def test_the_digest_is_taken_after_the_reading_has_ended(
    server: MemoryServer, digest: str | None, reads: int, how: dict[str, t.Any]
) -> None:
    server.digest = digest
    source_file = source_on(server, **how)
    assert read(source_file) == CONTENT
    names = [name for name, _path in server.calls]
    assert names.count("digest") == 1
    assert "read" in names[: names.index("digest")]
    assert names.count("read") == reads * (len(CONTENT) // BLOCK + 2)
    assert source_file.digest.known is not None
    assert source_file.digest.known.method == (digest or "readback")
    assert source_file.bytes_read == len(CONTENT)


def test_the_clock_of_the_source_counts_as_well(server: MemoryServer) -> None:
    """The source's clock is hours behind, as the access time after the read shows."""
    source_file = source_on(server)
    blocks = source_file.blocks(0, session_number=0)
    next(blocks)
    server.files[PATH].content[0] ^= 1
    server.files[PATH].atime = server.files[PATH].mtime + 1
    with pytest.raises(BackhaulError) as caught:
        list(blocks)
    assert caught.value.code == "source_changed"


def test_an_old_source_costs_nothing_more(server: MemoryServer) -> None:
    read(source_on(server))
    assert [name for name, _path in server.calls if name not in ("read", "close")] == [
        "attributes",
        "open_reader",
        "handle.attributes",
        "attributes",
        "handle.attributes",
    ]
