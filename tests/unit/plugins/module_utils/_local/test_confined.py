# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No path below the root leads out of it, even if a link is created there during a call."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.confined import ConfinedFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name in ("top/a/b", "out"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "out" / "secret").write_bytes(b"secret")
    return tmp_path / "top"


def files(top: Path) -> ConfinedFileSystem:
    return ConfinedFileSystem(os.fsencode(top))


def path(*parts: Path | str) -> bytes:
    return os.fsencode(os.path.join(*parts))


def test_every_method_works_without_links(top: Path) -> None:
    confined = files(top)
    confined.make_directory(path(top, "a/new"), mode=0o755)
    with confined.create(path(top, "a/new/x"), mode=0o600) as writer:
        writer.write(0, b"content")
    confined.set_attributes(path(top, "a/new/x"), Attributes(mode=0o640, atime=5, mtime=5), follow=True)
    confined.rename(path(top, "a/new/x"), path(top, "a/y"))
    confined.replace(path(top, "a/y"), path(top, "a/b/y"))
    found = confined.attributes(path(top, "a/b/y"), follow=True)
    assert (found.size, found.permissions, found.mtime) == (7, 0o640, 5)
    assert {entry.name for entry in confined.entries(path(top, "a"))} == {b"b", b"new"}
    assert {entry.name for entry in confined.entries(os.fsencode(top))} == {b"a"}
    assert confined.digest(path(top, "a/b/y"), algorithm="sha256").method == "local"
    assert confined.space(path(top, "a")).total_bytes == confined.space(os.fsencode(top)).total_bytes > 0
    with confined.open_reader(path(top, "a/b/y")) as reader:
        assert b"".join(reader.blocks()) == b"content"
    with pytest.raises(BackhaulError) as caught:
        confined.rename(path(top, "a/b/y"), path(top, "a/new"))
    assert caught.value.code == "already_exists"
    confined.remove(path(top, "a/b/y"))
    confined.remove_directory(path(top, "a/new"))
    assert sorted(name for _top, folders, names in os.walk(top) for name in (*folders, *names)) == ["a", "b"]


ACTIONS: dict[str, t.Callable[[ConfinedFileSystem, bytes], object]] = {
    "attributes": lambda confined, inner: confined.attributes(inner, follow=False),
    "entries": lambda confined, inner: list(confined.entries(os.path.dirname(inner))),
    "open_reader": lambda confined, inner: confined.open_reader(inner),
    "create": lambda confined, inner: confined.create(inner + b"2", mode=0o600),
    "set_attributes": lambda confined, inner: confined.set_attributes(inner, Attributes(mode=0o777), follow=True),
    "open_attributes": lambda confined, inner: confined.open_attributes(inner),
    "make_directory": lambda confined, inner: confined.make_directory(inner + b"2", mode=0o755),
    "remove_directory": lambda confined, inner: confined.remove_directory(inner),
    "remove": lambda confined, inner: confined.remove(inner),
    "rename": lambda confined, inner: confined.rename(inner, inner + b"2"),
    "replace": lambda confined, inner: confined.replace(inner, inner + b"2"),
    "digest": lambda confined, inner: confined.digest(inner, algorithm="sha256"),
    "space": lambda confined, inner: confined.space(os.path.dirname(inner)),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("link", ["a", "a/b"])
def test_no_call_goes_through_a_link_below_the_root(top: Path, action: str, link: str) -> None:
    (top / "a" / "b").rmdir()
    if link == "a":
        (top / "a").rmdir()
    (top / link).symlink_to(top.parent / "out")
    before = {name: (top.parent / "out" / name).stat() for name in os.listdir(top.parent / "out")}
    with pytest.raises(BackhaulError) as caught:
        ACTIONS[action](files(top), path(top, link, "secret"))
    assert (caught.value.code, caught.value.path) == ("unsafe_path", path(top, link))
    after = {name: (top.parent / "out" / name).stat() for name in os.listdir(top.parent / "out")}
    assert {name: status.st_mode for name, status in before.items()} == {n: s.st_mode for n, s in after.items()}


def test_a_link_is_seen_and_removed_but_neither_read_nor_taken_for_a_directory(top: Path) -> None:
    (top / "link").symlink_to(top.parent / "out")
    confined, link = files(top), path(top, "link")
    assert confined.attributes(link, follow=False).kind == "link"
    with pytest.raises(BackhaulError) as caught:
        confined.attributes(link, follow=True)
    assert caught.value.code == "unsafe_path"
    (top / "link").unlink()
    (top / "link").symlink_to(top.parent / "out" / "secret")
    with pytest.raises(BackhaulError):
        confined.open_reader(link)
    confined.remove(link)
    assert os.listdir(top.parent / "out") == ["secret"]


@pytest.mark.parametrize("inner", ["..", "../out/secret", "a/../../out/secret"])
def test_two_dots_are_refused(top: Path, inner: str) -> None:
    with pytest.raises(BackhaulError) as caught:
        files(top).attributes(path(top, inner), follow=False)
    assert caught.value.code == "unsafe_path"


def test_a_file_in_the_place_of_a_directory_is_no_link(top: Path) -> None:
    (top / "file").write_bytes(b"")
    with pytest.raises(BackhaulError) as caught:
        files(top).attributes(path(top, "file/x"), follow=False)
    assert caught.value.code == "not_found"


def test_the_root_itself_may_be_a_link_and_what_is_outside_is_the_callers_choice(top: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(top)
    confined = files(tmp_path / "link")
    confined.make_directory(path(tmp_path, "link", "new"), mode=0o755)
    assert (top / "new").is_dir()
    confined.set_attributes(path(tmp_path, "link"), Attributes(mode=0o700), follow=True)
    assert confined.attributes(path(tmp_path, "out/secret"), follow=True).size == 6


def test_no_descriptor_stays_open(top: Path) -> None:
    (top / "link").symlink_to("a")
    before = os.listdir("/proc/self/fd")
    confined = files(top)
    confined.attributes(path(top, "a/b"), follow=False)
    list(confined.entries(path(top, "a")))
    for name in ("gone", "link/x", "a/gone/x"):
        with pytest.raises(BackhaulError):
            confined.attributes(path(top, name), follow=False)
    assert os.listdir("/proc/self/fd") == before
