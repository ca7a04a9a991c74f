# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that are no regular files: as a source, as the newest of a directory, and as a destination."""

from __future__ import annotations

import os
import socket
import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import attrs, packet, u32
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.conftest import Place
from ansible_collections.backhaul.sftp.tests.faults.places import CONTENT, OLD, FakePlace, RealPlace, Scene
from ansible_collections.backhaul.sftp.tests.lab import SharedLab


def make_socket(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = os.getcwd()
        os.chdir(os.path.dirname(path))
        try:
            made.bind(os.path.basename(path))
        finally:
            os.chdir(before)


def make_loop(path: bytes) -> None:
    os.symlink(path + b"-2", path)
    os.symlink(path, path + b"-2")


ODD: dict[str, t.Callable[[bytes], None]] = {
    "symlink": lambda path: os.symlink("regular", path),
    "loop": make_loop,
    "link-out": lambda path: os.symlink("/etc/passwd", path),
    "dangling": lambda path: os.symlink("nowhere", path),
    "fifo": os.mkfifo,
    "socket": make_socket,
    "device": lambda path: os.mknod(path, 0o020666, os.makedev(1, 5)),  # /dev/zero: reading it never ends
}


def make_odd(place: RealPlace, kind: str, name: bytes) -> None:
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("only root makes devices")
    ODD[kind](place.local(name))


@pytest.mark.fault("names.no_regular_file")
@pytest.mark.parametrize("kind", ODD)
def test_the_newest_is_no_regular_file(store: RealPlace, kind: str) -> None:
    store.put(b"regular", CONTENT)
    os.utime(store.local(b"regular"), (1_600_000_000, 1_600_000_000))
    make_odd(store, kind, b"newest")
    found = task.find(store.end())
    assert found.value["latest"]["name"] == "regular"
    assert {entry["reason"] for entry in found.value["passed_over"]} == {"not_a_file"}


@pytest.mark.fault("names.no_regular_file")
def test_the_newest_is_a_directory(store: RealPlace) -> None:
    store.put(b"regular", CONTENT)
    (store.folder / "newest").mkdir()
    found = task.find(store.end())
    assert [file["name"] for file in found.value["files"]] == ["regular"]


@pytest.mark.fault("names.no_regular_file")
@pytest.mark.parametrize("kind", ODD)
def test_a_source_that_is_no_regular_file(lab: SharedLab, place: Place, store: RealPlace, kind: str) -> None:
    source = place(lab.openssh())
    source.put(b"regular", CONTENT)
    make_odd(source, kind, b"backup")
    store.put(b"copy", OLD)
    result = task.relay(source.end(b"backup", **task.SHORT_TIMEOUTS), store.end(b"copy"))
    assert (result.code, result.error["role"]) == ("invalid_input", "source")
    assert "not a regular file" in result.error["message"]
    assert store.files() == {b"copy": OLD}
    os.unlink(source.local(b"backup"))
    Scene(source, store).succeeds()


@pytest.mark.fault("names.no_regular_file")
@pytest.mark.parametrize("kind", ODD)
def test_a_directory_with_what_is_no_regular_file(lab: SharedLab, place: Place, store: RealPlace, kind: str) -> None:
    source = place(lab.openssh())
    source.put(b"regular", CONTENT)
    make_odd(source, kind, b"backup")
    result = task.relay(source.end(**task.SHORT_TIMEOUTS), store.end())
    assert not result.error, result
    assert store.files() == {b"regular": CONTENT}
    assert {entry["reason"] for entry in result.value["passed_over"]} == {"not_a_file"}


SIZE, MTIME = len(CONTENT), 1_700_000_000
SWAPPED = {
    "for a directory": attrs(SIZE, 0o040755, MTIME),
    "for a link": attrs(SIZE, 0o120777, MTIME),
    "for a device": attrs(SIZE, 0o020666, MTIME),
    "for a FIFO": attrs(SIZE, 0o010666, MTIME),
    "for a longer file": attrs(SIZE + 1, 0o100644, MTIME),
    "for a shorter file": attrs(SIZE - 1, 0o100644, MTIME),
    "for a newer file": attrs(SIZE, 0o100644, MTIME + 1),
    "for a file without a size": attrs(None, 0o100644, MTIME),
    "for a file without a time": attrs(SIZE, 0o100644),
}


@pytest.mark.fault("names.swapped")
@pytest.mark.parametrize("opened", SWAPPED.values(), ids=SWAPPED)
@pytest.mark.parametrize("after", [0, 1], ids=["before it is read", "after it was read"])
def test_a_source_that_is_swapped(origin: FakePlace, store: RealPlace, opened: bytes, after: int) -> None:
    """LSTAT shows a regular file; the opened handle is another type."""
    scene = Scene(origin, store)
    origin.fake.on(sftp.FSTAT, lambda request, honest: [packet(sftp.ATTRS, u32(request.id) + opened)], after=after)
    scene.fails("source_changed", role="source", retries=3)
    assert bool(origin.fake.kinds().count(sftp.READ)) == bool(after)
    scene.recovers()


def make_directory(place: RealPlace) -> None:
    os.mkdir(place.local(b"copy"))


def make_parent_missing(place: RealPlace) -> None:
    os.rmdir(place.folder)


def make_parent_a_file(place: RealPlace) -> None:
    os.rmdir(place.folder)
    place.folder.write_bytes(OLD)


BLOCKED: dict[str, tuple[t.Callable[[RealPlace], None], str]] = {
    "directory": (make_directory, "invalid_input"),
    "symlink": (lambda place: os.symlink("elsewhere", place.local(b"copy")), "unsafe_path"),
    "link-out": (lambda place: os.symlink("/etc/passwd", place.local(b"copy")), "unsafe_path"),
    "loop": (lambda place: make_loop(place.local(b"copy")), "unsafe_path"),
    "fifo": (lambda place: os.mkfifo(place.local(b"copy")), "unsafe_path"),
    "socket": (lambda place: make_socket(place.local(b"copy")), "unsafe_path"),
    "parent missing": (make_parent_missing, "not_found"),
    "parent a file": (make_parent_a_file, "invalid_input"),
}


@pytest.mark.fault("names.no_destination")
@pytest.mark.parametrize("kind", BLOCKED)
def test_a_destination_that_cannot_be(origin: FakePlace, store: RealPlace, kind: str) -> None:
    block, code = BLOCKED[kind]
    origin.put(b"backup", CONTENT)
    block(store)
    before = os.lstat(store.local(b"copy")) if os.path.lexists(store.local(b"copy")) else None
    result = task.relay(origin.end(b"backup"), store.end(b"copy", **task.SHORT_TIMEOUTS))
    assert (result.code, result.error["role"]) == (code, "destination"), result
    assert result.value["bytes_read"] == origin.fake.kinds().count(sftp.READ) == 0
    after = os.lstat(store.local(b"copy")) if os.path.lexists(store.local(b"copy")) else None
    assert before == after


@pytest.mark.fault("names.no_destination")
def test_a_destination_whose_directory_is_read_only(origin: FakePlace, lab: SharedLab, place: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root starts a server for another account")
    folder = place(lab.openssh(variant="internal", account="nobody"))
    scene = Scene(origin, folder)
    os.chmod(folder.folder, 0o555)
    scene.fails("permission_denied", role="destination")
    assert origin.fake.kinds().count(sftp.READ) == 0
    os.chmod(folder.folder, 0o755)
    os.chown(folder.local(b"copy"), folder.folder.stat().st_uid, folder.folder.stat().st_gid)
    scene.recovers()
