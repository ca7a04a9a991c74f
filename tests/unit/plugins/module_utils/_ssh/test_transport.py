# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust at every key exchange, and a socket with a send timeout."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
import typing as t

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.channels import open_sftp
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.errors import translated
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.transport import GuardedSocket, VerifiedTransport
from ansible_collections.backhaul.sftp.tests.unit.fakes.ssh_server import (
    DONE,
    FakeSshServer,
    Login,
    fake_ssh_server,
    new_key,
)


class Open(Login):
    """Accepts every login."""

    def check_auth_none(self, username: str) -> int:
        return DONE

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        return True


def start_rekey(server: FakeSshServer, key: paramiko.PKey) -> None:
    """Make the server start a new key exchange with ``key``."""
    (transport,) = server.transports
    # The client completes the first exchange before the server does. A new exchange before that would be out of order.
    wait_for(lambda: transport.initial_kex_done and not transport.in_kex)
    transport.server_key_dict[key.get_name()] = key

    def rekey() -> None:
        with contextlib.suppress(paramiko.SSHException, EOFError):
            transport.renegotiate_keys()

    threading.Thread(target=rekey, daemon=True).start()


def wait_for(condition: t.Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_the_key_is_checked_again_at_every_rekey() -> None:
    checked: list[bytes] = []
    with fake_ssh_server(Open()) as server, socket.create_connection(("127.0.0.1", server.port)) as raw:
        transport = VerifiedTransport(
            GuardedSocket(raw, stall_seconds=5), check_host_key=checked.append, suite="default", known_algorithms=()
        )
        transport.start_client()
        assert checked == [server.host_key.asbytes()] == [transport.accepted_host_key]
        start_rekey(server, server.host_key)
        wait_for(lambda: len(checked) == 2)
        assert transport.is_active()
        transport.close()


@pytest.mark.parametrize("use", ["receive", "send"])
def test_another_key_at_a_rekey_ends_the_connection_with_a_trust_error(use: str) -> None:
    with fake_ssh_server(Open()) as server, connect(server.endpoint()) as connection:
        duplex = open_sftp(connection.transport, command="", seconds=5, window_bytes=1 << 20)
        start_rekey(server, new_key())
        wait_for(lambda: not connection.transport.is_active())
        with pytest.raises(TrustError) as caught:
            if use == "receive":
                duplex.receive(timeout_seconds=5)
            else:
                duplex.send(b"x" * 100, timeout_seconds=5)
    assert (caught.value.code, caught.value.retryable) == ("host_key_mismatch", False)


def test_a_refusal_by_the_host_key_check_is_raised_unchanged() -> None:
    error = TrustError("host_key_revoked", "revoked")

    def check_host_key(_blob: bytes) -> None:
        raise error

    with fake_ssh_server() as server, socket.create_connection(("127.0.0.1", server.port)) as raw:
        transport = VerifiedTransport(
            GuardedSocket(raw, stall_seconds=5), check_host_key=check_host_key, suite="default", known_algorithms=()
        )
        with pytest.raises(BackhaulError) as caught, translated("trying"):
            transport.start_client()
        transport.close()
    assert caught.value is error


def socket_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = socket.create_connection(server.getsockname())
        return sock, server.accept()[0]


def test_a_peer_that_takes_no_data_ends_the_connection_after_the_stall_timeout() -> None:
    sock, peer = socket_pair()
    with sock, peer:
        guarded = GuardedSocket(sock, stall_seconds=0.1)
        guarded.settimeout(0.02)
        with pytest.raises(OSError, match="takes no data"):
            _send_endlessly(guarded)
        assert guarded.stalled


def _send_endlessly(guarded: GuardedSocket) -> None:
    while True:
        try:
            guarded.send(b"x" * 65536)
        except socket.timeout:
            continue


def test_a_peer_that_takes_a_little_data_now_and_then_keeps_the_connection() -> None:
    sock, peer = socket_pair()
    with sock, peer:
        guarded = GuardedSocket(sock, stall_seconds=0.3)
        guarded.settimeout(0.02)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            try:
                guarded.send(b"x" * 65536)
            except socket.timeout:
                peer.recv(65536)
        assert not guarded.stalled


def test_a_forked_process_neither_sends_nor_ends_the_connection() -> None:
    sock, peer = socket_pair()
    with sock, peer:
        guarded = GuardedSocket(sock, stall_seconds=5)
        child = os.fork()
        if not child:
            try:
                guarded.send(b"from the child")
            except OSError as exc:
                guarded.close()
                os._exit(0 if exc.errno == errno.EBADF else 1)
            os._exit(2)
        assert os.waitpid(child, 0) == (child, 0)
        assert guarded.send(b"from us") == 7
        peer.settimeout(5)
        assert peer.recv(100) == b"from us"


def test_closing_wakes_a_blocked_receive_and_never_raises() -> None:
    sock, peer = socket_pair()
    guarded = GuardedSocket(sock, stall_seconds=5)
    woken = threading.Event()

    def receive() -> None:
        with contextlib.suppress(OSError):  # close() may come first
            assert guarded.recv(1) == b""
        woken.set()

    thread = threading.Thread(target=receive)
    thread.start()
    guarded.close()
    guarded.close()
    assert woken.wait(5)
    thread.join()
    peer.close()
