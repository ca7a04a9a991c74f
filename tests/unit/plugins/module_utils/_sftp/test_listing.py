# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings are limited: the length of a name, the number of entries, and the time that a server takes."""

from __future__ import annotations

import itertools
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp import listing, wire
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.filesystem import SftpFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp, MemoryDuplex, attrs, names

BASE_SECONDS = 10.0


class Slow:
    """A server whose every listing packet takes ``seconds``, by the session's own count of waited seconds."""

    def __init__(self, *, seconds: float, entries: int, packets: int | None = None) -> None:
        self.server = FakeSftp({b"/a": b""})
        self._numbers = itertools.count()
        self._seconds = seconds
        self._entries = entries
        self._left = packets
        self.server.on(fake_sftp.READDIR, self._read)
        self.duplex = MemoryDuplex(self.server)
        self.session = Session(self.duplex, timeouts=Timeouts())
        self.session.open()
        self.files = SftpFileSystem(self.session, timeouts=Timeouts(operation_seconds=BASE_SECONDS))

    def _read(self, request: fake_sftp.Request, honest: fake_sftp.Honest) -> list[bytes]:
        if self._left == 0:
            return [fake_sftp.status(request.id, fake_sftp.EOF)]
        if self._left is not None:
            self._left -= 1
        self.session.waited_seconds += self._seconds
        found = [(b"%d" % next(self._numbers), attrs(1, fake_sftp.REGULAR, 1)) for _entry in range(self._entries)]
        return [names(request.id, found)]

    def set_packets(self, packets: int) -> None:
        """Give the next listing this many packets."""
        self._left = packets


def refused(work: t.Callable[[], object]) -> BackhaulError:
    with pytest.raises(BackhaulError) as caught:
        work()
    return caught.value


@pytest.mark.parametrize("entries", [0, 1], ids=["empty packets", "single entries"])
def test_an_endless_slow_listing_is_ended(entries: int) -> None:
    slow = Slow(seconds=2, entries=entries)
    error = refused(lambda: list(slow.files.entries(b"/")))
    assert (error.code, error.path) == ("timed_out", b"/")
    assert "operation_timeout" in error.remedy
    assert slow.session.waited_seconds < 3 * BASE_SECONDS + listing.SECONDS_PER_DIRECTORY * 2 + 10
    assert slow.duplex.closed


def test_a_large_directory_far_away_is_listed_whole() -> None:
    """Each packet of 100 entries takes a round trip of 100 ms, one after the other."""
    slow = Slow(seconds=0.1, entries=100, packets=1000)
    assert sum(1 for _entry in slow.files.entries(b"/")) == 100_000
    assert slow.session.waited_seconds > 5 * BASE_SECONDS


def test_many_small_directories_far_away_are_listed() -> None:
    slow = Slow(seconds=2, entries=1)
    for _directory in range(100):
        slow.set_packets(1)
        assert len(list(slow.files.entries(b"/"))) == 1


def test_a_server_that_spreads_its_slowness_over_many_directories_is_ended() -> None:
    slow = Slow(seconds=8, entries=1)

    def walk() -> None:
        for _directory in range(100):
            slow.set_packets(1)
            list(slow.files.entries(b"/"))

    assert refused(walk).code == "timed_out"


def test_requests_between_two_entries_count_as_well() -> None:
    slow = Slow(seconds=0, entries=1)

    def walk() -> None:
        for _entry in slow.files.entries(b"/"):
            slow.session.waited_seconds += 9  # an LSTAT for each entry

    assert refused(walk).code == "timed_out"


def test_all_listings_together_have_a_limit_for_any_number_of_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LONGEST_SECONDS", 50.0)
    assert refused(lambda: list(Slow(seconds=1, entries=1000).files.entries(b"/"))).code == "timed_out"


@pytest.mark.parametrize(("length", "code"), [(1024, ""), (1025, "protocol_violation")])
def test_a_name_has_a_greatest_length(length: int, code: str) -> None:
    server = FakeSftp({b"/" + b"n" * length: b""})
    session = Session(MemoryDuplex(server), timeouts=Timeouts())
    session.open()
    files = SftpFileSystem(session, timeouts=Timeouts())
    if not code:
        assert [len(entry.name) for entry in files.entries(b"/")] == [length]
        return
    error = refused(lambda: list(files.entries(b"/")))
    assert (error.code, error.path) == (code, b"/")
    assert f"a name of {length} bytes" in error.cause


@pytest.mark.parametrize(("length", "is_taken"), [(wire.MAX_PATH_BYTES, True), (wire.MAX_PATH_BYTES + 1, False)])
def test_a_path_may_be_longer_than_a_name_and_has_an_end_too(length: int, is_taken: bool) -> None:
    server = FakeSftp()
    server.on(fake_sftp.REALPATH, lambda r, honest: [names(r.id, [(b"/" + b"p" * (length - 1), attrs())])])
    session = Session(MemoryDuplex(server), timeouts=Timeouts())
    session.open()
    files = SftpFileSystem(session, timeouts=Timeouts())
    if is_taken:
        assert len(files.canonical(b".")) == length
    else:
        assert refused(lambda: files.canonical(b".")).code == "protocol_violation"
