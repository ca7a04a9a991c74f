# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jumps from one server to another: each is verified by its own pin and logged in to with its own key."""

from __future__ import annotations

import socket
import time
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError, RemoteError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import listening
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.lab.processes import HOST
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop

from .meeting import refusal, report_of, within
from .sshd import sshd

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def servers(workshop: Workshop) -> t.Iterator[list[Server]]:
    """Two jump hosts and a server; each has another host key and accepts another client key."""
    names = ("outer", "inner", "target")
    with (
        sshd(workshop, keys=[workshop.key("ed25519", names[0])], client=workshop.key("ed25519", "to-outer")) as outer,
        sshd(workshop, keys=[workshop.key("ecdsa256", names[1])], client=workshop.key("ecdsa256", "to-inner")) as inner,
        sshd(workshop, keys=[workshop.key("ed25519", names[2])], client=workshop.key("ed25519", "to-target")) as target,
    ):
        yield [outer, inner, target]


def endpoint_of(server: Server, name: str, *jumps: Endpoint) -> Endpoint:
    """Return the endpoint of a server, with a name and jump hosts."""
    return replace(server.endpoint(), name=name, jump=jumps)


def connections_of(server: Server) -> int:
    """Return the number of connections in a server's log, including the lab's own probe."""
    return server.log.read_text().count("Connection from")


def open_sessions(server: Server) -> int:
    """Return the number of a server's open connections."""
    return len(server.session_pids())


def is_idle(server: Server) -> bool:
    """Wait for the end of all of a server's connections; return whether that happened in time."""
    deadline = time.monotonic() + 20
    while open_sessions(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not open_sessions(server)


def test_one_and_two_hops(servers: list[Server]) -> None:
    outer, inner, target = servers
    first, second = endpoint_of(outer, "outer"), endpoint_of(inner, "inner")
    for jumps in ((first,), (first, second)):
        report = report_of(endpoint_of(target, "target", *jumps))
        assert report.jumps == tuple(jump.label for jump in jumps)
        assert (report.port, report.trusted_by) == (target.port, "pin")
    # The target's log names only the last hop as its peer. The last hop's log names the target of the channel.
    assert f"connected to {HOST} port {target.port}" in inner.log.read_text()
    assert f"connected to {HOST} port {inner.port}" in outer.log.read_text()


def test_every_connection_ends_with_the_last(servers: list[Server]) -> None:
    outer, inner, target = servers
    endpoint = endpoint_of(target, "target", endpoint_of(outer, "outer"), endpoint_of(inner, "inner"))
    with connect(endpoint) as connection, connection.file_system() as files:
        files.canonical(b".")
        assert all(open_sessions(server) for server in servers)
    assert all(is_idle(server) for server in servers)


def test_a_file_arrives_whole_through_two_hops(servers: list[Server], tmp_path: t.Any) -> None:
    outer, inner, target = servers
    content = bytes(range(256)) * 20_000
    (tmp_path / "backup").write_bytes(content)
    endpoint = endpoint_of(target, "target", endpoint_of(outer, "outer"), endpoint_of(inner, "inner"))
    with (
        connect(endpoint) as connection,
        connection.file_system() as files,
        files.open_reader(str(tmp_path / "backup").encode()) as reader,
    ):
        assert b"".join(bytes(block) for block in reader.blocks()) == content


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_hop_with_the_wrong_key_is_named_and_no_server_behind_it_is_connected_to(
    servers: list[Server], workshop: Workshop, wrong: int
) -> None:
    outer, inner, target = servers
    hops = [endpoint_of(outer, "outer"), endpoint_of(inner, "inner")]
    pin = workshop.key("ed25519", "stranger").line
    hops[wrong] = replace(hops[wrong], trust=replace(hops[wrong].trust, host_keys=(pin,)))
    logins = servers[wrong].log.read_text().count("userauth-request")
    behind = [connections_of(server) for server in servers[wrong + 1 :]]
    error = refusal(endpoint_of(target, "target", *hops), TrustError, "host_key_mismatch")
    assert f"jump {hops[wrong].label}" in error.host and "target" in error.host
    assert [connections_of(server) for server in servers[wrong + 1 :]] == behind
    assert servers[wrong].log.read_text().count("userauth-request") == logins
    assert all(is_idle(server) for server in servers)


def test_a_target_with_the_wrong_key_is_refused_through_a_jump_too(servers: list[Server], workshop: Workshop) -> None:
    outer, _inner, target = servers
    endpoint = endpoint_of(target, "target", endpoint_of(outer, "outer"))
    pin = workshop.key("ed25519", "stranger").line
    logins = target.log.read_text().count("userauth-request")
    error = refusal(replace(endpoint, trust=replace(endpoint.trust, host_keys=(pin,))), TrustError, "host_key_mismatch")
    assert error.host == "target"
    assert target.log.read_text().count("userauth-request") == logins
    assert is_idle(outer)


def test_a_hop_that_refuses_the_login_is_named(servers: list[Server]) -> None:
    outer, inner, target = servers
    stranger = replace(endpoint_of(outer, "outer"), credentials=inner.endpoint().credentials)
    error = refusal(endpoint_of(target, "target", stranger), TrustError, "authentication_refused")
    assert "jump outer" in error.host


def test_a_hop_that_forbids_forwarding_is_an_error(workshop: Workshop, servers: list[Server]) -> None:
    target = servers[2]
    before = connections_of(target)
    with sshd(workshop, "AllowTcpForwarding no") as closed:
        error = refusal(endpoint_of(target, "target", endpoint_of(closed, "gateway")), RemoteError, "permission_denied")
    assert f"{HOST} port {target.port}" in error.message and "prohibit" in error.message
    assert connections_of(target) == before


def test_a_target_that_the_hop_cannot_reach_is_a_failed_connection(servers: list[Server]) -> None:
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    endpoint = replace(endpoint_of(servers[2], "target", endpoint_of(servers[0], "outer")), port=port)
    error = refusal(endpoint, LinkError, "connect_failed")
    assert str(port) in error.message


def test_a_target_that_is_silent_behind_a_hop_times_out(servers: list[Server]) -> None:
    outer, _inner, target = servers
    with listening(lambda connection: _ignore(connection.recv(1), connection.recv(4096), connection.recv(1))) as silent:
        endpoint = replace(endpoint_of(target, "target", endpoint_of(outer, "outer")), port=silent.port)
        error = refusal(within(endpoint, 1.0), LinkError, "timed_out")
    assert error.host == "target" and "exchanging keys" in error.message
    assert is_idle(outer)


def _ignore(*_values: object) -> None:
    """Discard the data."""


def test_a_hop_that_never_answers_for_the_target_times_out(servers: list[Server]) -> None:
    """The queue of the listener is full, so the hop's connect() hangs and the channel is never confirmed."""
    outer, _inner, target = servers
    with socket.create_server((HOST, 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _number in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((HOST, port))
        endpoint = replace(endpoint_of(target, "target", endpoint_of(outer, "outer")), port=port)
        error = refusal(within(endpoint, 1.0), LinkError, "timed_out")
        for filler in fillers:
            filler.close()
    assert "asking the jump host" in error.message
    assert is_idle(outer)
