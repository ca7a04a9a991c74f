# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that was killed between two renames has left is found by the next, and nothing of anybody else's."""

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
ASIDE = backup_path(FINAL)
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


def test_it_has_a_name_of_ours_that_every_run_finds() -> None:
    assert backup_path(FINAL) == ASIDE
    assert is_temporary_for(ASIDE.rpartition(b"/")[2], b"db.tar")
    assert len({ASIDE, backup_path(b"/in/db.tar"), backup_path(b"/out/db.tar2")}) == 3


@pytest.mark.parametrize(
    ("action", "there", "left", "again"),
    [
        ("create", {ASIDE: b"old"}, {FINAL: b"old"}, True),
        ("create", {}, {}, False),
        ("keep", {ASIDE: b"old", FINAL: b"new"}, {FINAL: b"new"}, False),
        ("adjust", {ASIDE: b"old", FINAL: b"new"}, {FINAL: b"new"}, False),
        ("keep", {FINAL: b"new"}, {FINAL: b"new"}, False),
        ("replace", {ASIDE: b"old", FINAL: b"x"}, {FINAL: b"x"}, False),
        ("skip", {ASIDE: b"old", FINAL: b"x"}, {FINAL: b"x"}, False),
        ("keep", {ASIDE: b"old"}, {ASIDE: b"old"}, False),
        ("replace", {ASIDE: b"old"}, {ASIDE: b"old"}, False),
    ],
)
def test_a_killed_run_is_settled(action: str, there: dict[bytes, bytes], left: dict[bytes, bytes], again: bool) -> None:
    made = server(there)
    assert (
        recover_backup(MemoryFiles(made), step(action), backup_path=backup_path, is_own=lambda path, found: True)
        is again
    )
    assert found(made) == left


def test_a_server_that_replaces_in_one_step_is_not_asked() -> None:
    made = server({ASIDE: b"old"}, can_replace=True)
    assert (
        recover_backup(MemoryFiles(made), step("create"), backup_path=backup_path, is_own=lambda path, found: True)
        is False
    )
    assert found(made) == {ASIDE: b"old"}


def test_what_an_earlier_run_left_makes_room() -> None:
    made = server({ASIDE: b"older", FINAL: b"old"})
    assert move_to_backup(MemoryFiles(made), FINAL, ASIDE, uid=1, otherwise=OTHERWISE) == ASIDE
    assert found(made) == {ASIDE: b"old"}


@pytest.mark.parametrize("uid", [1, None])
def test_what_an_earlier_run_left_makes_room_where_no_owner_is_told(uid: int | None) -> None:
    made = server({FINAL: b"old"})
    made.put(ASIDE, b"older", uid=None if uid else 7)
    assert move_to_backup(MemoryFiles(made), FINAL, ASIDE, uid=uid, otherwise=OTHERWISE) == ASIDE
    assert found(made) == {ASIDE: b"old"}


def test_what_another_user_has_put_there_is_left_alone_and_the_old_file_goes_elsewhere() -> None:
    made = server({FINAL: b"old"})
    made.put(ASIDE, b"planted", uid=7)
    assert move_to_backup(MemoryFiles(made), FINAL, ASIDE, uid=1, otherwise=OTHERWISE) == OTHERWISE
    assert found(made) == {ASIDE: b"planted", OTHERWISE: b"old"}


@pytest.mark.parametrize("action", ["create", "keep", "replace"])
def test_what_is_not_ours_is_neither_brought_back_nor_removed(action: str) -> None:
    there = {ASIDE: b"planted", **({} if action == "create" else {FINAL: b"new"})}
    made = server(there)
    assert (
        recover_backup(MemoryFiles(made), step(action), backup_path=backup_path, is_own=lambda path, found: False)
        is False
    )
    assert found(made) == there


def test_what_another_run_has_moved_aside_is_not_taken_from_it() -> None:
    made = server({ASIDE: b"old"})
    with pytest.raises(RemoteError) as caught:
        move_to_backup(MemoryFiles(made), FINAL, ASIDE, uid=1, otherwise=OTHERWISE)
    assert caught.value.code == "not_found"
    assert found(made) == {ASIDE: b"old"}
