# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selecting the newest good file from a stream."""

from __future__ import annotations

import random
import stat
import tracemalloc
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import SelectionError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, RemoteFile
from ansible_collections.backhaul.sftp.plugins.module_utils._selection import selector
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.selector import (
    SKIPPED_LISTED,
    Selected,
    Selection,
    Selector,
)

NOW = 1_800_000_000
HOUR = 3600
DAY = 24 * HOUR
KINDS = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK, "pipe": stat.S_IFIFO}


def entry(path: str | bytes, *, age: int = HOUR, size: int | None = 100, kind: str = "file") -> RemoteFile:
    raw = path if isinstance(path, bytes) else path.encode()
    return RemoteFile(raw, Attributes(size=size, mode=KINDS[kind] | 0o600, mtime=NOW - age))


def select(files: t.Iterable[RemoteFile], **wishes: t.Any) -> Selected:
    selector = Selector(Selection(**wishes), now=NOW)
    for file in files:
        selector.offer(file)
    return selector.result()


def refusal(files: t.Iterable[RemoteFile], **wishes: t.Any) -> SelectionError:
    with pytest.raises(SelectionError) as caught:
        select(files, **wishes)
    return caught.value


def names(selected: Selected) -> list[bytes]:
    return [file.name for file in selected.files]


def reasons(selected: Selected) -> dict[bytes, str]:
    return {skipped.path: skipped.reason for skipped in selected.skipped}


WEEK = [entry(f"/b/db-{day}.tar", age=day * DAY) for day in range(1, 8)]


def test_the_newest_is_latest_in_every_order_of_the_listing() -> None:
    for seed in range(20):
        files = random.Random(seed).sample(WEEK, len(WEEK))
        selected = select(files)
        assert selected.latest == WEEK[0]
        assert selected.latest_time == NOW - DAY
        assert selected.files == tuple(WEEK)
        assert (selected.qualified, selected.examined, selected.tied_with) == (7, 7, None)


def test_a_limit_keeps_the_newest() -> None:
    selected = select(reversed(WEEK), limit=1)
    assert selected.files == (WEEK[0],)
    assert selected.qualified == 7


def test_every_reason_has_its_code() -> None:
    files = [
        entry("/b/good.tar", age=2 * HOUR),
        entry("/b/notes.txt"),
        entry("/b/old-x.tar"),
        entry("/b/.x.tar"),
        entry("/b/y.tar.part"),
        entry("/b/dir.tar", kind="directory"),
        entry("/b/link.tar", kind="link"),
        entry("/b/pipe.tar", kind="pipe"),
        entry("/b/new.tar", age=5),
        entry("/b/ancient.tar", age=90 * DAY),
        entry("/b/empty.tar", size=0),
        entry("/b/huge.tar", size=10**12),
        entry("/b/ahead.tar", age=-DAY),
        entry(b"/b/a\\b.tar"),
    ]
    selected = select(
        files,
        patterns=("*.tar", "*.part"),
        excludes=("old-*",),
        min_age_seconds=60,
        max_age_seconds=30 * DAY,
        max_size_bytes=10**9,
        future="skip",
    )
    assert names(selected) == [b"good.tar"]
    assert reasons(selected) == {
        b"/b/old-x.tar": "excluded",
        b"/b/.x.tar": "hidden",
        b"/b/y.tar.part": "temporary",
        b"/b/dir.tar": "not_a_file",
        b"/b/link.tar": "not_a_file",
        b"/b/pipe.tar": "not_a_file",
        b"/b/new.tar": "too_new",
        b"/b/ancient.tar": "too_old",
        b"/b/empty.tar": "too_small",
        b"/b/huge.tar": "too_big",
        b"/b/ahead.tar": "future",
        b"/b/a\\b.tar": "suspicious_name",
    }
    assert selected.skipped_counts["not_matched"] == 1
    assert selected.examined == len(files) == 1 + sum(selected.skipped_counts.values())
    assert all(skipped.text for skipped in selected.skipped)


def test_limits_are_inclusive() -> None:
    edge = [entry("/b/x", age=60, size=100)]
    selected = select(
        edge, min_age_seconds=60, max_age_seconds=60, min_size_bytes=100, max_size_bytes=100, fresh_within_seconds=60
    )
    assert selected.latest == edge[0]


