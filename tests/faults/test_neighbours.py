# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another user of the destination's directory: files and links of that user are neither used nor changed."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.conftest import Place
from ansible_collections.backhaul.sftp.tests.faults.neighbours import (
    NEIGHBOUR,
    Growing,
    backup_path_of,
    key_of,
    needs_root,
    owner_and_mode,
    partial_path,
    plant,
    share,
    swap_when_opened,
)
from ansible_collections.backhaul.sftp.tests.faults.places import OLD, RealPlace
from ansible_collections.backhaul.sftp.tests.lab import SharedLab

CONTENT = os.urandom(2 * 1024 * 1024 + 345)
MTIME = 1_764_000_000
PLANTED = {"empty": b"", "a true beginning": CONTENT[: 1024 * 1024], "the whole": CONTENT, "garbage": b"x" * 5000}


@pytest.fixture
def origin(lab: SharedLab, place: Place) -> RealPlace:
    """A folder with the source, on a server of its own."""
    here = place(lab.openssh())
    here.put(b"backup", CONTENT)
    os.utime(here.local(b"backup"), (MTIME, MTIME))
    return here


@pytest.fixture
def target(lab: SharedLab, place: Place) -> RealPlace:
    """A folder in which every user may write, with the sticky bit."""
    here = place(lab.openssh(variant="internal"))
    share(here.folder)
    return here


def get(origin: RealPlace, dest: Path, **options: t.Any) -> task.Result:
    return task.get(origin.end(b"backup"), str(dest), **options)


@needs_root
@pytest.mark.fault("odd.planted")
@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_partial_file_that_another_user_planted_never_becomes_the_backup(
    origin: RealPlace, target: RealPlace, planted: bytes
) -> None:
    """Another user has the partial file open, and could read the backup and change it after verification."""
    source, final = origin.folder / "backup", target.folder / "copy"
    hidden = partial_path(final, source, server=origin.server, key=key_of(target.server, origin.server))
    plant(hidden, planted)
    result = task.relay(origin.end(b"backup"), target.end(b"copy"))
    assert (result.entry["state"], final.read_bytes() == CONTENT) == ("created", True)
    assert (owner_and_mode(final), hidden.read_bytes() == planted) == ((0, 0o600), True)
    (warning,) = result.warnings
    assert hidden.name in warning
    assert f"uid {NEIGHBOUR}" in warning
    assert {path.name for path in target.folder.iterdir()} == {"copy", hidden.name}


@needs_root
@pytest.mark.fault("odd.planted")
@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_download_does_not_go_on_with_a_planted_file(origin: RealPlace, tmp_path: Path, planted: bytes) -> None:
    final = share(tmp_path) / "copy"
    hidden = partial_path(final, origin.folder / "backup", server=origin.server, key=key_of(origin.server))
    plant(hidden, planted)
    result = get(origin, final)
    assert (result.error, final.read_bytes() == CONTENT, owner_and_mode(final)) == ({}, True, (0, 0o600))
    assert hidden.read_bytes() == planted
    assert [hidden.name in warning for warning in result.warnings] == [True]


@needs_root
@pytest.mark.fault("odd.planted")
def test_a_planted_file_that_grows_holds_nobody_up(origin: RealPlace, target: RealPlace) -> None:
    final = target.folder / "copy"
    key = key_of(target.server, origin.server)
    hidden = plant(partial_path(final, origin.folder / "backup", server=origin.server, key=key), b"")
    with Growing(hidden):
        result = task.relay(origin.end(b"backup"), target.end(b"copy"), lock_timeout="60s")
    assert (result.code, final.read_bytes() == CONTENT) == ("", True)


@pytest.mark.fault("odd.planted")
@pytest.mark.parametrize("mode", [0o644, 0o666, 0o4600])
def test_a_partial_file_that_others_can_open_is_not_gone_on_with(
    origin: RealPlace, target: RealPlace, mode: int
) -> None:
    final = target.folder / "copy"
    key = key_of(target.server, origin.server)
    hidden = partial_path(final, origin.folder / "backup", server=origin.server, key=key)
    plant(hidden, CONTENT[:5000], mode=mode, uid=os.geteuid())
    result = task.relay(origin.end(b"backup"), target.end(b"copy"))
    assert (result.entry["bytes_resumed"], final.read_bytes() == CONTENT) == (0, True)
    assert (hidden.read_bytes(), len(result.warnings)) == (CONTENT[:5000], 1)


@pytest.mark.fault("odd.planted")
def test_a_name_that_can_be_computed_without_the_credential_is_not_ours(origin: RealPlace, target: RealPlace) -> None:
    final = target.folder / "copy"
    hidden = partial_path(final, origin.folder / "backup", server=origin.server, key=b"")
    hidden.write_bytes(CONTENT[: 1024 * 1024])
    hidden.chmod(0o600)
    result = task.relay(origin.end(b"backup"), target.end(b"copy"))
    assert (result.entry["bytes_resumed"], result.warnings) == (0, ())


@pytest.mark.fault("odd.planted")
@pytest.mark.parametrize("linked", [b"root:secret\n", CONTENT[: 1024 * 1024]])
def test_a_hard_link_to_a_file_of_ours_is_not_written_through(origin: RealPlace, tmp_path: Path, linked: bytes) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(linked)
    victim.chmod(0o600)
    final = tmp_path / "copy"
    os.link(victim, partial_path(final, origin.folder / "backup", server=origin.server, key=key_of(origin.server)))
    result = get(origin, final)
    assert (result.error, final.read_bytes() == CONTENT) == ({}, True)
    assert (victim.read_bytes() == linked, len(result.warnings)) == (True, 1)


