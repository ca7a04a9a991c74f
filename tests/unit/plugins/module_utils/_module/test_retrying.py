# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Again after a lost connection, and only then."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._module.retrying import retry_at
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import MOST_UNCOUNTED, RetryPolicy
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import SOURCE, MemoryPool, MemoryServer

SOON = RetryPolicy(retries=2, base_seconds=0.001)


@pytest.mark.parametrize(("lost", "connections"), [(0, 1), (1, 2), (2, 3)])
def test_a_lost_connection_is_made_anew(lost: int, connections: int) -> None:
    server, tries = MemoryServer(), []

    def work(_files: FileSystem) -> str:
        tries.append(1)
        if len(tries) <= lost:
            raise LinkError("link_lost", "it broke")
        return "done"

    assert retry_at(MemoryPool(source=server), SOURCE, work, retries=SOON) == "done"
    assert server.connections == connections


@pytest.mark.parametrize(
    ("error", "tries"), [(LinkError("link_lost", "it broke"), 3), (RemoteError("not_found", "gone"), 1)]
)
def test_what_fails_in_the_end_says_where(error: BackhaulError, tries: int) -> None:
    seen = []

    def work(_files: FileSystem) -> None:
        seen.append(1)
        raise error

    with pytest.raises(BackhaulError) as caught:
        retry_at(MemoryPool(source=MemoryServer()), SOURCE, work, retries=SOON)
    assert (caught.value.role, caught.value.host, len(seen)) == ("source", "source", tries)
    assert caught.value.details == {}


def test_a_request_that_is_not_made_again_costs_no_retry() -> None:
    server, tries = MemoryServer(), []

    def work(_files: FileSystem) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise LinkError("link_lost", "it broke", details={"not_asked_again": "check-file-name"})
        return "done"

    assert retry_at(MemoryPool(source=server), SOURCE, work, retries=RetryPolicy(retries=0)) == "done"
    assert server.connections == 2


def test_there_is_an_end_to_what_costs_no_retry() -> None:
    tries = []

    def work(_files: FileSystem) -> str:
        tries.append(1)
        raise LinkError("link_lost", "it broke", details={"not_asked_again": "check-file-name"})

    with pytest.raises(LinkError):
        retry_at(MemoryPool(source=MemoryServer()), SOURCE, work, retries=RetryPolicy(retries=0))
    assert len(tries) == 1 + MOST_UNCOUNTED
