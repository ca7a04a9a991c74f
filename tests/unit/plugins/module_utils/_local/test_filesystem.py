# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local file system; what every implementation promises is in tests/contract."""

from __future__ import annotations

import errno
import os
import socket
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, InputError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem

FILES = LocalFileSystem()


def _path(folder: Path, name: str) -> bytes:
    return os.fsencode(folder / name)


def test_a_fifo_without_a_writer_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(RemoteError, match="not a regular file"):
        FILES.open_reader(_path(tmp_path, "fifo"))


@pytest.mark.parametrize("kind", ["directory", "socket", "device"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    path = b"/dev/null" if kind == "device" else _path(tmp_path, kind)
    if kind == "directory":
        os.mkdir(path)
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "socket":
            listener.bind(path)
        with pytest.raises(RemoteError):
            FILES.open_reader(path)


@pytest.mark.parametrize("has_reader", [False, True])
def test_a_fifo_is_not_reopened_for_writing(tmp_path: Path, has_reader: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK) if has_reader else -1
    try:
        with pytest.raises(RemoteError):
            FILES.reopen(_path(tmp_path, "fifo"))
    finally:
        if has_reader:
            os.close(reader)


def test_a_refused_reader_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _attempt in range(5):
        with pytest.raises(RemoteError):
            FILES.open_reader(_path(tmp_path, "."))
    assert len(os.listdir("/proc/self/fd")) == before if before else True


def test_a_listing_that_is_not_read_to_its_end_leaves_no_descriptor_open(tmp_path: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this system has no /proc")
    for number in range(10):
        (tmp_path / str(number)).touch()
    before = len(os.listdir("/proc/self/fd"))
    listing = FILES.entries(os.fsencode(tmp_path))
    next(listing)
    del listing
    assert len(os.listdir("/proc/self/fd")) == before


def test_entries_whose_attributes_may_not_be_read_are_still_listed(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is refused to root")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    folder.chmod(0o400)
    try:
        entries = list(FILES.entries(os.fsencode(folder)))
    finally:
        folder.chmod(0o700)
    assert [(entry.name, entry.attributes.kind) for entry in entries] == [(b"file", "unknown")]


def test_of_many_renames_to_one_name_exactly_one_wins(tmp_path: Path) -> None:
    names = [f"source-{number}" for number in range(8)]
    for name in names:
        (tmp_path / name).write_text(name, encoding="ascii")
    start, won = threading.Barrier(len(names)), []

    def rename(name: str) -> None:
        start.wait()
        try:
            FILES.rename(_path(tmp_path, name), _path(tmp_path, "target"))
        except RemoteError as exc:
            assert exc.code == "already_exists"
        else:
            won.append(name)

    threads = [threading.Thread(target=rename, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert (tmp_path / "target").read_text(encoding="ascii") == won[0]
    assert len(os.listdir(tmp_path)) == len(names)


def test_rename_works_where_nothing_can_be_linked(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()  # link(2) refuses directories
    FILES.rename(_path(tmp_path, "old"), _path(tmp_path, "new"))
    assert os.listdir(tmp_path) == ["new"]


def test_rename_of_a_directory_does_not_take_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with pytest.raises(RemoteError) as caught:
        FILES.rename(_path(tmp_path, "old"), _path(tmp_path, "new"))
    assert caught.value.code == "already_exists"
    assert sorted(os.listdir(tmp_path)) == ["new", "old"]


def test_a_rename_that_fails_names_both_paths(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        FILES.rename(_path(tmp_path, "old"), _path(tmp_path, "new"))
    assert str(tmp_path / "old") in caught.value.cause
    assert str(tmp_path / "new") in caught.value.cause
    assert caught.value.details == {"errno": errno.errorcode[errno.ENOENT]}


def test_a_nul_byte_in_a_path_is_refused_everywhere(tmp_path: Path) -> None:
    bad, good = _path(tmp_path, "a") + b"\0b", _path(tmp_path, "c")
    uses: list[t.Callable[[], object]] = [
        lambda: FILES.canonical(bad),
        lambda: FILES.attributes(bad, follow=True),
        lambda: list(FILES.entries(bad)),
        lambda: FILES.open_reader(bad),
        lambda: FILES.create(bad, mode=0o600),
        lambda: FILES.make_directory(bad, mode=0o700),
        lambda: FILES.remove_directory(bad),
        lambda: FILES.remove(bad),
        lambda: FILES.rename(bad, good),
        lambda: FILES.rename(good, bad),
        lambda: FILES.replace(bad, good),
        lambda: FILES.replace(good, bad),
        lambda: FILES.digest(bad, algorithm="sha256"),
        lambda: FILES.space(bad),
    ]
    for use in uses:
        with pytest.raises(BackhaulError):
            use()
    assert os.listdir(tmp_path) == []


def test_an_unknown_digest_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="md5"):
        FILES.digest(_path(tmp_path, "file"), algorithm="md5")


def test_a_prefix_longer_than_the_file_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    path = _path(tmp_path, "file")
    assert FILES.digest(path, algorithm="sha256", length=10) == FILES.digest(path, algorithm="sha256")


def test_canonical_resolves_links_and_needs_the_directory_only(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    real = os.path.realpath(os.fsencode(tmp_path))
    assert FILES.canonical(_path(tmp_path, "link/new")) == real + b"/folder/new"
    with pytest.raises(RemoteError) as caught:
        FILES.canonical(_path(tmp_path, "missing/new"))
    assert caught.value.code == "not_found"
