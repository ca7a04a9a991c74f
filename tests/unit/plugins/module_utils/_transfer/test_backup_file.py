# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next run recovers the backup of a run that was killed between two renames, and no file of another user."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Comparison, Step
from ansible_collections.backhaul.sftp.plugins.module_utils._names import is_temporary_for
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.backup_file import (
    backup_path,
    move_to_backup,
    recover_backup,
)
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer

FINAL = b"/out/db.tar"
BACKUP = backup_path(FINAL)
OTHERWISE = b"/out/.backhaul-0123456789abcdef-db.tar.part"


def step(action: str) -> Step:
    return Step(action=action, path=FINAL, comparison=Comparison(same=False, compared_by="nothing"), before=None)


def server(contents: dict[bytes, bytes], *, can_replace: bool = False) -> MemoryServer:
    made = MemoryServer(can_replace=can_replace)
    for path, content in contents.items():
        made.put(path, content)
    return made


def found(made: MemoryServer) -> dict[bytes, bytes | None]:
    return {path: made.content(path) for path in made.files}


def test_the_backup_has_a_temporary_name_that_every_run_finds() -> None:
    assert backup_path(FINAL) == BACKUP
    assert is_temporary_for(BACKUP.rpartition(b"/")[2], b"db.tar")
    assert len({BACKUP, backup_path(b"/in/db.tar"), backup_path(b"/out/db.tar2")}) == 3


@pytest.mark.parametrize(
    ("action", "there", "left", "again"),
    [
        ("create", {BACKUP: b"old"}, {FINAL: b"old"}, True),
        ("create", {}, {}, False),
        ("keep", {BACKUP: b"old", FINAL: b"new"}, {FINAL: b"new"}, False),
        ("adjust", {BACKUP: b"old", FINAL: b"new"}, {FINAL: b"new"}, False),
        ("keep", {FINAL: b"new"}, {FINAL: b"new"}, False),
        ("replace", {BACKUP: b"old", FINAL: b"x"}, {FINAL: b"x"}, False),
        ("skip", {BACKUP: b"old", FINAL: b"x"}, {FINAL: b"x"}, False),
        ("keep", {BACKUP: b"old"}, {BACKUP: b"old"}, False),
        ("replace", {BACKUP: b"old"}, {BACKUP: b"old"}, False),
    ],
)
def test_the_backup_of_a_killed_run_is_recovered(
    action: str, there: dict[bytes, bytes], left: dict[bytes, bytes], again: bool
) -> None:
    made = server(there)
    assert (
        recover_backup(MemoryFiles(made), step(action), backup_path=backup_path, is_own=lambda path, found: True)
        is again
    )
    assert found(made) == left


def test_a_server_that_replaces_in_one_step_is_not_asked() -> None:
    made = server({BACKUP: b"old"}, can_replace=True)
    assert (
        recover_backup(MemoryFiles(made), step("create"), backup_path=backup_path, is_own=lambda path, found: True)
        is False
    )
    assert found(made) == {BACKUP: b"old"}


def test_a_stale_backup_is_removed() -> None:
    made = server({BACKUP: b"older", FINAL: b"old"})
    assert move_to_backup(MemoryFiles(made), FINAL, BACKUP, uid=1, otherwise=OTHERWISE) == BACKUP
    assert found(made) == {BACKUP: b"old"}


@pytest.mark.parametrize("uid", [1, None])
def test_a_stale_backup_is_removed_where_the_server_sends_no_owner(uid: int | None) -> None:
    made = server({FINAL: b"old"})
    made.put(BACKUP, b"older", uid=None if uid else 7)
    assert move_to_backup(MemoryFiles(made), FINAL, BACKUP, uid=uid, otherwise=OTHERWISE) == BACKUP
    assert found(made) == {BACKUP: b"old"}


def test_another_users_file_is_left_alone_and_the_current_file_gets_another_name() -> None:
    made = server({FINAL: b"old"})
    made.put(BACKUP, b"planted", uid=7)
    assert move_to_backup(MemoryFiles(made), FINAL, BACKUP, uid=1, otherwise=OTHERWISE) == OTHERWISE
    assert found(made) == {BACKUP: b"planted", OTHERWISE: b"old"}


@pytest.mark.parametrize("action", ["create", "keep", "replace"])
def test_another_users_file_is_neither_restored_nor_removed(action: str) -> None:
    there = {BACKUP: b"planted", **({} if action == "create" else {FINAL: b"new"})}
    made = server(there)
    assert (
        recover_backup(MemoryFiles(made), step(action), backup_path=backup_path, is_own=lambda path, found: False)
        is False
    )
    assert found(made) == there


def test_the_backup_of_a_run_between_its_renames_is_not_removed() -> None:
    made = server({BACKUP: b"old"})
    with pytest.raises(RemoteError) as caught:
        move_to_backup(MemoryFiles(made), FINAL, BACKUP, uid=1, otherwise=OTHERWISE)
    assert caught.value.code == "not_found"
    assert found(made) == {BACKUP: b"old"}
