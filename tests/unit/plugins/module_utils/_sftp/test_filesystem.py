# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port over a session with misbehaving servers; ``tests/contract`` has the others."""

from __future__ import annotations

import itertools
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp import listing
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.filesystem import SftpFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import (
    FakeSftp,
    MemoryDuplex,
    attrs,
    names,
    packet,
    status,
    u32,
)


def opened(server: FakeSftp) -> tuple[SftpFileSystem, MemoryDuplex]:
    duplex = MemoryDuplex(server)
    session = Session(duplex, timeouts=Timeouts())
    session.open()
    return SftpFileSystem(session, timeouts=Timeouts()), duplex


def refused(ask: t.Callable[[], object]) -> BackhaulError:
    with pytest.raises(BackhaulError) as caught:
        ask()
    return caught.value


def test_features_follow_from_the_announced_extensions() -> None:
    full = opened(FakeSftp())[0].features()
    bare = opened(FakeSftp(extensions={}))[0].features()
    assert (full.can_sync, full.can_replace) == (True, True)
    assert (bare.can_sync, bare.can_replace, bare.extensions) == (False, False, ())


def test_names_of_extensions_are_made_printable() -> None:
    features = opened(FakeSftp(extensions={b"\x1b[2J": b"\n"}))[0].features()
    assert features.extensions == (("\\x1b[2J", "\\n"),)


@pytest.mark.parametrize("answer", [[], [b"relative"], [b""], [b"/a", b"/b"]])
def test_realpath_must_answer_with_one_absolute_path(answer: list[bytes]) -> None:
    server = FakeSftp()
    server.on(fake_sftp.REALPATH, lambda r, honest: [names(r.id, [(name, attrs()) for name in answer])])
    files, duplex = opened(server)
    error = refused(lambda: files.canonical(b"x"))
    assert (error.code, error.path) == ("protocol_violation", b"x")
    assert duplex.closed


def test_realpath_that_ends_instead_of_answering_is_a_violation() -> None:
    server = FakeSftp()
    server.on(fake_sftp.REALPATH, lambda r, honest: [status(r.id, fake_sftp.EOF)])
    assert refused(lambda: opened(server)[0].canonical(b"x")).code == "protocol_violation"


CONTENTS = {b"/%04d" % number: b"x" * number for number in range(1000)}


@pytest.mark.parametrize("block", [1, 7, 100, 2000])
def test_a_listing_is_complete_in_packets_of_any_size(block: int) -> None:
    server = FakeSftp(CONTENTS, listing_block=block)
    files, _duplex = opened(server)
    assert [(entry.name, entry.attributes.size) for entry in files.entries(b"/")] == [
        (path[1:], len(content)) for path, content in CONTENTS.items()
    ]
    assert server.open_handles() == 0


def test_a_listing_that_is_not_read_to_its_end_closes_its_handle_and_leaves_the_session_usable() -> None:
    server = FakeSftp(CONTENTS, listing_block=5)
    files, _duplex = opened(server)
    listing = t.cast("t.Generator[t.Any, None, None]", files.entries(b"/"))
    assert len(list(itertools.islice(listing, 20))) == 20
    listing.close()
    assert server.open_handles() == 0
    assert files.attributes(b"/0007", follow=False).size == 7


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_listing_that_fails_in_the_middle_raises_and_never_just_ends(after: int) -> None:
    server = FakeSftp(CONTENTS, listing_block=5)
    server.on(fake_sftp.READDIR, lambda r, honest: [status(r.id, fake_sftp.FAILURE, b"disk")], after=after, times=1)
    error = refused(lambda: list(opened(server)[0].entries(b"/")))
    assert (error.code, error.path) == ("remote_failure", b"/")
    assert server.open_handles() == 0


def test_a_listing_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_ENTRIES", 2000)
    server = FakeSftp()
    server.on(fake_sftp.READDIR, lambda r, honest: [names(r.id, [(b"again", attrs(1))] * 100)])
    files, duplex = opened(server)
    assert refused(lambda: list(files.entries(b"/"))).code == "protocol_violation"
    assert duplex.closed