@pytest.mark.parametrize(
    ("file_type", "expected"),
    [("file", [b"f"]), ("directory", [b"d"]), ("link", [b"l"]), ("any", [b"p", b"l", b"f", b"d"])],
)
def test_file_types_and_size_limits_for_files_only(file_type: str, expected: list[bytes]) -> None:
    files = [
        entry("/b/f"),
        entry("/b/d", kind="directory", size=None),
        entry("/b/l", kind="link", size=0),
        entry("/b/p", kind="pipe", size=0),
    ]
    selected = select(files, file_type=file_type)
    assert names(selected) == expected
    others = {skipped.reason for skipped in selected.skipped}
    assert others == (set() if file_type == "any" else {f"not_a_{file_type}"})


def test_names_are_ordered_by_their_bytes() -> None:
    selected = select([entry("/b/db-9"), entry("/b/db-10"), entry(b"/b/db-\xff"), entry("/b/DB-1")], order_by="name")
    assert names(selected) == [b"db-\xff", b"db-9", b"db-10", b"DB-1"]


def test_the_largest_comes_first_by_size() -> None:
    assert names(select([entry("/b/a", size=5), entry("/b/b", size=7)], order_by="size")) == [b"b", b"a"]


def test_a_time_in_the_name_overrides_the_mtime() -> None:
    files = [
        entry("/b/db-20270113.tar", age=0),
        entry("/b/db-20270114.tar", age=900 * DAY),
        entry("/b/db-latest.tar", age=0),
    ]
    selected = select(files, order_by="name_time", time_format="%Y%m%d", fresh_within_seconds=2 * DAY)
    assert names(selected) == [b"db-20270114.tar", b"db-20270113.tar"]
    assert selected.latest_time == 1799884800
    assert reasons(selected) == {b"/b/db-latest.tar": "no_time_in_name"}


def test_min_age_uses_the_mtime_even_when_names_have_times() -> None:
    """A dump that is named after midnight and still written at two o'clock is too new."""
    files = [entry("/b/db-20270115.tar", age=10), entry("/b/db-20270114.tar", age=DAY)]
    selected = select(files, order_by="name_time", time_format="%Y%m%d", min_age_seconds=600)
    assert names(selected) == [b"db-20270114.tar"]
    assert reasons(selected) == {b"/b/db-20270115.tar": "too_new"}


def test_the_greater_name_wins_a_tie_which_is_reported() -> None:
    twins = [entry("/b/a"), entry("/b/c"), entry("/b/b")]
    for files in (twins, twins[::-1]):
        for limit in (None, 1, 2):
            selected = select(files, limit=limit)
            assert selected.latest == twins[1]
            assert selected.tied_with == twins[2]


def test_equal_names_in_two_directories_tie_by_name() -> None:
    selected = select([entry("/b/1/x"), entry("/b/2/x")], order_by="name")
    assert selected.latest is not None
    assert selected.latest.path == b"/b/2/x"
    assert selected.tied_with == entry("/b/1/x")
    assert select([entry("/b/x"), entry("/b/y")], order_by="name").tied_with is None


@pytest.mark.parametrize("mtime", [NOW + 301, 2**32 - 1, 2**63])
def test_a_newest_file_from_the_future_or_wrapped_is_refused(mtime: int) -> None:
    ahead = RemoteFile(b"/b/ahead", Attributes(size=1, mode=KINDS["file"], mtime=mtime))
    for wishes in ({}, {"min_age_seconds": 60}, {"limit": 1}):
        error = refusal([*WEEK, ahead], **wishes)
        assert (error.code, error.path, error.details["reason"]) == ("suspicious", b"/b/ahead", "future")
    assert select([*WEEK, ahead], future="skip").latest == WEEK[0]
    assert select([*WEEK, ahead], future="allow").latest == ahead


def test_clocks_may_differ_by_the_tolerance() -> None:
    assert select([entry("/b/x", age=-300)]).latest is not None
    assert refusal([entry("/b/x", age=-300)], future_tolerance_seconds=299).code == "suspicious"


def test_a_future_file_that_is_not_the_newest_by_name_is_no_error() -> None:
    assert names(select([entry("/b/a", age=-DAY), entry("/b/b")], order_by="name")) == [b"b", b"a"]


def test_a_zero_mtime_is_the_oldest_and_never_trusted_as_the_newest() -> None:
    zero = RemoteFile(b"/b/zero", Attributes(size=1, mode=KINDS["file"], mtime=0))
    assert names(select([zero, WEEK[6]])) == [b"db-7.tar", b"zero"]
    error = refusal([zero])
    assert (error.code, error.details["reason"]) == ("suspicious", "no_time")
    assert select([zero], order_by="name").latest == zero
    assert select([zero], future="allow").latest == zero


