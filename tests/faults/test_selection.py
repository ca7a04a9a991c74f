# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing the newest file of listings that are malformed, incomplete, endless or very large."""

from __future__ import annotations

import itertools
import resource
import time
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.selector import Selection, Selector
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp import listing
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.filesystem import SftpFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import walk
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import (
    DIRECTORY,
    REGULAR,
    Answer,
    FakeSftp,
    File,
    Honest,
    MemoryDuplex,
    Request,
    attrs,
    names,
    packet,
    u32,
)
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.places import FakePlace, RealPlace

NOW = int(time.time())
HOUR = 3600
FILE = REGULAR | 0o644


def put(place: FakePlace, name: bytes, *, age: int, size: int = 100) -> None:
    place.fake.files[b"/" + name] = File(bytearray(size), mtime=NOW - age)


def listed(*entries: tuple[bytes, bytes]) -> Answer:
    """Let the fake list these entries only."""
    said: list[bool] = []

    def answer(request: Request, honest: Honest) -> list[bytes]:
        if said:
            return [sftp.status(request.id, sftp.EOF)]
        said.append(True)
        return [names(request.id, entries)]

    return answer


def found_names(result: task.Result) -> list[str]:
    assert not result.error, result
    return [file["name"] for file in result.value["files"]]


@pytest.mark.fault("selection.ties")
def test_a_tie_is_decided_the_same_whatever_the_order_of_the_listing(origin: FakePlace) -> None:
    tied = [(name, attrs(100, FILE, NOW - HOUR)) for name in (b"a", b"b", b"c")]
    older = (b"z", attrs(100, FILE, NOW - 2 * HOUR))
    for order in itertools.permutations([*tied, older]):
        origin.fake.on(sftp.READDIR, listed(*order))
        result = task.find(origin.end())
        assert found_names(result) == ["c", "b", "a", "z"]
        assert result.value["tied_with"] == "/b"


@pytest.mark.fault("selection.odd_times")
@pytest.mark.parametrize("ahead", [2 * HOUR, 2**32 - 1 - NOW], ids=["two hours", "as far as can be"])
def test_a_time_in_the_future(origin: FakePlace, ahead: int) -> None:
    put(origin, b"good", age=HOUR)
    put(origin, b"future", age=-ahead)
    refused = task.find(origin.end())
    assert (refused.code, refused.error["details"]["reason"]) == ("suspicious", "future")
    skipped = task.find(origin.end(), future="skip")
    assert found_names(skipped) == ["good"]
    assert [entry["reason"] for entry in skipped.value["passed_over"]] == ["future"]
    assert found_names(task.find(origin.end(), future="allow")) == ["future", "good"]


@pytest.mark.fault("selection.odd_times")
def test_clocks_that_differ_a_little_are_no_future(origin: FakePlace) -> None:
    put(origin, b"good", age=-60)
    assert found_names(task.find(origin.end())) == ["good"]


@pytest.mark.fault("selection.odd_times")
def test_a_time_of_zero(origin: FakePlace) -> None:
    put(origin, b"zero", age=NOW)
    refused = task.find(origin.end())
    assert (refused.code, refused.error["details"]["reason"]) == ("suspicious", "no_time")
    put(origin, b"good", age=HOUR)
    assert found_names(task.find(origin.end())) == ["good", "zero"]


@pytest.mark.fault("selection.odd_times")
def test_a_time_past_2106_that_was_wrapped_round_is_old(origin: FakePlace) -> None:
    put(origin, b"good", age=HOUR)
    put(origin, b"wrapped", age=NOW - 5)
    assert found_names(task.find(origin.end(), limit=1)) == ["good"]
    del origin.fake.files[b"/good"]
    assert task.find(origin.end(), fresh_within="1d").code == "stale"


LACKING = {
    "size": attrs(None, FILE, NOW - HOUR),
    "time": attrs(100, FILE),
    "mode": attrs(100, None, NOW - HOUR),
    "everything": attrs(),
    "all but the owner": attrs(owner=(1, 1)),
}


@pytest.mark.fault("selection.attributes_missing")
@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING)
def test_attributes_that_a_listing_lacks_are_asked_for(origin: FakePlace, lacking: bytes) -> None:
    put(origin, b"newest", age=HOUR)
    put(origin, b"older", age=2 * HOUR)
    origin.fake.on(sftp.READDIR, listed((b"newest", lacking), (b"older", attrs(100, FILE, NOW - 2 * HOUR))))
    assert found_names(task.find(origin.end())) == ["newest", "older"]
    assert origin.fake.kinds().count(sftp.LSTAT) == 1


