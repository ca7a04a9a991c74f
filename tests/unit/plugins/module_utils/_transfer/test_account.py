# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file at a destination is the account's own if it has the owner of a file that was just created there."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.account import Account
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.partial_file import Orphan
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    REFUSED,
    UNANSWERED,
    UNHEARD,
    MemoryFiles,
    MemoryServer,
    runtime,
)

FINAL = b"/out/db.tar"
FILE = 0o100600


def account(key: bytes = b"") -> Account:
    return Account(key=lambda: key, token=runtime().token)


def owns(server: MemoryServer, uid: int | None, *, key: bytes = b"", mode: int = FILE) -> bool:
    return account(key).owns(MemoryFiles(server), FINAL, Attributes(size=1, mode=mode, uid=uid), [])


@pytest.mark.parametrize(("uid", "expected"), [(1, True), (2, False), (0, False), (None, False)])
def test_a_file_with_the_owner_of_a_new_file_is_the_accounts_own(uid: int | None, expected: bool) -> None:
    server = MemoryServer()
    assert owns(server, uid) is expected
    assert server.files == {}


@pytest.mark.parametrize("mode", [0o120600, 0o040600, 0o010600, 0o600])
def test_a_file_that_is_not_regular_is_never_the_accounts_own(mode: int) -> None:
    assert owns(MemoryServer(), 1, mode=mode) is False


@pytest.mark.parametrize(("key", "expected"), [(b"secret", True), (b"", False)])
@pytest.mark.parametrize(("own_uid", "found_uid"), [(None, 1), (1, None), (None, None)])
def test_without_an_owner_only_a_name_that_needs_the_credential_is_proof(
    own_uid: int | None, found_uid: int | None, key: bytes, expected: bool
) -> None:
    assert owns(MemoryServer(uid=own_uid), found_uid, key=key) is expected


@pytest.mark.parametrize("code", ["not_found", "unsupported"])
def test_a_server_without_fstat_of_an_open_file_sends_no_owner(code: str) -> None:
    server = MemoryServer(wrong={"handle.attributes": code})
    assert account().uid(MemoryFiles(server), FINAL, []) is None
    assert server.files == {}


def test_the_owner_is_asked_for_once() -> None:
    server, one = MemoryServer(), account()
    assert [one.uid(MemoryFiles(server), FINAL, []) for _time in range(3)] == [1, 1, 1]
    assert [name for name, _path in server.calls].count("create") == 1


def test_the_empty_file_of_a_killed_run_is_removed_by_the_next() -> None:
    server = MemoryServer()
    stages: list[bytes] = []
    server.on_call = lambda name, path: stages.append(path) if name == "create" else None
    account().uid(MemoryFiles(server), FINAL, [])
    server.put(stages[0], b"")
    assert account().uid(MemoryFiles(server), FINAL, []) == 1
    assert server.files == {}
    for content, uid in ((b"", 2), (b"something", 1)):
        server.put(stages[0], content, uid=uid)
        assert account().uid(MemoryFiles(server), FINAL, []) == 1
        assert list(server.files) == [stages[0]]


@pytest.mark.parametrize("failure", [REFUSED, UNHEARD, UNANSWERED])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_after_any_failure_every_file_that_remains_is_listed(number: int, failure: str) -> None:
    server = MemoryServer()
    left: list[Orphan] = []
    server.fault(number, failure)
    with pytest.raises(BackhaulError):
        account().uid(MemoryFiles(server), FINAL, left)
        raise RemoteError("remote_failure", "what could not be removed is left behind, and no failure")
    assert set(server.files) <= {orphan.path for orphan in left}


def test_a_key_changes_every_name() -> None:
    names = {account(key).job_token(b"identity") for key in (b"", b"one", b"two")}
    backups = {account(key).backup_path(FINAL) for key in (b"", b"one", b"two")}
    assert (len(names), len(backups)) == (3, 3)
    assert account(b"one").job_token(b"identity") in names


def test_a_file_that_was_left_alone_is_named_once() -> None:
    one = account()
    for _time in range(2):
        one.leave_alone(b"/out/.backhaul-x\x1b[2J", Attributes(mode=0o104777, uid=7))
    (warning,) = one.warnings
    assert "uid 7" in warning
    assert "4777" in warning
    assert "\x1b" not in warning
