# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that do not reply, refuse, change their key or send unexpected messages: each has its error code."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import typing as t
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.transport import VerifiedTransport
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import (
    VERSION,
    Account,
    Flooding,
    Impostor,
    Listener,
    listening,
    paramiko_server,
    read_version,
    send_repeatedly,
)
from ansible_collections.backhaul.sftp.tests.faults.journey import LONGEST_SECONDS, Journey
from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, start_openssh
from ansible_collections.backhaul.sftp.tests.relay.conftest import Placed
from ansible_collections.backhaul.sftp.tests.relay.scene import MIB, Place, run
from ansible_collections.backhaul.sftp.tests.trust.material import Key, Workshop

pytestmark = pytest.mark.integration
HURRIED = Timeouts(connect_seconds=2, operation_seconds=2, stall_seconds=2)


@pytest.fixture
def key(workshop: Workshop) -> Key:
    """The host key of the servers in this file."""
    return workshop.key("ed25519", "host")


@dataclass
class Elsewhere:
    """A destination on a server that is not of the lab."""

    endpoint: Endpoint
    path: bytes = b"/copy"

    def destination(self) -> Destination:
        """Return the destination."""
        return Destination(self.endpoint, self.path)


def refusal(source: Place, endpoint: Endpoint) -> BackhaulError:
    """Relay to an endpoint and return the error."""
    (source.folder / "backup").write_bytes(b"content")
    elsewhere: t.Any = Elsewhere(replace(endpoint, role="destination"))
    started = time.monotonic()
    (error,) = run(source, elsewhere).results
    assert time.monotonic() - started < LONGEST_SECONDS
    assert isinstance(error, BackhaulError) and error.role == "destination"
    return error


def wait_long() -> None:
    """Wait longer than any client may."""
    threading.Event().wait(LONGEST_SECONDS)


class _NoLoginReply(Account):
    """Never replies to a login."""

    def check_auth_none(self, username: str) -> int:
        wait_long()
        return t.cast(int, paramiko.AUTH_FAILED)


class _NoSubsystem(Account):
    """Never starts the subsystem."""

    def check_channel_subsystem_request(self, channel: t.Any, name: str) -> bool:
        wait_long()
        return False


class _NoSftpReply(Account):
    """Starts a subsystem that never replies."""

    def check_channel_subsystem_request(self, channel: t.Any, name: str) -> bool:
        return True


def say_nothing(connection: socket.socket) -> None:
    wait_long()


def greet_without_end(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"one moment please\r\n")
        time.sleep(0.1)


def greet_only(connection: socket.socket) -> None:
    connection.sendall(VERSION)
    read_version(connection)
    wait_long()


def server_with(account: type[Account]) -> t.Callable[[Key], t.ContextManager[Listener]]:
    return lambda key: paramiko_server(key, account=account)


def script(of: t.Callable[[socket.socket], None]) -> t.Callable[[Key], t.ContextManager[Listener]]:
    return lambda _key: listening(of)


SILENCES = {
    "no banner": (script(say_nothing), "exchanging keys"),
    "no end of the banner": (script(greet_without_end), "exchanging keys"),
    "no key exchange": (script(greet_only), "exchanging keys"),
    "no answer to the login": (server_with(_NoLoginReply), "logging in"),
    "no answer to the subsystem": (server_with(_NoSubsystem), "starting the SFTP server"),
    "no greeting of the subsystem": (server_with(_NoSftpReply), "answer the SFTP greeting"),
}


@pytest.mark.fault("transport.silent")
@pytest.mark.parametrize("silence", SILENCES)
def test_a_server_that_keeps_us_waiting_is_given_up_and_the_phase_is_named(
    source: Place, key: Key, silence: str
) -> None:
    start, phase = SILENCES[silence]
    with start(key) as server:
        error = refusal(source, server.endpoint(key, timeouts=HURRIED))
    assert error.code == "timed_out", error.message
    assert phase in error.message


@pytest.mark.fault("transport.damage")
def test_a_packet_larger_than_any_ends_the_connection(source: Place, key: Key) -> None:
    def announce(transport: t.Any) -> None:
        transport.sock.sendall(b"\x7f\xff\xff\xf8")
        send_repeatedly(transport.sock.sendall, bytes(MIB), most_bytes=16 * MIB)

    with paramiko_server(key, talk=announce) as server:
        error = refusal(source, server.endpoint(key))
    assert "announced a packet" in error.message


@pytest.mark.fault("transport.damage")
def test_more_than_the_window_allows_ends_the_connection(placed: Placed, destination: Place, key: Key) -> None:
    destination.proxy.upstream.throttle(4 * MIB)  # the flood starts half a second after the session was opened
    folder = destination.folder / "files"
    folder.mkdir()
    (folder / "backup").write_bytes(os.urandom(8 * MIB))
    with paramiko_server(key, account=Flooding) as server:
        origin: t.Any = _Source(server.endpoint(key), folder)
        (error,) = run(origin, destination).results
    assert isinstance(error, BackhaulError) and error.role == "source"
    assert error.code in ("link_lost", "protocol_violation")
    assert destination.content() is None
    assert all(
        (folder / "backup").read_bytes().startswith(partial.read_bytes()) for partial in destination.partial_files()
    )


@dataclass
class _Source:
    """A source that is not of the lab, with the attributes that :func:`run` uses."""

    _endpoint: Endpoint
    folder: Path

    timeouts = HURRIED

    @property
    def proxy(self) -> _Source:
        return self

    @property
    def server(self) -> _Source:
        return self

    def endpoint(self, role: str) -> Endpoint:
        return replace(self._endpoint, role=role)

    def remote_bytes(self, path: Path) -> bytes:
        return os.fsencode(path)