def test_without_a_good_file_the_error_has_a_reason() -> None:
    cases: list[tuple[list[RemoteFile], dict[str, t.Any], str]] = [
        ([], {}, "empty"),
        (WEEK, {"patterns": ("*.zip",)}, "nothing_matched"),
        (WEEK, {"max_age_seconds": HOUR}, "all_too_old"),
        (WEEK, {"min_size_bytes": 1000}, "all_too_small"),
        (WEEK, {"min_age_seconds": 30 * DAY}, "all_too_new"),
        ([*WEEK, entry("/b/z", size=0)], {"max_age_seconds": 2 * HOUR}, "mixed"),
    ]
    for files, wishes, reason in cases:
        error = refusal(files, **wishes)
        assert (error.code, error.details["reason"]) == ("no_match", reason)
        assert error.details["examined"] == len(files)


def test_without_a_good_file_there_may_be_no_error() -> None:
    selected = select(WEEK, patterns=("*.zip",), when_none="ok", fresh_within_seconds=1)
    assert (selected.latest, selected.files, selected.latest_time) == (None, (), None)
    assert selected.skipped_counts == {"not_matched": 7}


def test_a_newest_file_that_is_too_old_is_stale() -> None:
    error = refusal(WEEK, fresh_within_seconds=DAY - 1)
    assert (error.code, error.path) == ("stale", b"/b/db-1.tar")
    assert error.details == {"age_seconds": DAY, "fresh_within_seconds": DAY - 1}
    assert select(WEEK, fresh_within_seconds=DAY).latest == WEEK[0]


@pytest.mark.parametrize("limit", [None, 1])
def test_a_newest_file_that_shrank_is_suspicious(limit: int | None) -> None:
    files = [entry("/b/new", age=1, size=49), entry("/b/before", age=2, size=100), entry("/b/older", age=3, size=10)]
    error = refusal(files, shrink_limit=0.5, limit=limit)
    assert (error.code, error.path, error.details["reason"]) == ("suspicious", b"/b/new", "shrunk")
    assert select(files, shrink_limit=0.49, limit=limit).latest == files[0]
    assert select(files[:1], shrink_limit=0.5, limit=limit).latest == files[0]


def test_the_newest_file_is_compared_even_with_one_that_is_too_old() -> None:
    files = [entry("/b/1", age=9 * DAY, size=5), entry("/b/2", age=8 * DAY, size=100), entry("/b/3", age=DAY, size=10)]
    assert refusal(files, shrink_limit=0.5, max_age_seconds=2 * DAY).details["reason"] == "shrunk"
    assert refusal(files[::-1], shrink_limit=0.5, max_age_seconds=2 * DAY).details["reason"] == "shrunk"


@pytest.mark.parametrize(
    ("attributes", "missing"),
    [
        (Attributes(size=1, mode=KINDS["file"]), ("mtime",)),
        (Attributes(mode=KINDS["file"], mtime=NOW), ("size",)),
        (Attributes(mode=KINDS["file"]), ("size", "mtime")),
        (Attributes(size=1, mode=0o644, mtime=NOW), ("mode",)),
        (Attributes(), ("mode",)),
    ],
)
def test_missing_attributes_are_named_and_then_refused(attributes: Attributes, missing: tuple[str, ...]) -> None:
    unclear = RemoteFile(b"/b/unclear.tar", attributes)
    assert Selector(Selection(), now=NOW).missing_attributes(unclear) == missing
    error = refusal([*WEEK, unclear], when_none="ok")
    assert (error.code, error.path) == ("suspicious", b"/b/unclear.tar")
    assert error.details["missing"] == list(missing)


def test_attributes_of_files_with_a_wrong_name_or_kind_are_not_needed() -> None:
    selector = Selector(Selection(patterns=("*.tar",)), now=NOW)
    bare = RemoteFile(b"/b/notes.txt", Attributes())
    directory = RemoteFile(b"/b/x.tar", Attributes(mode=KINDS["directory"]))
    assert selector.missing_attributes(bare) == selector.missing_attributes(directory) == ()
    assert select([bare, directory, WEEK[0]], patterns=("*.tar",)).latest == WEEK[0]


def test_a_name_listed_twice_is_skipped_and_refused_as_the_newest() -> None:
    again = RemoteFile(WEEK[3].path, WEEK[0].attributes)
    selected = select([*WEEK, again])
    assert selected.files == tuple(WEEK)
    assert reasons(selected) == {WEEK[3].path: "suspicious_name"}
    error = refusal([*WEEK, WEEK[0]])
    assert (error.code, error.details["reason"]) == ("suspicious", "repeated")