def test_endless_empty_packets_are_an_endless_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_ENTRIES", 2000)
    server = FakeSftp()
    server.on(fake_sftp.READDIR, lambda r, honest: [names(r.id, [])])
    assert refused(lambda: list(opened(server)[0].entries(b"/"))).code == "protocol_violation"


def test_a_listing_that_goes_on_after_its_end_is_a_violation() -> None:
    server = FakeSftp(CONTENTS, listing_block=500)
    server.on(fake_sftp.READDIR, lambda r, honest: [status(r.id, fake_sftp.EOF)], after=1, times=1)
    files, duplex = opened(server)
    error = refused(lambda: list(files.entries(b"/")))
    assert (error.code, "after its end" in error.cause) == ("protocol_violation", True)
    assert duplex.closed


def test_names_are_passed_on_as_sent_but_for_the_two_dots() -> None:
    odd = [b"", b".", b"..", b"../x", b"/etc/x", b"a\0b", b"\xff", b"...", b"a", b"a"]
    server = FakeSftp(listing_block=3)
    server.directories.add(b"/d")
    said = iter([[(name, attrs()) for name in odd]])
    server.on(
        fake_sftp.READDIR,
        lambda r, honest: [next((names(r.id, entries) for entries in said), status(r.id, fake_sftp.EOF))],
    )
    listed = [entry.name for entry in opened(server)[0].entries(b"/d")]
    assert listed == [b"", b"../x", b"/etc/x", b"a\0b", b"\xff", b"...", b"a", b"a"]


def test_create_asks_for_exclusion_and_the_mode_in_open() -> None:
    server = FakeSftp()
    with opened(server)[0].create(b"/a", mode=0o600):
        pass
    request = next(request for request in server.requests if request.kind == fake_sftp.OPEN)
    request.position = 0
    assert (request.text(), request.u32(), request.attributes()) == (b"/a", 0x02 | 0x08 | 0x20, {"mode": 0o600})


@pytest.mark.parametrize("code", [fake_sftp.FAILURE, fake_sftp.PERMISSION_DENIED, 11])
def test_what_is_there_already_has_its_own_code_for_any_status_of_the_server(code: int) -> None:
    server = FakeSftp({b"/a": b"old", b"/b": b"other"})
    server.directories.add(b"/d")
    for kind in (fake_sftp.OPEN, fake_sftp.MKDIR, fake_sftp.RENAME):
        server.on(kind, lambda r, honest: [status(r.id, code)])
    files, _duplex = opened(server)
    for ask in (
        lambda: files.create(b"/a", mode=0o600),
        lambda: files.make_directory(b"/d", mode=0o755),
        lambda: files.rename(b"/b", b"/a"),
    ):
        error = refused(ask)
        assert (error.code, error.path in (b"/a", b"/d")) == ("already_exists", True)
    assert bytes(server.files[b"/a"].content) == b"old"


@pytest.mark.parametrize(("code", "expected"), [(4, "remote_failure"), (3, "permission_denied"), (2, "not_found")])
def test_a_refusal_where_nothing_is_there_stays_what_it_is(code: int, expected: str) -> None:
    server = FakeSftp()
    server.on(fake_sftp.OPEN, lambda r, honest: [status(r.id, code)])
    error = refused(lambda: opened(server)[0].create(b"/a", mode=0o600))
    assert (error.code, error.path) == (expected, b"/a")


def test_rename_does_not_overwrite_even_where_the_server_would() -> None:
    server = FakeSftp({b"/a": b"old", b"/b": b"new"})
    server.on(fake_sftp.RENAME, lambda r, honest: [server._move(r, may_replace=True)])
    assert refused(lambda: opened(server)[0].rename(b"/b", b"/a")).code == "already_exists"
    assert bytes(server.files[b"/a"].content) == b"old"


def test_replace_is_unsupported_without_the_extension_and_nothing_is_sent() -> None:
    server = FakeSftp({b"/a": b"old", b"/b": b"new"}, extensions={})
    assert refused(lambda: opened(server)[0].replace(b"/b", b"/a")).code == "unsupported"
    assert server.requests == []


