# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not asked twice, and what is asked all the same."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Digest, Endpoint, Space
from ansible_collections.backhaul.sftp.plugins.module_utils._module.session_view import KnownFacts, KnownPool

END = Endpoint(role="destination", host="h")
SMALL, LARGE = 100, 10_000_000
GIB = 1024**3


class Server:
    """Counts what it is asked."""

    def __init__(self, methods: tuple[str, ...] = ("command",), free_bytes: int = 100 * GIB) -> None:
        self.methods = methods
        self.free_bytes = free_bytes
        self.asked: list[str] = []

    def digest_methods(self) -> tuple[str, ...]:
        return self.methods

    def digest(
        self,
        path: bytes,
        *,
        algorithm: str,
        length: int | None = None,
        waiting: t.Callable[[], None] | None = None,
    ) -> Digest | None:
        self.asked.append("digest")
        return Digest(algorithm, "00", self.methods[0])

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        self.asked.append("attributes")
        return Attributes(size=1)

    def space(self, path: bytes) -> Space | None:
        self.asked.append("space")
        return Space(self.free_bytes, self.free_bytes)

    def canonical(self, path: bytes) -> bytes:
        return b"/" + path


class Ends:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.forgotten: list[int] = []

    def file_system(self, endpoint: Endpoint, lane: int = 0) -> t.Any:
        return self.server

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None:
        self.forgotten.append(lane)

    def job_key(self, *endpoints: Endpoint) -> bytes:
        return b"key of " + endpoints[0].host.encode()


def _files(server: Server, *, size: int | None = SMALL, end: Endpoint = END, may_read: bool = True) -> t.Any:
    pool = KnownPool(Ends(server), KnownFacts(), may_read=may_read)
    pool.size_bytes = size
    return pool.file_system(end)


def test_a_small_file_is_read_and_no_command_is_started_for_it() -> None:
    server = Server()
    assert _files(server).digest(b"/x", algorithm="sha256") is None
    assert server.asked == []


@pytest.mark.parametrize(
    ("server", "how"),
    [
        (Server(("check-file", "command")), {}),
        (Server(), {"size": LARGE}),
        (Server(), {"size": None}),
        (Server(), {"may_read": False}),
        (Server(), {"end": Endpoint(role="destination", host="h", remote_checksum="command")}),
    ],
)
def test_a_server_hashes_where_that_is_cheap_or_asked_for(server: Server, how: t.Any) -> None:
    assert _files(server, **how).digest(b"/x", algorithm="sha256") is not None


def test_a_directory_that_is_known_is_not_looked_at_again_but_links_are() -> None:
    server, facts = Server(), KnownFacts()
    facts.directories.add((END, b"/d"))
    pool = KnownPool(Ends(server), facts, may_read=True)
    pool.size_bytes = SMALL
    files = pool.file_system(END)
    assert files.attributes(b"/d", follow=True).kind == "directory"
    assert server.asked == []
    assert files.attributes(b"/d", follow=False).size == 1
    assert files.attributes(b"/e", follow=True).size == 1


@pytest.mark.parametrize(("free_bytes", "times"), [(100 * GIB, 1), (GIB // 2, 3)])
def test_the_room_is_asked_for_again_only_where_there_is_little(free_bytes: int, times: int) -> None:
    server = Server(free_bytes=free_bytes)
    files = _files(server)
    for _file in range(3):
        assert files.space(b"/d").free_bytes == free_bytes
    assert len(server.asked) == times


def test_everything_else_is_the_servers() -> None:
    pool = Ends(Server())
    familiar = KnownPool(pool, KnownFacts(), may_read=True)
    familiar.size_bytes = SMALL
    assert familiar.file_system(END).canonical(b"x") == b"/x"
    familiar.forget(END, 3)
    assert pool.forgotten == [3]