def test_an_endless_listing_is_an_error() -> None:
    files = [entry(f"/b/{number:04}", age=number + HOUR) for number in range(1001)]
    assert refusal([entry("/b/newest", age=1), *files, *files]).details["reason"] == "repeated"


def test_entries_that_the_caller_left_out_are_reported() -> None:
    selector = Selector(Selection(), now=NOW)
    selector.offer(WEEK[0])
    selector.skip(b"../x", "suspicious_name", "it contains a slash")
    selected = selector.result()
    assert selected.examined == 2
    assert reasons(selected) == {b"../x": "suspicious_name"}


def test_tens_of_thousands_of_entries_take_constant_memory() -> None:
    selector = Selector(Selection(limit=3, patterns=("*.tar",), max_age_seconds=DAY), now=NOW)

    def feed(numbers: range) -> None:
        for number in numbers:
            selector.offer(entry(f"/b/{number:08}-{'x' * 100}.tar", age=number * 7919 % (2 * DAY), size=number % 3))

    feed(range(70_000))
    tracemalloc.start()
    try:
        feed(range(70_000, 80_000))
        grown, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Ten thousand paths of this length have more than a million bytes.
    assert grown < 100_000
    selected = selector.result()
    assert len(selected.files) == 3
    assert selected.examined == 80_000 == selected.qualified + sum(selected.skipped_counts.values())
    assert len(selected.skipped) == SKIPPED_LISTED


@st.composite
def listings(draw: st.DrawFn) -> list[RemoteFile]:
    stems = draw(st.lists(st.text("ab.~-17", min_size=1, max_size=4), max_size=25, unique=True))
    folders = st.sampled_from(["/b", "/b/c"])
    return [
        entry(
            f"{draw(folders)}/{stem}",
            age=draw(st.integers(0, 6)),
            size=draw(st.integers(0, 4)),
            kind=draw(st.sampled_from(["file", "file", "file", "directory"])),
        )
        for stem in stems
        if stem not in (".", "..")
    ]


@given(
    listings(),
    st.sampled_from(["mtime", "name", "size"]),
    st.one_of(st.none(), st.integers(1, 5)),
    st.integers(0, 3),
    st.integers(3, 6),
    st.integers(0, 2),
    st.randoms(use_true_random=False),
)
def test_the_selection_equals_that_of_sorting_all_files(
    files: list[RemoteFile],
    order_by: str,
    limit: int | None,
    min_age: int,
    max_age: int,
    min_size: int,
    shuffler: random.Random,
) -> None:
    def good(file: RemoteFile) -> bool:
        size, mtime, name = file.attributes.size, file.attributes.mtime, file.name
        assert size is not None
        assert mtime is not None
        plain = not name.startswith(b".") and not name.endswith(b"~")
        return plain and file.attributes.kind == "file" and min_age <= NOW - mtime <= max_age and size >= min_size

    def order(file: RemoteFile) -> tuple[t.Any, ...]:
        value = {"mtime": file.attributes.mtime, "size": file.attributes.size, "name": 0}[order_by]
        return value, file.name, file.path

    expected = sorted(filter(good, files), key=order, reverse=True)
    shuffler.shuffle(files)
    selected = select(
        files,
        order_by=order_by,
        limit=limit,
        min_age_seconds=min_age,
        max_age_seconds=max_age,
        min_size_bytes=min_size,
        when_none="ok",
    )
    assert selected.files == tuple(expected[:limit])
    assert selected.latest == (expected[0] if expected else None)
    assert selected.qualified == len(expected)
    assert selected.examined == len(files) == len(expected) + sum(selected.skipped_counts.values())


@pytest.mark.parametrize(("bound", "value"), [("MOST_FILES", 3), ("MOST_PATHS_BYTES", 30)])
@pytest.mark.parametrize("limit", [None, 5])
def test_a_bounded_result_holds_the_newest_and_is_marked(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, limit: int | None
) -> None:
    monkeypatch.setattr(selector, bound, value)
    listed = [entry(f"/b/file-{number}", age=HOUR + number) for number in random.Random(1).sample(range(9), 9)]
    found = select(listed, limit=limit)
    assert names(found) == [b"file-0", b"file-1", b"file-2"]
    assert (found.qualified, found.is_cut) == (9, True)


def test_a_result_within_the_limit_is_not_marked_as_cut() -> None:
    listed = [entry(f"/b/{number}", age=HOUR + number) for number in range(9)]
    assert not select(listed, limit=5).is_cut
    assert not select(listed, limit=20).is_cut
    assert not select(listed).is_cut
    assert not select([], when_none="ok").is_cut