@pytest.mark.fault("selection.attributes_missing")
@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING)
def test_attributes_that_nothing_tells(origin: FakePlace, lacking: bytes) -> None:
    put(origin, b"older", age=2 * HOUR)
    origin.fake.on(sftp.READDIR, listed((b"newest", lacking), (b"older", attrs(100, FILE, NOW - 2 * HOUR))))
    origin.fake.on(sftp.LSTAT, lambda request, honest: [packet(sftp.ATTRS, u32(request.id) + lacking)])
    refused = task.find(origin.end())
    assert (refused.code, refused.error["details"]["reason"]) == ("suspicious", "attributes_missing")


@pytest.mark.fault("selection.attributes_missing")
@pytest.mark.parametrize("lacking", [attrs(None, FILE, 1), attrs(100, FILE)], ids=["size", "time"])
def test_a_source_without_size_or_time_is_not_relayed(origin: FakePlace, store: RealPlace, lacking: bytes) -> None:
    origin.put(b"backup", b"content")
    origin.fake.on(sftp.LSTAT, lambda request, honest: [packet(sftp.ATTRS, u32(request.id) + lacking)])
    refused = task.relay(origin.end(b"backup"), store.end(b"copy"))
    assert (refused.code, refused.error["role"]) == ("suspicious", "source")
    assert store.files() == {}


@pytest.mark.fault("selection.unfinished")
@pytest.mark.parametrize("now", [attrs(200, FILE, NOW), attrs(100, FILE, NOW), attrs(100, DIRECTORY, NOW - HOUR), None])
def test_the_newest_changes_between_two_looks(origin: FakePlace, now: bytes | None) -> None:
    def second_look(request: Request, honest: Honest) -> list[bytes]:
        if now is None:
            return [sftp.status(request.id, sftp.NO_SUCH_FILE)]
        return [packet(sftp.ATTRS, u32(request.id) + now)]

    put(origin, b"newest", age=HOUR)
    put(origin, b"older", age=2 * HOUR)
    origin.fake.on(sftp.LSTAT, second_look)
    assert task.find(origin.end(), stable_for="0.1s", limit=1).code == "incomplete"
    origin.fake.heal()
    assert found_names(task.find(origin.end(), stable_for="0.1s", limit=1)) == ["newest"]


@pytest.mark.fault("selection.unfinished")
def test_the_newest_is_empty_or_was_written_just_now(origin: FakePlace) -> None:
    put(origin, b"older", age=2 * HOUR)
    put(origin, b"empty", age=HOUR, size=0)
    put(origin, b"fresh", age=1)
    put(origin, b"db.tar.part", age=HOUR)
    result = task.find(origin.end(), min_age="90m")
    assert found_names(result) == ["older"]
    assert result.value["skipped_counts"] == {"temporary": 1, "too_new": 1, "too_small": 1}


@pytest.mark.fault("selection.unfinished")
def test_the_newest_has_shrunk(origin: FakePlace) -> None:
    put(origin, b"older", age=2 * HOUR, size=1000)
    put(origin, b"newest", age=HOUR, size=499)
    refused = task.find(origin.end(), shrink_limit=0.5)
    assert (refused.code, refused.error["details"]["reason"]) == ("suspicious", "shrunk")
    put(origin, b"newest", age=HOUR, size=500)
    assert found_names(task.find(origin.end(), shrink_limit=0.5, limit=1)) == ["newest"]


@pytest.mark.fault("selection.unfinished")
def test_a_source_that_grows_while_it_is_relayed(origin: FakePlace, store: RealPlace) -> None:
    def growing(request: Request, honest: Honest) -> list[bytes]:
        said = honest()
        origin.fake.files[b"/backup"].content.extend(b"more")
        return said

    origin.put(b"backup", bytes(5000))
    origin.fake.on(sftp.READ, growing)
    refused = task.relay(origin.end(b"backup"), store.end(b"copy"))
    assert (refused.code, refused.error["role"]) == ("source_changed", "source")
    assert store.files() == {}


