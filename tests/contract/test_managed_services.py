# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays to managed services that offer SFTP in front of an object store: each habit alone, and all together."""

from __future__ import annotations

import itertools
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.actors import OBJECT_STORE_SERVER
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.places import BACKUP, COPY, OLD, RealPlace, Scene
from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, SharedLab

_numbers = itertools.count()
MTIME = 1_764_000_000
HABITS: dict[str, dict[str, t.Any]] = {
    "no setstat": {"no_setstat": True},
    "no extensions": {"no_extensions": True},
    "appears at close": {"appears_at_close": True},
    "one open file": {"one_open_file": True},
    "written in order only": {"in_order_only": True},
    "never reopened": {"never_reopened": True},
    "one session": {"most_sessions": 1},
}
HABITS["all of them"] = {name: value for habit in HABITS.values() for name, value in habit.items()}
# The habits with which a copy still gets the modification time that was set.
LOSING: dict[str, dict[str, t.Any]] = {
    "mtime at close": {"forgets_mtime": True},
    "mtime at close, no lsetstat": {"forgets_mtime": True, "no_extensions": True},
    "nothing through handles": {"no_fsetstat": True},
    "nothing through handles, no lsetstat": {"no_fsetstat": True, "no_extensions": True},
}
BIG = os.urandom(3 * 1024 * 1024 + 17)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the folders in which a service keeps files that are not closed yet, and to which it moves files."""
    return {name: str(tmp_path_factory.mktemp(name)) for name in ("spool", "away")}


def place(server: Server) -> RealPlace:
    return RealPlace(server, server.root / f"managed-{os.getpid()}-{next(_numbers)}")


@pytest.fixture(params=HABITS)
def managed(request: pytest.FixtureRequest, lab: SharedLab, folders: dict[str, str]) -> RealPlace:
    """Return an empty folder on a service with one of the habits."""
    return place(lab.asyncssh(sftp_class=OBJECT_STORE_SERVER, options={**HABITS[request.param], **folders}))


@pytest.fixture
def source(lab: SharedLab) -> RealPlace:
    """Return an empty folder on OpenSSH."""
    return place(lab.openssh(variant="internal"))


def test_a_service_gets_a_copy_and_the_next_run_finds_it_unchanged(source: RealPlace, managed: RealPlace) -> None:
    source.put(b"backup", BIG)
    created = task.relay(source.end(b"backup"), managed.end(b"copy"))
    assert not created.error, created
    assert (created.entry["state"], created.entry["verified_by"]) == ("created", "readback")
    assert managed.files() == {b"copy": BIG}
    again = task.relay(source.end(b"backup"), managed.end(b"copy"))
    assert (again.entry["state"], again.value["changed"]) == ("unchanged", False)


def test_a_service_has_its_old_copy_replaced(source: RealPlace, managed: RealPlace) -> None:
    scene = Scene(source, managed)
    assert set(scene.succeeds().entry["not_applied"]) <= {"fsync", "mode", "mtime"}


def test_attributes_that_a_service_does_not_set_are_reported(
    lab: SharedLab, source: RealPlace, folders: dict[str, str]
) -> None:
    options = {**HABITS["no setstat"], **HABITS["no extensions"], **folders}
    scene = Scene(source, place(lab.asyncssh(sftp_class=OBJECT_STORE_SERVER, options=options)))
    os.utime(source.local(BACKUP), (MTIME, MTIME))
    result = scene.succeeds()
    assert set(result.entry["not_applied"]) == {"fsync", "mode", "mtime"}


@pytest.mark.parametrize("options", LOSING.values(), ids=LOSING)
def test_a_time_that_does_not_stay_is_set_once_more(
    lab: SharedLab, source: RealPlace, folders: dict[str, str], options: dict[str, t.Any]
) -> None:
    """The second run used to report `changed`, since it set the attributes that closing the file had undone."""
    target = place(lab.asyncssh(sftp_class=OBJECT_STORE_SERVER, options={**options, **folders}))
    source.put(b"backup", BIG)
    os.utime(source.local(b"backup"), (MTIME, MTIME))
    created = task.relay(source.end(b"backup"), target.end(b"copy"), mode="0640")
    assert (created.error, set(created.entry["not_applied"]) - {"fsync"}) == ({}, set())
    status = os.stat(target.local(b"copy"))
    assert (status.st_mtime, status.st_mode & 0o7777) == (MTIME, 0o640)
    again = task.relay(source.end(b"backup"), target.end(b"copy"), mode="0640")
    assert (again.entry["state"], again.value["changed"]) == ("unchanged", False)


def test_where_others_could_swap_the_file_nothing_is_set_by_its_name(
    lab: SharedLab, source: RealPlace, folders: dict[str, str]
) -> None:
    """SETSTAT would follow a link that another user puts in the file's place: the result names what was not set."""
    options = LOSING["nothing through handles, no lsetstat"]
    target = place(lab.asyncssh(sftp_class=OBJECT_STORE_SERVER, options={**options, **folders}))
    target.folder.chmod(0o777)
    source.put(b"backup", BIG)
    os.utime(source.local(b"backup"), (MTIME, MTIME))
    created = task.relay(source.end(b"backup"), target.end(b"copy"))
    assert (created.error, "mtime" in created.entry["not_applied"]) == ({}, True)
    assert os.stat(target.local(b"copy")).st_mtime != MTIME


def test_a_transfer_that_was_cut_is_done_by_the_next_run(source: RealPlace, managed: RealPlace) -> None:
    source.put(b"backup", BIG)
    managed.put(b"copy", OLD)
    with Proxy(managed.server) as proxy:
        proxy.upstream.cut_at(2 * 1024 * 1024)
        behind = {"host": proxy.host, "port": proxy.port}
        cut = task.relay(source.end(b"backup"), managed.end(b"copy", **behind))
    assert (cut.code, cut.error["role"]) == ("link_lost", "destination")
    assert managed.files()[b"copy"] == OLD
    done = task.relay(source.end(b"backup"), managed.end(b"copy"))
    assert not done.error, done
    assert managed.files() == {b"copy": BIG}


def test_several_files_go_to_a_service(source: RealPlace, managed: RealPlace) -> None:
    files = {b"%d" % number: os.urandom(50_000) for number in range(12)}
    for name, content in files.items():
        source.put(name, content)
    result = task.relay(source.end(), managed.end(), streams=1)
    assert not result.error, result
    assert managed.files() == files


def test_several_files_are_uploaded_to_a_service(tmp_path: Path, managed: RealPlace) -> None:
    files = {b"%d" % number: os.urandom(5000) for number in range(12)}
    for name, content in files.items():
        (tmp_path / os.fsdecode(name)).write_bytes(content)
    result = task.put(f"{tmp_path}/", managed.end(), streams=1)
    assert not result.error, result
    assert managed.files() == files


@pytest.mark.parametrize("verify", ["auto", "acknowledged"])
def test_a_service_that_takes_files_away_once_they_are_closed(
    lab: SharedLab, source: RealPlace, folders: dict[str, str], verify: str
) -> None:
    server = lab.asyncssh(sftp_class=OBJECT_STORE_SERVER, options={"moved_at_close": True, **folders})
    scene = Scene(source, place(server))
    failed = scene.fails("publish_failed", role="destination", verify=verify)
    assert failed.error["path"] == scene.destination.end(COPY)["path"]
