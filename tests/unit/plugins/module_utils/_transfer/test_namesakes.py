# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of one task whose names a destination may not distinguish."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.namesakes import Namesakes
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import DESTINATION, MemoryFiles, MemoryServer, another

ONE, OTHER = b"/out/Db", b"/out/dB"


def test_only_names_that_may_be_one_make_a_group() -> None:
    names = Namesakes([(DESTINATION, ONE), (DESTINATION, b"/out/x"), (DESTINATION, OTHER)])
    assert names.group(DESTINATION, ONE) is names.group(DESTINATION, b"/out//dB") is not None
    assert names.group(DESTINATION, b"/out/x") is None
    assert "2 copies" in names.warnings()[0]
    assert "/out/Db and /out/dB" in names.warnings()[0]


def test_other_servers_and_accounts_have_files_of_their_own() -> None:
    account = Endpoint(role="destination", host="destination", credentials=Credentials(user="other"))
    names = Namesakes([(DESTINATION, ONE), (another("x"), OTHER), (account, OTHER)])
    assert (names.groups, names.warnings()) == ([], [])


def test_the_same_server_under_two_names_is_one_and_so_are_all_local_ends() -> None:
    local = [Endpoint(role="destination", local=True, host=host) for host in ("0", "1")]
    assert Namesakes(zip(local, [ONE, OTHER])).group(local[1], OTHER) is not None


def test_a_file_that_the_server_lists_under_its_own_name_is_its_own() -> None:
    server = MemoryServer()
    group = Namesakes([(DESTINATION, ONE), (DESTINATION, OTHER)]).group(DESTINATION, ONE)
    assert group is not None
    group.require_own(MemoryFiles(server), ONE)
    assert server.calls == []  # nothing with a name like it was published
    group.finished_paths.add(ONE)
    for path in (ONE, OTHER):
        server.put(path, b"")
    group.require_own(MemoryFiles(server), OTHER)


@pytest.mark.parametrize("refused", [False, True], ids=["listed", "cannot be listed"])
def test_a_file_that_the_server_does_not_list_is_the_other_one(refused: bool) -> None:
    server = MemoryServer(wrong={"entries": "permission_denied"} if refused else {})
    server.put(ONE, b"")
    group = Namesakes([(DESTINATION, ONE), (DESTINATION, OTHER)]).group(DESTINATION, ONE)
    assert group is not None
    group.finished_paths.add(ONE)
    with pytest.raises(RemoteError) as caught:
        group.require_own(MemoryFiles(server), OTHER)
    assert (caught.value.code, caught.value.path, caught.value.details["published"]) == (
        "already_exists",
        OTHER,
        "/out/Db",
    )