def endless(*, new_names: bool, size: int) -> Answer:
    """Let the fake list without end: ``size`` entries in each packet, the same ones or new ones."""
    counter = itertools.count()

    def answer(request: Request, honest: Honest) -> list[bytes]:
        same = FILES[:size]
        entries = [(b"%d" % next(counter), ATTRIBUTES) for _entry in range(size)] if new_names else same
        return [names(request.id, entries)]

    return answer


ATTRIBUTES = attrs(100, FILE, NOW - HOUR, (0, 0))
FILES = [(b"%d" % number, ATTRIBUTES) for number in range(1000)]


@pytest.mark.fault("selection.endless")
@pytest.mark.parametrize(
    ("new_names", "size"), [(True, 1000), (False, 1000), (False, 0)], ids=["new names", "the same names", "no names"]
)
def test_a_listing_without_an_end(
    origin: FakePlace, monkeypatch: pytest.MonkeyPatch, new_names: bool, size: int
) -> None:
    """The bound of ten million entries is lowered, so that the test does not take minutes."""
    monkeypatch.setattr(listing, "MAX_ENTRIES", 2000)
    origin.fake.on(sftp.READDIR, endless(new_names=new_names, size=size))
    result = task.find(origin.end())
    assert (result.code, result.error["role"]) == ("protocol_violation", "endpoint")
    assert "more than 2000 entries" in result.error["message"]
    origin.fake.heal()
    put(origin, b"good", age=HOUR)
    assert found_names(task.find(origin.end())) == ["good"]


@pytest.mark.fault("selection.endless")
@pytest.mark.parametrize("per_level", [1, 2], ids=["ever deeper", "ever wider"])
def test_directories_without_an_end(origin: FakePlace, monkeypatch: pytest.MonkeyPatch, per_level: int) -> None:
    """Every directory has further directories in it."""
    monkeypatch.setattr(walk, "MAX_DIRECTORIES", 300)
    within = [(b"d%d" % number, attrs(1, DIRECTORY, 1)) for number in range(per_level)]
    unread: list[bytes] = []

    def opened(request: Request, honest: Honest) -> list[bytes]:
        unread.append(b"h%d" % request.id)
        return [packet(sftp.HANDLE, u32(request.id) + sftp.text(unread[-1]))]

    def read(request: Request, honest: Honest) -> list[bytes]:
        handle = request.text()
        if handle not in unread:
            return [sftp.status(request.id, sftp.EOF)]
        unread.remove(handle)
        return [names(request.id, within)]

    origin.fake.on(sftp.OPENDIR, opened)
    origin.fake.on(sftp.READDIR, read)
    origin.fake.on(sftp.CLOSE, lambda request, honest: [sftp.status(request.id, sftp.OK)])
    result = task.find(origin.end(), recurse=True)
    assert result.code == "protocol_violation"
    assert "directories" in result.error["message"]


@pytest.mark.fault("selection.listing_fails")
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_listing_that_fails_in_the_middle(origin: FakePlace, after: int) -> None:
    for number in range(400):
        put(origin, b"%d" % number, age=HOUR + number)
    origin.fake.on(sftp.READDIR, lambda request, honest: [sftp.status(request.id, sftp.FAILURE)], after=after)
    result = task.find(origin.end())
    assert (result.code, result.value.get("latest")) == ("remote_failure", None)
    origin.fake.heal()
    assert task.find(origin.end()).value["latest"]["name"] == "0"


@pytest.mark.fault("selection.listing_fails")
def test_a_connection_that_is_lost_in_the_middle_of_a_listing(origin: FakePlace) -> None:
    def lost(request: Request, honest: Honest) -> list[bytes]:
        origin.fake.ended = True
        return []

    for number in range(400):
        put(origin, b"%d" % number, age=HOUR + number)
    origin.fake.on(sftp.READDIR, lost, after=2)
    result = task.find(origin.end())
    assert (result.code, result.value.get("latest")) == ("link_lost", None)


@pytest.mark.fault("selection.listing_fails")
def test_a_directory_further_down_that_cannot_be_listed(origin: FakePlace) -> None:
    """The directory could hold the newest file."""
    put(origin, b"good", age=HOUR)
    origin.fake.on(sftp.READDIR, listed((b"good", ATTRIBUTES), (b"closed", attrs(1, DIRECTORY, NOW))))
    origin.fake.on(sftp.OPENDIR, lambda request, honest: [sftp.status(request.id, sftp.PERMISSION_DENIED)], after=1)
    assert task.find(origin.end(), recurse=True).code == "permission_denied"


