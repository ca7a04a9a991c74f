# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay as a whole: what is shared by its destinations, and what it adds up."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import no_progress
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination, ProgressSink
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    SOURCE,
    MemoryFiles,
    MemoryPool,
    MemoryServer,
    another,
    runtime,
)

CONTENT = bytes(5000)
PATH = b"/in/db.tar"


class Sessions(MemoryPool):
    """Ends that note which sessions are used."""

    def __init__(self, **servers: MemoryServer) -> None:
        super().__init__(**servers)
        self.used: set[tuple[str, int]] = set()

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> MemoryFiles:
        self.used.add((endpoint.host, session_number))
        return super().file_system(endpoint, session_number)


def relay_to(*hosts: str) -> tuple[Relay, Sessions]:
    servers = {host: MemoryServer() for host in ("source", *hosts)}
    servers["source"].put(PATH, CONTENT)
    pool = Sessions(**servers)
    retries = RetryPolicy(retries=0)
    return Relay(pool, SOURCE, PATH, options=RelayOptions(), retries=retries, runtime=runtime()), pool


def test_one_destination_takes_one_session_of_each_end() -> None:
    relay, pool = relay_to("destination")
    relay.copy_to(Destination(DESTINATION, b"/out/a"), progress=no_progress)
    assert pool.used == {("source", 0), ("destination", 0)}


def test_destinations_on_one_server_take_a_session_each_and_share_the_read() -> None:
    relay, pool = relay_to("one", "two")
    results: dict[int, t.Any] = {}
    places = [
        Destination(another(host), path) for host, path in (("one", b"/out/a"), ("two", b"/out/a"), ("one", b"/out/b"))
    ]
    relay.copy_to_all(places, [ProgressSink()] * 3, results.__setitem__)
    assert [results[number][1].state for number in range(3)] == ["created"] * 3
    assert pool.used == {("source", 0), ("one", 0), ("one", 1), ("two", 0)}
    assert relay.bytes_read == len(CONTENT)


def test_a_source_that_is_not_there_is_said_once_for_all() -> None:
    relay, pool = relay_to("one")
    del pool.servers["source"].files[PATH]
    with pytest.raises(BackhaulError) as caught:
        relay.copy_to_all([Destination(another("one"), b"/out/a")], [ProgressSink()], lambda _number, _result: None)
    assert (caught.value.code, caught.value.role, caught.value.details["attempts"]) == ("not_found", "source", 1)


def test_whoever_follows_hears_of_every_byte() -> None:
    relay, _ends = relay_to("one", "two")
    heard = {"one": 0, "two": 0}

    def follow(destination: Destination) -> ProgressSink:
        host = destination.endpoint.host

        def count(byte_count: int) -> None:
            heard[host] += byte_count

        return ProgressSink(sent=count)

    places = [Destination(another(host), b"/out/a") for host in heard]
    relay.copy_to_all(places, [follow(place) for place in places], lambda _number, _result: None)
    assert heard == {"one": len(CONTENT), "two": len(CONTENT)}
