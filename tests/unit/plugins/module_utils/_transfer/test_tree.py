# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a directory as a list."""

from __future__ import annotations

import stat
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, DirectoryEntry
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import tree as reading
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.tree import read_tree
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer

FILE = Attributes(size=3, mode=stat.S_IFREG | 0o644, mtime=1)


def server() -> MemoryServer:
    made = MemoryServer(directories={b"/", b"/t", b"/t/b", b"/t/b/c", b"/t/empty"})
    for path in (b"/t/b/c/z", b"/t/b.x", b"/t/a", b"/t/b/y"):
        made.put(path, b"abc")
    return made


def test_a_tree_is_in_the_order_of_its_names_with_directories_before_what_they_hold() -> None:
    tree = read_tree(MemoryFiles(server()), b"/t/")
    assert tree.directories == (b"b", b"b/c", b"empty")
    assert [file.path for file in tree.files] == [b"a", b"b/c/z", b"b/y", b"b.x"]
    assert [file.attributes.size for file in tree.files] == [3] * 4


def test_links_and_our_own_files_are_passed_over_and_nothing_is_followed() -> None:
    made = server()
    made.links[b"/t/loop"] = b"/t"
    made.put(b"/t/.backhaul-0123456789abcdef-a.part", b"")
    tree = read_tree(MemoryFiles(made), b"/t")
    assert [(skipped.path, skipped.reason) for skipped in tree.passed_over] == [
        (b"/t/.backhaul-0123456789abcdef-a.part", "temporary"),
        (b"/t/loop", "not_a_file"),
    ]
    assert ("entries", b"/t/loop") not in made.calls


class Listing(MemoryFiles):
    """Lists the entries that a test sets."""

    def __init__(self, entries: t.Sequence[DirectoryEntry]) -> None:
        super().__init__(MemoryServer(directories={b"/", b"/t"}))
        self._listed = entries

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        yield from self._listed


@pytest.mark.parametrize("name", [b"../x", b"a/b", b"/etc/passwd", b"", b"a\0b", b"a\\b"])
def test_a_name_that_leads_elsewhere_is_reported_and_never_asked_about(name: bytes) -> None:
    files = Listing([DirectoryEntry(name, Attributes()), DirectoryEntry(b"good", FILE)])
    tree = read_tree(files, b"/t")
    assert [file.path for file in tree.files] == [b"good"]
    assert [skipped.reason for skipped in tree.passed_over] == [reading.SUSPICIOUS]
    assert files.server.calls == []


def test_a_name_that_comes_twice_is_reported() -> None:
    tree = read_tree(Listing([DirectoryEntry(b"x", FILE), DirectoryEntry(b"x", FILE)]), b"/t")
    assert len(tree.files) == 1
    assert [skipped.reason for skipped in tree.passed_over] == [reading.SUSPICIOUS]


@pytest.mark.parametrize(("kind", "said"), [(stat.S_IFIFO, "pipe"), (stat.S_IFBLK, "device"), (stat.S_IFLNK, "link")])
def test_special_files_are_reported(kind: int, said: str) -> None:
    tree = read_tree(Listing([DirectoryEntry(b"x", Attributes(mode=kind | 0o644))]), b"/t")
    assert (tree.files, tree.directories) == ((), ())
    assert said in tree.passed_over[0].text


def test_attributes_that_the_listing_lacks_are_asked_for() -> None:
    files = Listing([DirectoryEntry(b"x", Attributes()), DirectoryEntry(b"gone", Attributes())])
    files.server.put(b"/t/x", b"abc")
    assert [file.attributes.kind for file in read_tree(files, b"/t").files] == ["file"]


class Closed(MemoryFiles):
    """Lists everything; the listing of one directory fails in the middle."""

    def __init__(self, closed: bytes, code: str = "permission_denied") -> None:
        super().__init__(server())
        self._closed, self._code = closed, code

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        for entry in super().entries(path):
            yield entry
            if path == self._closed:
                raise RemoteError(self._code, "closed", path=path)


def test_a_directory_that_cannot_be_listed_is_an_error_and_the_others_are_listed() -> None:
    tree = read_tree(Closed(b"/t/b"), b"/t")
    # The entries before the refusal are there: the directory c and its content.
    assert [file.path for file in tree.files] == [b"a", b"b/c/z", b"b.x"]
    assert [(skipped.path, skipped.reason) for skipped in tree.passed_over] == [(b"/t/b", reading.UNREADABLE)]
    assert [(error.code, error.path) for error in tree.errors] == [("permission_denied", b"/t/b")]


@pytest.mark.parametrize(("closed", "code"), [(b"/t", "permission_denied"), (b"/t/b", "protocol_violation")])
def test_a_top_that_cannot_be_listed_or_a_broken_server_is_the_end(closed: bytes, code: str) -> None:
    with pytest.raises(BackhaulError) as caught:
        read_tree(Closed(closed, code), b"/t")
    assert caught.value.code == code


def test_a_tree_of_implausible_size_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_FILES", 10)
    with pytest.raises(BackhaulError) as caught:
        read_tree(Listing([DirectoryEntry(b"%d" % number, FILE) for number in range(11)]), b"/t")
    assert caught.value.code == "protocol_violation"


def test_of_many_that_are_passed_over_the_first_are_listed_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "PASSED_OVER_LISTED", 3)
    link = Attributes(mode=stat.S_IFLNK | 0o777, size=1, mtime=1)
    entries = [DirectoryEntry(b"l%d" % number, link) for number in range(10)]
    entries += [DirectoryEntry(b"a/%d" % number, FILE) for number in range(4)]
    found = read_tree(Listing(entries), b"/t").passed_over
    assert [(skipped.path, skipped.reason, skipped.count) for skipped in found if skipped.count > 1] == [
        (b"/t", "not_a_file", 7)
    ]
    assert len([skipped for skipped in found if skipped.reason == "not_a_file" and skipped.count == 1]) == 3
    assert sum(skipped.count for skipped in found) == 14


def test_paths_of_a_tree_take_a_bounded_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_PATHS_BYTES", 5000)
    entries = [DirectoryEntry(b"%d" % number + b"n" * 1000, FILE) for number in range(10)]
    with pytest.raises(RemoteError) as caught:
        read_tree(Listing(entries), b"/t")
    assert (caught.value.code, caught.value.path) == ("protocol_violation", b"/t")
    assert "5000 bytes of paths" in caught.value.cause
