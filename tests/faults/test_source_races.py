# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users who can write to the source's folder: links that appear and vanish, content that changes without its mtime."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.handles import LocalReader
from ansible_collections.backhaul.sftp.tests.actors import INCONSISTENT_SERVER
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.conftest import Place
from ansible_collections.backhaul.sftp.tests.faults.places import RealPlace
from ansible_collections.backhaul.sftp.tests.lab import SharedLab

LONG_AGO = 1_700_000_000
SECRET, DECOY = b"S" * 5000, b"D" * 5000
NOBODY = 65534
# Before the check, each way took the wrong file in at least a fifth of its runs, so this many runs would show it.
RACES = 25
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of two users")
Copy = t.Callable[[str, int], t.Tuple[task.Result, Path]]


def make_pair(folder: Path) -> Path:
    """Make a secret of this user and a decoy of another user with the same size and mtime; return the secret."""
    folder.mkdir(exist_ok=True)
    secret, decoy = folder.parent / f"{folder.name}.secret", folder / "decoy"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    decoy.write_bytes(DECOY)
    decoy.chmod(0o644)
    os.chown(decoy, NOBODY, NOBODY)
    for path in (secret, decoy):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return secret


@contextlib.contextmanager
def exchanging(folder: Path, secret: Path) -> t.Iterator[None]:
    """As another user, alternate between the decoy and a link to the secret under the name ``f``, without pause."""
    os.chown(folder, NOBODY, NOBODY)
    (folder / "f").symlink_to(secret)
    os.lchown(folder / "f", NOBODY, NOBODY)
    code = (
        f"import os, time\nos.setgid({NOBODY}); os.setuid({NOBODY}); os.chdir({str(folder)!r})\n"
        "while True:\n"
        "  os.link('decoy', 't1'); os.rename('t1', 'f'); time.sleep(0.002)\n"
        f"  os.symlink({str(secret)!r}, 't2'); os.rename('t2', 'f'); time.sleep(0.001)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as racer:
        try:
            yield
            assert racer.poll() is None
        finally:
            racer.kill()


@pytest.fixture
def odd(lab: SharedLab, place: Place) -> t.Callable[..., RealPlace]:
    """Make a folder on an asyncssh server with these options."""

    def make(*, shell: bool = False, **options: t.Any) -> RealPlace:
        return place(lab.asyncssh(shell=shell, sftp_class=INCONSISTENT_SERVER, options=options))

    return make


@pytest.fixture
def race(lab: SharedLab, place: Place, tmp_path: Path) -> t.Callable[[str], tuple[Path, Copy]]:
    """Return the source's folder and a function that copies its file, by the name of a way to copy."""
    source, target = place(lab.openssh()), place(lab.openssh())
    for folder in (source.folder, *tmp_path.parents, tmp_path):
        folder.chmod(folder.stat().st_mode | 0o055)

    # A server that is asked for so many connections in a row drops some (MaxStartups).
    again = {"retries": 3}

    def relay(_path: str, number: int) -> tuple[task.Result, Path]:
        return task.relay(source.end(b"in/f"), target.end(b"%d" % number), **again), target.folder / str(number)

    def relay_here(path: str, number: int) -> tuple[task.Result, Path]:
        end = {"local": True, "path": path}
        return task.relay(end, target.end(b"%d" % number), **again), target.folder / str(number)

    def relay_tree(path: str, number: int) -> tuple[task.Result, Path]:
        end = {"local": True, "path": f"{os.path.dirname(path)}/"}
        there = target.end(b"%d/" % number)
        return task.relay(end, there, create_directories=True, **again), target.folder / str(number) / "f"

    def get(_path: str, number: int) -> tuple[task.Result, Path]:
        return task.get(source.end(b"in/f"), str(tmp_path / str(number)), **again), tmp_path / str(number)

    def get_tree(_path: str, number: int) -> tuple[task.Result, Path]:
        there = tmp_path / str(number)
        return task.get(source.end(b"in/"), f"{there}/", create_directories=True, **again), there / "f"

    def put(path: str, number: int) -> tuple[task.Result, Path]:
        return task.put(path, target.end(b"%d" % number), **again), target.folder / str(number)

    def put_tree(path: str, number: int) -> tuple[task.Result, Path]:
        there = target.end(b"%d/" % number)
        return task.put(
            f"{os.path.dirname(path)}/", there, create_directories=True, **again
        ), target.folder / f"{number}/f"

    ways: dict[str, tuple[Path, Copy]] = {
        "relay": (source.folder / "in", relay),
        "relay from the controller": (tmp_path / "in", relay_here),
        "relay of a directory from the controller": (tmp_path / "in", relay_tree),
        "get": (source.folder / "in", get),
        "get of a directory": (source.folder / "in", get_tree),
        "put": (tmp_path / "in", put),
        "put of a directory": (tmp_path / "in", put_tree),
    }
    return lambda way: ways[way]


WAYS = ("relay", "relay from the controller", "relay of a directory from the controller", "get", "get of a directory")
WAYS_OF_PUT = ("put", "put of a directory")


@needs_root
@pytest.mark.fault("names.becomes_link")
@pytest.mark.parametrize("way", [*WAYS, *WAYS_OF_PUT])
def test_a_file_that_is_exchanged_for_a_link_in_a_race(race: t.Callable[[str], tuple[Path, Copy]], way: str) -> None:
    """Another user owns the folder and replaces a file by a link to ours, with the same size and mtime."""
    folder, copy = race(way)
    secret = make_pair(folder)
    codes = []
    with exchanging(folder, secret):
        for number in range(RACES):
            result, copied = copy(str(folder / "f"), number)
            codes.append(result.code)
            assert not copied.exists() or copied.read_bytes() == DECOY, (number, result)
    assert set(codes) <= {"", "source_changed", "invalid_input", "unsafe_path", "not_found", "remote_failure"}, codes


@needs_root
@pytest.mark.fault("names.becomes_link")
@pytest.mark.parametrize("way", ["relay", "get"])
def test_a_file_that_is_a_link_only_while_it_is_opened(
    odd: t.Callable[..., RealPlace], store: RealPlace, tmp_path: Path, way: str
) -> None:
    """LSTAT before and after shows the decoy; only the open handle shows the owner of the file that is read."""
    secret = make_pair(tmp_path / "in")
    source = odd(opened="f", opens=str(secret))
    source.put(b"f", DECOY)
    os.chown(source.local(b"f"), NOBODY, NOBODY)
    os.utime(source.local(b"f"), (LONG_AGO, LONG_AGO))
    if way == "relay":
        result = task.relay(source.end(b"f"), store.end(b"copy"))
    else:
        result = task.get(source.end(b"f"), str(tmp_path / "copy"))
    assert (result.code, result.error["role"]) == ("source_changed", "source"), result
    assert store.files() == {}
    assert not (tmp_path / "copy").exists()


@pytest.mark.fault("names.becomes_link")
@pytest.mark.parametrize("way", ["relay", "relay of a directory", "put", "put of a directory"])
def test_a_local_file_that_is_a_link_only_while_it_is_opened(
    store: RealPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    top, secret = tmp_path / "in", tmp_path / "secret"
    top.mkdir()
    for path, content in ((top / "f", DECOY), (secret, SECRET)):
        path.write_bytes(content)
        os.utime(path, (LONG_AGO, LONG_AGO))
    opening = LocalFileSystem.open_reader

    def opened_in_a_race(files: LocalFileSystem, path: bytes) -> t.Any:
        (top / "f").rename(top / "kept")
        (top / "f").symlink_to(secret)
        try:
            return opening(files, path)
        finally:
            (top / "kept").rename(top / "f")

    monkeypatch.setattr(LocalFileSystem, "open_reader", opened_in_a_race)
    there = store.end(b"out/" if "directory" in way else b"out")
    named = f"{top}/" if "directory" in way else str(top / "f")
    if way.startswith("put"):
        result = task.put(named, there, create_directories=True)
    else:
        result = task.relay({"local": True, "path": named}, there, create_directories=True)
    assert result.code in ("source_changed", "not_found"), result
    assert SECRET not in [copy.read_bytes() for copy in store.folder.rglob("*") if copy.is_file()]


@needs_root
@pytest.mark.fault("names.becomes_link")
@pytest.mark.parametrize("owner", [0, NOBODY])
def test_a_link_that_is_named_is_followed_where_its_owner_may_read_what_it_leads_to(
    store: RealPlace, tmp_path: Path, owner: int
) -> None:
    secret = make_pair(tmp_path / "in")
    link = tmp_path / "in" / "link"
    link.symlink_to(secret)
    os.lchown(link, owner, owner)
    result = task.put(str(link), store.end(b"copy"))
    assert result.code == ("invalid_input" if owner else ""), result
    assert store.files() == ({} if owner else {b"copy": SECRET})


SIZE = 3 * 1024 * 1024


def put_torn(odd: t.Callable[..., RealPlace], mtime: float, *, shell: bool) -> task.Json:
    """Return a source of a few MiB that is overwritten when half of it was read, with the same size and mtime."""
    folder = odd(shell=shell, tear=SIZE // 2)
    folder.put(b"backup", b"A" * SIZE)
    os.utime(folder.local(b"backup"), (mtime, mtime))
    return folder.end(b"backup")


@pytest.mark.fault("concurrency.written_unseen")
@pytest.mark.parametrize("shell", [True, False], ids=["the server hashes", "it is read again"])
@pytest.mark.parametrize("way", ["relay", "relay to two", "get"])
def test_a_source_that_is_written_to_and_keeps_the_time_of_this_moment(
    odd: t.Callable[..., RealPlace], lab: SharedLab, place: Place, tmp_path: Path, shell: bool, way: str
) -> None:
    """The file was written just now, so that a further change may not change its mtime."""
    end = put_torn(odd, time.time() + 5, shell=shell)
    stores = [place(lab.openssh()) for _number in range(2 if way == "relay to two" else 1)]
    if way == "get":
        result = task.get(end, str(tmp_path / "copy"), retries=3)
    else:
        result = task.relay(end, *(store.end(b"copy") for store in stores), retries=3)
    assert (result.code, result.error["role"]) == ("source_changed", "source"), result
    assert [store.files() for store in stores] == [{}] * len(stores)
    assert not (tmp_path / "copy").exists()


@pytest.mark.fault("concurrency.written_unseen")
@pytest.mark.parametrize("shell", [True, False], ids=["the server hashes", "it is read again"])
def test_a_source_that_is_written_to_and_has_its_time_set_back(
    odd: t.Callable[..., RealPlace], store: RealPlace, shell: bool
) -> None:
    """The mtime does not show the change; only the source's own digest does."""
    end = put_torn(odd, LONG_AGO, shell=shell)
    store.put(b"copy", b"C" * SIZE)
    result = task.relay(end, store.end(b"copy"), source_digest="always", compare="size_mtime")
    assert (result.code, result.error["role"]) == ("source_changed", "source"), result
    assert store.files() == {b"copy": b"C" * SIZE}


@pytest.mark.fault("concurrency.written_unseen")
def test_a_local_source_that_is_written_to_and_has_its_time_set_back(
    store: RealPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "backup"
    source.write_bytes(b"A" * SIZE)
    os.utime(source, (LONG_AGO, LONG_AGO))
    reading = LocalReader.blocks

    def torn(reader: LocalReader, **more: t.Any) -> t.Iterator[bytes]:
        for number, block in enumerate(reading(reader, **more)):
            yield block
            if number == 3:
                source.write_bytes(b"B" * SIZE)
                os.utime(source, (LONG_AGO, LONG_AGO))

    monkeypatch.setattr(LocalReader, "blocks", torn)
    result = task.put(str(source), store.end(b"copy"), source_digest="always")
    assert (result.code, result.error["role"]) == ("source_changed", "source"), result
    assert store.files() == {}


@pytest.mark.fault("concurrency.written_unseen")
def test_a_source_that_is_proven_says_so(lab: SharedLab, place: Place, store: RealPlace) -> None:
    source = place(lab.openssh())
    source.put(b"backup", b"A" * SIZE)
    os.utime(source.local(b"backup"), (LONG_AGO, LONG_AGO))
    quick = task.relay(source.end(b"backup"), store.end(b"quick"))
    proven = task.relay(source.end(b"backup"), store.end(b"proven"), source_digest="always")
    assert [result.value["source"]["digest_by"] for result in (quick, proven)] == ["stream", "command"]
    assert store.files() == {b"quick": b"A" * SIZE, b"proven": b"A" * SIZE}


FOLDED = {
    "letter case": (b"Db.gz", b"dB.gz"),
    "normalization": ("caf\u00e9".encode(), "cafe\u0301".encode()),
    "a dot at the end": (b"db", b"db."),
    "a space at the end": (b"db", b"db "),
}
INSIDE = {"a directory": (b"Top/db", b"top/db")}
FOLDING_WAYS = [
    pytest.param(way, *pair, id=f"{way}, {kind}")
    for way in ("relay of a list", "relay", "relay to one server", "put")
    for kind, pair in (FOLDED if way == "relay of a list" else {**FOLDED, **INSIDE}).items()
]


@pytest.mark.fault("names.folded")
@pytest.mark.parametrize(("way", "first", "second"), FOLDING_WAYS)
def test_names_that_the_destination_folds(
    odd: t.Callable[..., RealPlace], store: RealPlace, tmp_path: Path, way: str, first: bytes, second: bytes
) -> None:
    """Without the check, one of two copies replaces the other and both are reported as success."""
    folding = odd(fold_names=True)
    contents = {first: b"the first", second: b"the other"}
    for name, content in contents.items():
        for top in (store.local(b"in/"), os.fsencode(tmp_path) + b"/in/"):
            os.makedirs(os.path.dirname(top + name), exist_ok=True)
            Path(os.fsdecode(top + name)).write_bytes(content)
    there = folding.end()
    if way == "relay of a list":
        source = {**store.end(b"in"), "paths": [store.end(b"in/" + name)["path"] for name in contents], "path": None}
        result = task.relay(source, there)
    elif way == "relay":
        result = task.relay(store.end(b"in/"), there)
    elif way == "relay to one server":
        ends = [folding.end(name) for name in contents]
        result = task.relay(store.end(b"in/" + first), *ends, create_directories=True)
    else:
        result = task.put(f"{tmp_path}/in/", there)
    assert (result.code, result.error["role"]) == ("already_exists", "destination"), result
    assert [name for name in ("published",) if name in result.error["details"]] == ["published"]
    copies = [path.read_bytes() for path in folding.folder.rglob("*") if path.is_file()]
    assert len(copies) == 1
    assert copies[0] in contents.values()
    assert "2 copies have names that differ" in " ".join(result.warnings)


@pytest.mark.fault("names.folded")
def test_names_that_differ_for_the_destination_are_no_obstacle(store: RealPlace, place: Place, lab: SharedLab) -> None:
    """The server distinguishes the names: new, unchanged and replaced files are copied, with a warning."""
    target = place(lab.openssh())
    os.mkdir(store.local(b"in"))
    for age, content in enumerate([b"1", b"1", b"2"]):
        for name in (b"Db", b"dB"):
            Path(os.fsdecode(store.local(b"in/" + name))).write_bytes(name + content)
            os.utime(store.local(b"in/" + name), (LONG_AGO + age, LONG_AGO + age))
        result = task.relay(store.end(b"in/"), target.end())
        assert not result.error, result
        assert target.files() == {b"Db": b"Db" + content, b"dB": b"dB" + content}
        assert "2 copies have names that differ" in " ".join(result.warnings)


@pytest.mark.fault("writing.unreadable_copy")
@pytest.mark.parametrize("way", ["relay", "relay of a directory", "put"])
def test_an_old_copy_that_cannot_be_read(
    odd: t.Callable[..., RealPlace], store: RealPlace, tmp_path: Path, way: str
) -> None:
    """The server fails to read the copy, so the copy counts as different and is replaced."""
    damaged = odd(damaged="damaged")
    damaged.put(b"copy", b"damaged old")
    content = b"the content"
    os.mkdir(store.local(b"in"))
    for path in (store.local(b"in/copy"), os.fsencode(tmp_path) + b"/copy"):
        Path(os.fsdecode(path)).write_bytes(content)
    if way == "put":
        result = task.put(str(tmp_path / "copy"), damaged.end())
        entry = result.value["files"][0]
    else:
        source = store.end(b"in/copy" if way == "relay" else b"in/")
        result = task.relay(source, damaged.end())
        entry = result.entry if way == "relay" else result.value["files"][0]["destinations"][0]
    assert not result.error, result
    assert (entry["state"], entry["compared_by"]) == ("replaced", "unreadable")
    assert damaged.files() == {b"copy": content}
    assert "failed to read 1 of the files that were there" in " ".join(result.warnings)


@needs_root
@pytest.mark.fault("writing.unreadable_copy")
def test_an_old_copy_that_may_not_be_read_is_an_error(lab: SharedLab, place: Place, store: RealPlace) -> None:
    target = place(lab.openssh(variant="internal", account="nobody"))
    store.put(b"backup", b"content")
    target.put(b"copy", b"its old")
    os.chmod(target.local(b"copy"), 0o600)
    result = task.relay(store.end(b"backup"), target.end(b"copy"))
    assert (result.code, result.error["role"]) == ("permission_denied", "destination"), result
    assert target.files() == {b"copy": b"its old"}


@pytest.mark.fault("writing.unreadable_copy")
def test_a_source_that_cannot_be_read_is_an_error(odd: t.Callable[..., RealPlace], store: RealPlace) -> None:
    damaged = odd(damaged="damaged")
    damaged.put(b"backup", b"damaged new")
    store.put(b"copy", b"the content")
    result = task.relay(damaged.end(b"backup"), store.end(b"copy"))
    assert (result.code, result.error["role"]) == ("remote_failure", "source"), result
    assert store.files() == {b"copy": b"the content"}