@pytest.mark.fault("odd.planted")
def test_a_hard_link_on_a_server_that_counts_none_is_not_written_through(origin: RealPlace, target: RealPlace) -> None:
    """SFTP has no link count, so a partial file with other content than the source's is removed, not written to."""
    victim, final = target.folder / "victim", target.folder / "copy"
    victim.write_bytes(b"root:secret\n")
    victim.chmod(0o600)
    key = key_of(target.server, origin.server)
    os.link(victim, partial_path(final, origin.folder / "backup", server=origin.server, key=key))
    result = task.relay(origin.end(b"backup"), target.end(b"copy"))
    assert (result.entry["bytes_resumed"], final.read_bytes() == CONTENT) == (0, True)
    assert victim.read_bytes() == b"root:secret\n"


@needs_root
@pytest.mark.fault("odd.planted")
@pytest.mark.parametrize("old", [None, OLD])
def test_an_old_file_that_another_user_planted_is_not_brought_back(
    lab: SharedLab, place: Place, origin: RealPlace, old: bytes | None
) -> None:
    """Without posix-rename the old file has a backup name that every run can compute: another user put a file there."""
    target = place(lab.openssh(denied=("posix-rename",)))
    share(target.folder)
    final = target.folder / "copy"
    if old is not None:
        target.put(b"copy", old)
    hidden = plant(backup_path_of(final, key=key_of(target.server, origin.server)), CONTENT)
    os.utime(hidden, (MTIME, MTIME))
    result = task.relay(origin.end(b"backup"), target.end(b"copy"))
    assert result.entry["state"] == ("created" if old is None else "replaced")
    assert (final.read_bytes() == CONTENT, owner_and_mode(final)) == (True, (0, 0o644 if old else 0o600))
    assert {path.name for path in target.folder.iterdir()} == {"copy", hidden.name}
    assert [hidden.name in warning for warning in result.warnings] == [True]


@needs_root
@pytest.mark.fault("odd.modes")
@pytest.mark.parametrize("mode", [0o666, 0o644, 0o4777])
def test_a_file_that_another_user_put_under_the_final_name_gives_no_mode_to_the_backup(
    origin: RealPlace, target: RealPlace, tmp_path: Path, mode: int
) -> None:
    plant(target.folder / "copy", b"", mode=mode)
    relayed = task.relay(origin.end(b"backup"), target.end(b"copy"))
    assert (relayed.entry["state"], owner_and_mode(target.folder / "copy")) == ("replaced", (0, 0o600))
    assert "mode: 0600" in relayed.value["diff"][0]["after"]
    got = get(origin, plant(share(tmp_path) / "copy", b"", mode=mode))
    assert (got.error, owner_and_mode(tmp_path / "copy")) == ({}, (0, 0o600))


@pytest.mark.fault("odd.modes")
def test_a_file_of_ours_gives_its_plain_permissions_to_the_backup(origin: RealPlace, target: RealPlace) -> None:
    plant(target.folder / "copy", OLD, mode=0o4640, uid=os.geteuid())
    task.relay(origin.end(b"backup"), target.end(b"copy"))
    assert owner_and_mode(target.folder / "copy") == (os.geteuid(), 0o640)


@pytest.mark.fault("odd.modes")
def test_set_id_bits_of_a_source_stay_there(origin: RealPlace, target: RealPlace, tmp_path: Path) -> None:
    source = origin.folder / "backup"
    source.chmod(0o6755)
    kept = {"mode": "preserve"}
    ends: dict[str, t.Callable[[], task.Result]] = {
        "relay": lambda: task.relay(origin.end(b"backup"), target.end(b"relay"), **kept),
        "relay-tree": lambda: task.relay(origin.end(), target.end(b"relay-tree/"), create_directories=True, **kept),
        "put": lambda: task.put(str(source), target.end(b"put"), **kept),
        "put-tree": lambda: task.put(f"{origin.folder}/", target.end(b"put-tree/"), create_directories=True, **kept),
        "get": lambda: get(origin, target.folder / "get", **kept),
        "get-tree": lambda: task.get(origin.end(), f"{target.folder}/get-tree/", create_directories=True, **kept),
    }
    for name, run in ends.items():
        result = run()
        assert not result.error, (name, result)
        copy = target.folder / name / "backup" if name.endswith("tree") else target.folder / name
        assert owner_and_mode(copy)[1] == 0o755, name
    get(origin, tmp_path / "stated", mode="4755")
    assert owner_and_mode(tmp_path / "stated")[1] == 0o4755


@pytest.mark.fault("odd.modes")
@pytest.mark.parametrize("options", [{"mode": "0666", "compare": "size_mtime"}, {"mode": "0666"}, {}])
@pytest.mark.parametrize("where", ["server", "here"])
def test_a_link_that_takes_a_files_place_leads_no_attribute_elsewhere(
    origin: RealPlace, target: RealPlace, tmp_path: Path, options: dict[str, t.Any], where: str
) -> None:
    """Between LSTAT and SETSTAT by name the file was replaced: another file got mode 0666 and our mtime."""
    victim = tmp_path / "victim"
    plant(victim, b"only mine", uid=os.geteuid())
    os.utime(victim, (5, 5))
    folder = share(target.folder if where == "server" else tmp_path, mode=0o777)
    copy = plant(folder / "copy", CONTENT, mode=0o640, uid=os.geteuid())
    os.utime(copy, (MTIME, MTIME) if options else (1, 1))
    thread = swap_when_opened(copy, victim)
    if where == "server":
        task.relay(origin.end(b"backup"), target.end(b"copy"), **options)
    else:
        get(origin, copy, **options)
    thread.join(10)
    assert not thread.is_alive()
    status = victim.stat()
    assert (owner_and_mode(victim)[1], status.st_mtime, victim.read_bytes()) == (0o600, 5, b"only mine")