def memory_bytes() -> int:
    """Return the resident memory of this process in bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


class Enormous:
    """A directory of this many entries, without SSH. Memory is measured after a fifth of them and at the end."""

    def __init__(self, count: int) -> None:
        self._firsts = iter(range(0, count, BLOCK))
        self._noted = (count // 5, count - BLOCK)
        self.memory: list[int] = []
        fake = FakeSftp()
        fake.on(sftp.READDIR, self._read)
        session = Session(MemoryDuplex(fake), timeouts=Timeouts())
        session.open()
        self.files = SftpFileSystem(session, timeouts=Timeouts())

    def _read(self, request: Request, honest: Honest) -> list[bytes]:
        first = next(self._firsts, None)
        if first is None:
            return [sftp.status(request.id, sftp.EOF)]
        if first in self._noted:
            self.memory.append(memory_bytes())
        entries = (NAMED % number for number in range(first, first + BLOCK))
        return [packet(sftp.NAME, u32(request.id) + u32(BLOCK) + b"".join(entries))]

    def grew_by(self) -> int:
        """Return the growth of memory from the first fifth to the end."""
        earlier, later = self.memory
        return later - earlier


BLOCK = 2500


@pytest.mark.fault("selection.million")
def test_a_million_entries() -> None:
    enormous = Enormous(1_000_000)
    assert sum(1 for _entry in enormous.files.entries(b"/")) == 1_000_000
    assert enormous.grew_by() < 20 * 1024 * 1024


@pytest.mark.fault("selection.million")
def test_the_newest_of_hundreds_of_thousands() -> None:
    """The number of remembered names is bounded; the first fifth nearly reaches that bound."""
    enormous = Enormous(300_000)
    selector = Selector(Selection(limit=5), now=NOW)
    walk.walk(enormous.files, b"/", selector, depth=1)
    selected = selector.result()
    assert selected.latest is not None
    assert (selected.latest.name, selected.examined) == (b"backup-0299999.tar", 300_000)
    assert enormous.grew_by() < 20 * 1024 * 1024


# An entry of a listing; the number is inserted in its name.
NAMED = sftp.text(b"backup-0000000.tar").replace(b"0000000", b"%07d") + sftp.text(b"") + ATTRIBUTES.replace(b"%", b"%%")


@pytest.mark.fault("selection.nothing_good")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"patterns": ["*.tar"]}, "nothing_matched"),
        ({"max_age": "1m"}, "all_too_old"),
        ({"min_size": "1MiB"}, "all_too_small"),
        ({"min_age": "1w"}, "all_too_new"),
    ],
)
def test_nothing_is_good(origin: FakePlace, options: task.Json, reason: str) -> None:
    put(origin, b"one", age=HOUR)
    put(origin, b"two", age=2 * HOUR)
    result = task.find(origin.end(), **options)
    assert (result.code, result.error["details"]["reason"]) == ("no_match", reason)
    accepted = task.find(origin.end(), when_none="ok", **options)
    assert (accepted.code, accepted.value["latest"], accepted.value["files"]) == ("", None, [])


@pytest.mark.fault("selection.nothing_good")
def test_there_is_nothing_at_all(origin: FakePlace) -> None:
    result = task.find(origin.end())
    assert (result.code, result.error["details"]["reason"]) == ("no_match", "empty")


@pytest.mark.fault("selection.nothing_good")
def test_the_newest_is_too_old(origin: FakePlace) -> None:
    put(origin, b"one", age=3 * HOUR)
    assert task.find(origin.end(), fresh_within="2h").code == "stale"
    assert found_names(task.find(origin.end(), fresh_within="4h")) == ["one"]


@pytest.mark.fault("selection.nothing_good")
def test_the_directory_is_missing_or_closed(origin: FakePlace) -> None:
    for status, code in ((sftp.NO_SUCH_FILE, "not_found"), (sftp.PERMISSION_DENIED, "permission_denied")):
        origin.fake.on(sftp.OPENDIR, lambda request, honest, status=status: [sftp.status(request.id, status)])  # type: ignore[misc]
        assert task.find(origin.end(), when_none="ok").code == code