@pytest.mark.fault("transport.rekey")
@pytest.mark.parametrize("asking", ["server", "us"])
def test_new_keys_in_the_middle_change_no_byte(placed: Placed, asking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    renewals: list[str] = []
    verify = VerifiedTransport._verify_key

    def counted(transport: t.Any, *arguments: t.Any) -> None:
        renewals.append(transport.name)
        verify(transport, *arguments)

    monkeypatch.setattr(VerifiedTransport, "_verify_key", counted)
    if asking == "us":
        monkeypatch.setattr(paramiko.packet.Packetizer, "REKEY_BYTES", MIB)
    extra = ["RekeyLimit 1M"] if asking == "server" else []
    with start_openssh(extra=extra) as one, start_openssh(variant="internal", extra=extra) as other:
        Journey(placed(one), placed(other)).arrives()
    assert len(renewals) > 2 + 6, "keys were renewed too rarely for this test to say anything"


@pytest.mark.fault("transport.other_key")
def test_another_key_when_keys_are_renewed_is_refused(destination: Place, workshop: Workshop, key: Key) -> None:
    Impostor.impostor_key = workshop.key("ed25519", "stranger")
    folder = destination.folder / "files"
    folder.mkdir()
    (folder / "backup").write_bytes(os.urandom(8 * MIB))
    with paramiko_server(key, transport_class=Impostor) as server:
        origin: t.Any = _Source(server.endpoint(key), folder)
        (error,) = run(origin, destination, retries=2).results
    assert isinstance(error, BackhaulError)
    assert (error.code, error.role, error.details["attempts"]) == ("host_key_mismatch", "source", 1)
    assert destination.content() is None


@contextlib.contextmanager
def crowded(server: Server) -> t.Iterator[contextlib.ExitStack]:
    """Occupy the server's only slot for unauthenticated connections."""
    with contextlib.ExitStack() as visitors:
        visitor = visitors.enter_context(socket.create_connection((server.host, server.port)))
        assert visitor.recv(4) == b"SSH-"
        yield visitors


@pytest.fixture(scope="module")
def narrow() -> t.Iterator[Server]:
    """A server with MaxStartups 1 and MaxSessions 1."""
    with start_openssh(variant="internal", extra=["MaxStartups 1:100:1", "MaxSessions 1"]) as server:
        yield server


@pytest.mark.fault("transport.busy")
def test_a_server_that_takes_no_more_is_asked_again_and_called_busy_in_the_end(
    source: Place, placed: Placed, narrow: Server
) -> None:
    journey = Journey(source, placed(narrow))
    with crowded(narrow):
        error = journey.fails("server_busy", role="destination", retries=2)
        assert error.details["attempts"] == 3 and error.retryable
    journey.recovers()


@pytest.mark.fault("transport.busy")
def test_a_server_that_has_room_again_gets_its_copy(source: Place, placed: Placed, narrow: Server) -> None:
    journey = Journey(source, placed(narrow))
    with crowded(narrow) as visitors:
        threading.Timer(0.3, visitors.close).start()
        assert journey.arrives(retries=8).attempts > 1


@pytest.mark.fault("transport.busy")
def test_one_session_is_enough(source: Place, placed: Placed, narrow: Server) -> None:
    Journey(source, placed(narrow)).arrives()


@contextlib.contextmanager
def dead_address(host: str, port: int) -> t.Iterator[None]:
    """An address that never answers: a listening socket with a full queue."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _visitor in range(4):
            visitor = stack.enter_context(socket.socket())
            visitor.setblocking(False)
            visitor.connect_ex((host, port))
        yield


@pytest.mark.fault("transport.dead_address")
def test_the_other_addresses_of_a_name_are_tried_within_the_deadline(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, look_up = journey.target.proxy, socket.getaddrinfo

    def several(host: t.Any, port: t.Any, *more: t.Any, **options: t.Any) -> t.Any:
        if host != "several.example":
            return look_up(host, port, *more, **options)
        return [*look_up("127.0.0.2", port, **options), *look_up(proxy.host, port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", several)
    monkeypatch.setattr(Proxy, "endpoint", _named(proxy, Proxy.endpoint))
    journey.target.timeouts = replace(journey.target.timeouts, connect_seconds=4)
    with dead_address("127.0.0.2", proxy.port):
        journey.arrives()


def _named(proxy: Proxy, endpoint: t.Callable[..., Endpoint]) -> t.Callable[..., Endpoint]:
    def named(of: Proxy, role: str = "endpoint") -> Endpoint:
        made = endpoint(of, role)
        return replace(made, host="several.example") if of is proxy else made

    return named


@pytest.mark.fault("transport.noise")
def test_what_a_start_up_file_prints_is_named_as_what_it_is(source: Place, placed: Placed) -> None:
    with start_openssh() as server:
        (server.folder / "home" / ".bashrc").write_text("echo 'Welcome to \x1b[31mthe store'\n", encoding="ascii")
        journey = Journey(source, placed(server))
        error = journey.fails("protocol_violation", role="destination", says="Welcome to ", retries=2)
        assert "start-up file" in error.remedy and "\x1b" not in error.message
        assert error.details["attempts"] == 1
        (server.folder / "home" / ".bashrc").unlink()
        journey.recovers()
