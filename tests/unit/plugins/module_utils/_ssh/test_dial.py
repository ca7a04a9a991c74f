# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a TCP connection to a host, within one deadline."""

from __future__ import annotations

import socket
import time
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.dial import dial
from ansible_collections.backhaul.sftp.tests.unit.fakes.listeners import HOST, listener, silent, unused_port


def refused(host: str, port: int, *, seconds: float = 5) -> LinkError:
    with pytest.raises(LinkError) as caught:
        dial(host, port, deadline=time.monotonic() + seconds, stall_seconds=60)
    return caught.value


def test_a_connection_is_made_and_tuned() -> None:
    with listener(silent) as port, dial(HOST, port, deadline=time.monotonic() + 5, stall_seconds=7) as raw:
        assert raw.getpeername() == (HOST, port)
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_refused_connection_names_address_and_reason() -> None:
    error = refused(HOST, unused_port())
    assert (error.code, error.retryable) == ("connect_failed", True)
    assert "127.0.0.1: Connection refused" in error.cause


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 64 + ".invalid", "a..b", "a\0b", "\ud800"])
def test_a_name_that_cannot_be_resolved_is_named_in_the_error(name: str) -> None:
    error = refused(name, 22)
    assert (error.code, "cannot be resolved" in error.cause) == ("connect_failed", True)


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The addresses that every name resolves to, in this order."""
    found: list[tuple[str, int]] = []

    def getaddrinfo(host: str, port: int, **_how: t.Any) -> list[tuple[t.Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return found


def test_the_next_address_is_tried_when_the_first_is_dead(addresses: list[tuple[str, int]]) -> None:
    with listener(silent) as port:
        addresses += [(HOST, unused_port()), (HOST, port)]
        with dial("twofold", 22, deadline=time.monotonic() + 5, stall_seconds=60) as raw:
            assert raw.getpeername() == (HOST, port)


def test_an_address_that_never_answers_leaves_time_for_the_next(addresses: list[tuple[str, int]]) -> None:
    with socket.socket() as full, listener(silent) as port:
        full.bind((HOST, 0))
        full.listen(0)
        clogged = full.getsockname()
        waiting = [socket.socket() for _each in range(4)]
        try:
            # Fill the queue of a server that never accepts, so that the next connection gets no answer.
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(clogged)
            addresses += [clogged, (HOST, port)]
            with dial("twofold", 22, deadline=time.monotonic() + 2, stall_seconds=60) as raw:
                assert raw.getpeername() == (HOST, port)
            addresses[:] = [clogged]
            assert refused("clogged", 22, seconds=0.3).code == "timed_out"
        finally:
            for each in waiting:
                each.close()


def test_when_all_addresses_fail_each_reason_is_named(addresses: list[tuple[str, int]]) -> None:
    addresses += [("127.0.0.1", unused_port()), ("127.0.0.2", unused_port())]
    error = refused("twofold", 22)
    assert "127.0.0.1: " in error.cause
    assert "127.0.0.2: " in error.cause


def test_a_resolver_that_does_not_answer_is_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_what, **_how: time.sleep(3))
    error = refused("slow", 22, seconds=0.1)
    assert (error.code, "looked up in time" in error.cause) == ("timed_out", True)