def test_replace_renames_over_a_file() -> None:
    server = FakeSftp({b"/a": b"old", b"/b": b"new"})
    opened(server)[0].replace(b"/b", b"/a")
    assert {path: bytes(file.content) for path, file in server.files.items()} == {b"/a": b"new"}


def test_changes_are_asked_for_and_refusals_carry_the_path() -> None:
    server = FakeSftp({b"/a": b""})
    files, _duplex = opened(server)
    files.set_attributes(b"/a", Attributes(mode=0o640, atime=5, mtime=5), follow=True)
    assert files.attributes(b"/a", follow=True).mtime == 5
    files.make_directory(b"/d", mode=0o700)
    files.remove_directory(b"/d")
    files.remove(b"/a")
    for ask in (
        lambda: files.remove(b"/a"),
        lambda: files.set_attributes(b"/a", Attributes(mode=0o600), follow=True),
        lambda: files.open_attributes(b"/a"),
        lambda: files.open_reader(b"/a"),
        lambda: files.attributes(b"/a", follow=False),
    ):
        error = refused(ask)
        assert isinstance(error, RemoteError)
        assert (error.code, error.path) == ("not_found", b"/a")


def test_a_name_that_another_run_has_freed_meanwhile_is_created() -> None:
    """Five runs of one job at once failed now and then: one saw FAILURE for a file that was gone when it looked."""
    server = FakeSftp()
    server.on(fake_sftp.OPEN, lambda request, honest: [status(request.id, 4)], times=1)
    files = opened(server)[0]
    with files.create(b"/new", mode=0o600):
        pass
    assert b"/new" in server.files


def test_attributes_that_lack_everything_are_none_and_never_guessed() -> None:
    server = FakeSftp()
    server.on(fake_sftp.LSTAT, lambda r, honest: [packet(fake_sftp.ATTRS, u32(r.id) + attrs())])
    found = opened(server)[0].attributes(b"/a", follow=False)
    assert (found, found.kind) == (Attributes(), "unknown")


def test_a_server_that_cannot_hash_is_asked_once() -> None:
    server = FakeSftp({b"/a": b"x"})
    files, _duplex = opened(server)
    assert files.digest(b"/a", algorithm="sha256") is None
    asked = len(server.requests)
    assert files.digest(b"/a", algorithm="sha256") is None
    assert len(server.requests) == asked


@pytest.mark.parametrize("kind", [0o010000, 0o020000, 0o040000, 0o120000, 0o140000])
def test_only_a_regular_file_is_reopened(kind: int) -> None:
    server = FakeSftp({b"/a": b"content"})
    server.on(fake_sftp.LSTAT, lambda r, honest: [packet(fake_sftp.ATTRS, u32(r.id) + attrs(7, kind | 0o600))])
    files, _duplex = opened(server)
    error = refused(lambda: files.reopen(b"/a"))
    assert (error.code, error.path) == ("remote_failure", b"/a")
    assert fake_sftp.OPEN not in server.kinds()


def test_a_replace_that_is_announced_and_not_implemented_is_no_longer_a_feature() -> None:
    server = FakeSftp({b"/a": b"old", b"/b": b"new"})
    server.on(fake_sftp.EXTENDED, lambda r, honest: [status(r.id, 8)], after=1)
    files, _duplex = opened(server)
    assert files.features().can_replace
    assert refused(lambda: files.replace(b"/b", b"/a")).code == "unsupported"
    assert not files.features().can_replace
    asked = len(server.requests)
    assert refused(lambda: files.replace(b"/b", b"/a")).code == "unsupported"
    assert len(server.requests) == asked


def test_a_file_that_is_not_as_large_as_its_server_says_is_not_hashed_there() -> None:
    server = FakeSftp({b"/a": b"small"}, extensions={b"check-file-name": b""})
    said = packet(fake_sftp.ATTRS, u32(0) + attrs(10**12, fake_sftp.REGULAR | 0o644, 1))
    server.on(fake_sftp.STAT, lambda r, honest: [said[:5] + u32(r.id) + said[9:]])
    files, _duplex = opened(server)
    assert files.digest(b"/a", algorithm="sha256") is None
    assert fake_sftp.EXTENDED not in server.kinds()
    assert server.open_handles() == 0
