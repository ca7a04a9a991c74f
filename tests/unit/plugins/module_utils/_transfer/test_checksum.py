# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests by whoever computes them for the least traffic, and what they prove."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import IntegrityError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Comparison, Digest
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import (
    SourceDigest,
    cheapest_digest,
    compare,
    read_digest,
)
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer

CONTENT = bytes(range(256)) * 12
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def files(digest: str | None = "check-file", content: bytes = CONTENT) -> MemoryFiles:
    server = MemoryServer(digest=digest)
    server.put(b"/in/a", content, mtime=7)
    return MemoryFiles(server)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_reading_back_hashes_every_byte_and_counts_them(algorithm: str) -> None:
    progress: list[int] = []
    digest = read_digest(files(), b"/in/a", algorithm=algorithm, progress=progress.append)
    assert digest == Digest(algorithm, hashlib.new(algorithm, CONTENT).hexdigest(), "readback")
    assert sum(progress) == len(CONTENT)


@pytest.mark.parametrize(
    ("offered", "method"), [("check-file", "check-file"), ("command", "command"), (None, "readback")]
)
def test_the_server_hashes_where_it_can(offered: str | None, method: str) -> None:
    here = files(offered)
    assert cheapest_digest(here, b"/in/a") == Digest("sha256", SHA256, method)
    assert ("read" in [name for name, _path in here.server.calls]) is (offered is None)


class Counted:
    """Computes a digest, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Digest:
        self.count += 1
        return Digest("sha256", SHA256, "check-file")


def test_the_source_is_hashed_when_somebody_asks_and_once() -> None:
    compute = Counted()
    source = SourceDigest(compute, b"/in/a")
    assert (source.known, compute.count) == (None, 0)
    assert source.get() == source.get() == source.known
    assert compute.count == 1


def test_what_was_streamed_need_not_be_hashed_again() -> None:
    compute = Counted()
    source = SourceDigest(compute, b"/in/a")
    source.record_streamed(SHA256)
    source.record_streamed(SHA256)
    assert source.get() == Digest("sha256", SHA256, "stream")
    assert compute.count == 0


def test_a_source_that_is_another_now_has_changed() -> None:
    source = SourceDigest(Counted(), b"/in/a")
    source.get()
    with pytest.raises(IntegrityError) as caught:
        source.record_streamed("0" * 64)
    assert (caught.value.code, caught.value.role, caught.value.path) == ("source_changed", "source", b"/in/a")


def compared(
    found: Attributes | None, *, policy: str = "auto", here: MemoryFiles | None = None, is_racy: bool = False
) -> Comparison:
    return compare(
        here or files(),
        b"/in/a",
        found,
        size=len(CONTENT),
        mtime=7,
        source=SourceDigest(Counted(), b"/s"),
        policy=policy,
        is_racy=is_racy,
    )


def test_nothing_there_is_not_the_same() -> None:
    assert compared(None) == Comparison(same=False, compared_by="nothing")


@pytest.mark.parametrize("size", [0, len(CONTENT) - 1, None])
@pytest.mark.parametrize("policy", ["auto", "checksum", "size_mtime"])
def test_another_size_settles_it_without_a_look_at_the_content(size: int | None, policy: str) -> None:
    here = files()
    assert compared(Attributes(size=size, mtime=7), policy=policy, here=here) == Comparison(
        same=False, compared_by="size"
    )
    assert here.server.calls == []


@pytest.mark.parametrize(("mtime", "same"), [(7, True), (8, False), (None, False)])
def test_size_and_time_are_believed_only_when_asked_for(mtime: int | None, same: bool) -> None:
    here = files(content=bytes(len(CONTENT)))
    found = Attributes(size=len(CONTENT), mtime=mtime)
    assert compared(found, policy="size_mtime", here=here) == Comparison(same=same, compared_by="size_mtime")
    assert compared(found, policy="auto", here=here).same is False
    assert compared(found, policy="checksum", here=here).same is False


def test_the_digest_of_the_destination_is_kept_with_the_answer() -> None:
    found = Attributes(size=len(CONTENT), mtime=99)
    expected = Comparison(same=True, compared_by="check-file", digest=Digest("sha256", SHA256, "check-file"))
    assert compared(found) == expected


def test_size_and_time_prove_nothing_of_a_source_that_was_written_just_now() -> None:
    here = files(content=bytes(len(CONTENT)))
    same_time = Attributes(size=len(CONTENT), mtime=7)
    found = compared(same_time, policy="size_mtime", here=here, is_racy=True)
    assert (found.same, found.compared_by) == (False, "check-file")
    other_time = Attributes(size=len(CONTENT), mtime=8)
    assert compared(other_time, policy="size_mtime", is_racy=True).compared_by == "size_mtime"


@pytest.mark.parametrize("size", [len(CONTENT), 8 * 1024 * 1024])
def test_a_file_that_its_server_fails_to_read_is_not_the_same(size: int) -> None:
    here = files()
    here.server.digest = None
    here.server.wrong["read"] = "remote_failure"
    found = compare(
        here,
        b"/in/a",
        Attributes(size=size, mtime=7),
        size=size,
        mtime=7,
        source=SourceDigest(Counted(), b"/s"),
        policy="auto",
    )
    assert found == Comparison(same=False, compared_by="unreadable")


@pytest.mark.parametrize("code", ["permission_denied", "not_found", "protocol_violation"])
def test_a_file_that_may_not_be_read_is_an_error(code: str) -> None:
    here = files()
    here.server.digest = None
    here.server.wrong["open_reader"] = code
    with pytest.raises(RemoteError) as caught:
        compared(Attributes(size=len(CONTENT), mtime=7), here=here)
    assert caught.value.code == code


def test_a_source_that_is_hashed_again_after_it_was_read_says_by_whom() -> None:
    source = SourceDigest(Counted(), b"/in/a")
    source.record_streamed(SHA256)
    source.taken_again(Digest("sha256", SHA256, "command"))
    assert source.get().method == "command"
    with pytest.raises(IntegrityError):
        source.taken_again(Digest("sha256", "0" * 64, "command"))
