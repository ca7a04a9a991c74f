# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the lab: every server is stopped, and the proxy's faults happen as set."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Proxy, SharedLab, UnavailableError, start_asyncssh
from ansible_collections.backhaul.sftp.tests.lab.guardian import descendants
from ansible_collections.backhaul.sftp.tests.lab.processes import Guarded

pytestmark = pytest.mark.integration
_PATIENCE_SECONDS = 20.0
_OWNER = """
import sys, time
from ansible_collections.backhaul.sftp.tests.lab import start_asyncssh
with start_asyncssh() as server:
    print(server.pid, server.folder, flush=True)
    time.sleep(600)
"""


def _eventually(condition: t.Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    except FileNotFoundError:
        return False


def test_a_server_ends_and_its_folder_goes_when_its_owner_is_killed() -> None:
    pytest.importorskip("asyncssh")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    owner = subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, env=environment)
    assert owner.stdout is not None
    with owner.stdout as output:
        number, folder = output.readline().decode().split()
    pid = int(number)
    assert _is_running(pid)
    assert os.path.isdir(folder)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert _eventually(lambda: not _is_running(pid) and not os.path.exists(folder))


def test_a_server_ends_with_all_that_it_started(tmp_path: t.Any) -> None:
    server = Guarded(["/bin/sh", "-c", "(trap '' TERM HUP; setsid sleep 600) & sleep 600"], tmp_path / "log")
    assert _eventually(lambda: len(descendants(server.pid)) >= 2)
    pids = [server.pid, *descendants(server.pid)]
    server.stop()
    assert not any(map(_is_running, pids))


def test_a_server_can_be_stopped_and_started_on_its_port(lab: SharedLab) -> None:
    pytest.importorskip("asyncssh")
    with start_asyncssh() as server:
        port = server.port
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, port)).close()
        server.start()
        assert server.port == port
        socket.create_connection((server.host, port)).close()
        folder = server.folder
    assert not folder.exists()


def test_several_servers_have_ports_and_keys_of_their_own(lab: SharedLab) -> None:
    servers = [lab.openssh(), lab.openssh(variant="internal"), lab.proftpd(), lab.asyncssh()]
    assert len({server.port for server in servers}) == 4
    assert len({key for server in servers for key in server.host_keys}) == 12


def test_paths_outside_of_the_root_have_no_remote_path(lab: SharedLab) -> None:
    server = lab.asyncssh(chroot=True)
    assert server.remote_path(server.root / "a" / "b") == "/a/b"
    assert server.remote_bytes(server.root) == b"/"
    with pytest.raises(ValueError, match="not below"):
        server.remote_path(server.root.parent)


def test_what_cannot_run_says_why() -> None:
    with pytest.raises(UnavailableError, match="account"):
        from ansible_collections.backhaul.sftp.tests.lab import start_openssh

        with start_openssh(account="no-such-account-here"):
            pass


class _Echo:
    """A server that echoes."""

    def __enter__(self) -> _Echo:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return


@pytest.fixture
def proxy() -> t.Iterator[Proxy]:
    """A proxy before an echo server."""
    with _Echo() as echo, Proxy(echo) as made:
        yield made


def _ask(proxy: Proxy, content: bytes, *, timeout_seconds: float = _PATIENCE_SECONDS) -> bytes:
    with socket.create_connection((proxy.host, proxy.port)) as client:
        client.settimeout(timeout_seconds)
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer


def test_a_proxy_passes_and_counts(proxy: Proxy) -> None:
    content = os.urandom(100_000)
    assert _ask(proxy, content) == content
    assert (proxy.connections, proxy.upstream.passed_bytes, proxy.downstream.passed_bytes) == (1, 100_000, 100_000)
    assert _eventually(lambda: proxy.open_connections == 0)


def test_a_proxy_flips_one_bit_of_one_connection(proxy: Proxy) -> None:
    content = os.urandom(100_000)
    proxy.downstream.flip_at(70_000)
    flipped = content[:70_000] + bytes([content[70_000] ^ 1]) + content[70_001:]
    assert _ask(proxy, content) == flipped
    assert _ask(proxy, content) == content


def test_a_proxy_cuts_so_many_connections_at_a_byte(proxy: Proxy) -> None:
    proxy.upstream.cut_at(50_000, times=2)
    for _attempt in range(2):
        with pytest.raises(OSError) as caught:  # either call may be the first that sees the reset
            _ask(proxy, bytes(2_000_000))
        assert caught.value.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
    assert _ask(proxy, bytes(100_000)) == bytes(100_000)


def test_a_proxy_stalls_and_resumes(proxy: Proxy) -> None:
    content = os.urandom(100_000)
    proxy.downstream.stall_at(10_000)
    with pytest.raises(socket.timeout):
        _ask(proxy, content, timeout_seconds=0.3)
    assert proxy.downstream.passed_bytes == 10_000
    proxy.downstream.resume()
    assert _ask(proxy, content) == content


def test_a_proxy_delays_and_throttles_without_loss(proxy: Proxy) -> None:
    content = os.urandom(100_000)
    proxy.upstream.delay(0.05)
    proxy.downstream.throttle(1_000_000)
    assert _ask(proxy, content) == content


def test_a_proxy_loses_the_server_without_a_word(proxy: Proxy) -> None:
    with socket.create_connection((proxy.host, proxy.port)) as client:
        client.settimeout(_PATIENCE_SECONDS)
        client.sendall(b"before")
        assert client.recv(6) == b"before"
        proxy.half_open()
        client.settimeout(0.3)
        client.sendall(b"after")
        with pytest.raises(socket.timeout):
            client.recv(1)
    assert _ask(proxy, b"anew") == b"anew"


def test_a_proxy_lets_a_byte_a_second_drip_in(proxy: Proxy) -> None:
    proxy.downstream.drip_at(10_000)
    with pytest.raises(socket.timeout), socket.create_connection((proxy.host, proxy.port)) as client:
        client.sendall(bytes(100_000))
        client.settimeout(0.5)
        while client.recv(65536):
            pass
    assert 10_000 <= proxy.downstream.passed_bytes < 10_010
    proxy.downstream.throttle(0)
    assert _ask(proxy, b"anew") == b"anew"


def test_a_proxy_does_what_it_is_told_at_a_byte(proxy: Proxy) -> None:
    seen: list[int] = []
    proxy.downstream.do_at(70_000, lambda: seen.append(proxy.downstream.passed_bytes), times=2)
    for _attempt in range(3):
        assert _ask(proxy, bytes(100_000)) == bytes(100_000)
    assert seen == [70_000, 170_000]


def test_a_proxy_refuses(proxy: Proxy) -> None:
    proxy.refusing = True
    with socket.create_connection((proxy.host, proxy.port)) as client:
        client.settimeout(_PATIENCE_SECONDS)
        assert client.recv(1) == b""
