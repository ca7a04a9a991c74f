# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walk a tree, with every name checked."""

from __future__ import annotations

import itertools
import stat
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, DirectoryEntry, RemoteFile
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.model import Selected, Selection
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.selector import Selector
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import walk as walking
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.walk import look_again, walk
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer

NOW = 1_700_000_100.0


def tree() -> MemoryServer:
    server = MemoryServer(directories={b"/", b"/b", b"/b/one", b"/b/one/two"})
    for number, path in enumerate((b"/b/a.tar", b"/b/one/b.tar", b"/b/one/two/c.tar")):
        server.put(path, b"x" * 10, mtime=1_700_000_000 + number)
    return server


def selected(files: MemoryFiles, *, top: bytes = b"/b", depth: int = 1, **selection: t.Any) -> Selected:
    selector = Selector(Selection(**selection), now=NOW)
    walk(files, top, selector, depth=depth)
    return selector.result()


def paths(found: Selected) -> list[bytes]:
    return [file.path for file in found.files]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(1, [b"/b/a.tar"]), (2, [b"/b/one/b.tar", b"/b/a.tar"]), (3, [b"/b/one/two/c.tar", b"/b/one/b.tar", b"/b/a.tar"])],
)
def test_the_tree_is_walked_to_the_depth_asked_for(depth: int, expected: list[bytes]) -> None:
    assert paths(selected(MemoryFiles(tree()), depth=depth)) == expected


def test_links_to_directories_are_not_followed() -> None:
    server = tree()
    server.links[b"/b/loop"] = b"/b"
    assert len(selected(MemoryFiles(server), depth=9).files) == 3
    assert (b"entries", b"/b/loop") not in [(name.encode(), path) for name, path in server.calls]


def test_a_directory_below_that_cannot_be_listed_is_an_error() -> None:
    server = tree()

    def refuse(name: str, path: bytes) -> None:
        if (name, path) == ("entries", b"/b/one"):
            server.wrong["entries"] = "permission_denied"

    server.on_call = refuse
    with pytest.raises(BackhaulError) as caught:
        selected(MemoryFiles(server), depth=3)
    assert caught.value.code == "permission_denied"


class Listing(MemoryFiles):
    """Lists the entries that a test sets."""

    def __init__(self, server: MemoryServer, entries: t.Sequence[DirectoryEntry]) -> None:
        super().__init__(server)
        self._listed = entries

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        yield from self._listed


FILE = Attributes(size=10, mode=stat.S_IFREG | 0o644, mtime=1_700_000_000)


@pytest.mark.parametrize("name", [b"../x.tar", b"a/b.tar", b"/etc/passwd", b"", b"a\0b", b"a\\b"])
def test_a_name_that_leads_elsewhere_is_skipped_and_reported_and_never_asked_about(name: bytes) -> None:
    server = tree()
    found = selected(Listing(server, [DirectoryEntry(name, Attributes()), DirectoryEntry(b"good", FILE)]))
    assert paths(found) == [b"/b/good"]
    assert [entry.reason for entry in found.skipped] == ["suspicious_name"]
    assert server.calls == []


@pytest.mark.parametrize("name", [b"-rf", b"~", b"$(id)", b"a\nb", b"\xff", b"x" * 255, b"{{ x }}"])
def test_odd_names_are_selected_byte_for_byte(name: bytes) -> None:
    assert paths(selected(Listing(tree(), [DirectoryEntry(name, FILE)]), ignore_temporary=False)) == [b"/b/" + name]


@pytest.mark.parametrize(
    "said", [Attributes(), Attributes(size=10), Attributes(mode=FILE.mode), Attributes(size=10, mode=0o644, mtime=1)]
)
def test_what_a_listing_leaves_out_is_asked_again(said: Attributes) -> None:
    server = tree()
    found = selected(Listing(server, [DirectoryEntry(b"a.tar", said)]))
    assert [file.attributes.mtime for file in found.files] == [1_700_000_000]
    assert [name for name, _path in server.calls] == ["attributes"]


def test_a_file_that_is_gone_when_it_is_asked_about_is_not_there() -> None:
    found = selected(Listing(tree(), [DirectoryEntry(b"gone", Attributes()), DirectoryEntry(b"good", FILE)]))
    assert paths(found) == [b"/b/good"]


def test_a_file_without_known_attributes_is_an_error() -> None:
    server = tree()
    server.wrong["attributes"] = "permission_denied"
    with pytest.raises(BackhaulError) as caught:
        selected(Listing(server, [DirectoryEntry(b"closed", Attributes()), DirectoryEntry(b"good", FILE)]))
    assert caught.value.code == "suspicious"


def test_too_many_directories_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MAX_DIRECTORIES", 10)
    directory = Attributes(mode=stat.S_IFDIR | 0o755, size=1, mtime=1)
    files = Listing(tree(), [DirectoryEntry(b"d%d" % number, directory) for number in range(11)])
    with pytest.raises(BackhaulError) as caught:
        selected(files, depth=3)
    assert caught.value.code == "protocol_violation"


def test_looking_again_finds_what_is_there_now_and_none_for_what_is_gone() -> None:
    server = tree()
    files = [RemoteFile(path, FILE) for path in (b"/b/a.tar", b"/b/gone")]
    now = look_again(MemoryFiles(server), files)
    assert [None if found is None else found.mtime for found in now] == [1_700_000_000, None]
    server.wrong["attributes"] = "permission_denied"
    with pytest.raises(BackhaulError):
        look_again(MemoryFiles(server), files)


DIRECTORY = Attributes(mode=stat.S_IFDIR | 0o755, mtime=1)


@pytest.mark.parametrize(
    ("bound", "value", "said"),
    [
        ("MAX_DIRECTORIES", 50, "more than 50 directories"),
        ("MAX_WAITING_BYTES", 5000, "more than 5000 bytes"),
        ("MAX_PATH_BYTES", 500, "a path of more than 500 bytes"),
    ],
)
def test_a_single_listing_of_directories_without_end_is_not_kept_whole(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, said: str
) -> None:
    monkeypatch.setattr(walking, bound, value)

    class Endless(MemoryFiles):
        def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
            return (DirectoryEntry(b"d" * number, DIRECTORY) for number in itertools.count(1))

    with pytest.raises(BackhaulError) as caught:
        selected(Endless(tree()), depth=5)
    assert caught.value.code == "protocol_violation"
    assert said in caught.value.cause
