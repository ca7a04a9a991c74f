# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that try to fill our memory, block us endlessly, or send escape sequences to a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
import typing as t

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.receive_buffer import ReceiveBuffer
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import (
    VERSION,
    Account,
    Files,
    Flooding,
    kex_init,
    listening,
    message,
    packet,
    paramiko_server,
    read_packet,
    read_version,
    send_repeatedly,
)
from ansible_collections.backhaul.sftp.tests.trust.material import Key, Workshop

from .meeting import refusal, report_of

pytestmark = pytest.mark.integration
PROGRAM = "ansible_collections.backhaul.sftp.tests.actors.measured_client"
MIB = 1024 * 1024
# The window limits what a server can make us hold to 16 MiB; at times there is a copy of that data.
MOST_GROWTH = 64 * MIB
TIMEOUT_SECONDS = 100


@pytest.fixture(scope="module")
def key(workshop: Workshop) -> Key:
    """The host key of every server in this file."""
    return workshop.key("ed25519", "host")


def run_client(
    port: int, key: Key, *, waits: bool = False, compression: bool = False, connect_seconds: float = 20
) -> dict[str, t.Any]:
    """Run a client process against the server; return its result after checking that its memory stayed small."""
    request = {
        "port": port,
        "key": key.line,
        "waits": waits,
        "compression": compression,
        "connect_seconds": connect_seconds,
    }
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-m", PROGRAM],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=environment,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert ended.stdout and not ended.stderr, ended.stderr
    result: dict[str, t.Any] = json.loads(ended.stdout)
    assert result["grown_bytes"] < MOST_GROWTH
    return result


def test_the_client_process_works(key: Key) -> None:
    """Without this, the tests below would prove nothing."""
    with paramiko_server(key) as server:
        result = run_client(server.port, key)
    assert result["path"].startswith("/")


@pytest.mark.parametrize("piece", [b"x" * 4096, b"hello\r\n" * 500], ids=["one-line", "many-lines"])
def test_endless_text_instead_of_a_version(key: Key, piece: bytes) -> None:
    with listening(lambda connection: send_repeatedly(connection.sendall, piece)) as server:
        result = run_client(server.port, key)
    assert (result["kind"], result["code"]) == ("LinkError", "link_lost")


def test_a_few_lines_before_the_version_are_fine_in_any_encoding(key: Key) -> None:
    """RFC 4253 section 4.2 allows such lines, and appliances send text in any encoding."""

    class LinesFirst(paramiko.Transport):  # type: ignore[misc]
        def run(self) -> None:
            self.sock.sendall(b"Gr\xfc\xdfe vom Server\r\n\x1b[2Jstill here\r\n")
            super().run()

    with paramiko_server(key, transport_class=LinesFirst) as server:
        assert report_of(server.endpoint(key)).server_version.startswith("SSH-2.0-paramiko")


def test_a_packet_of_two_gigabytes(key: Key) -> None:
    def announce(connection: socket.socket) -> None:
        connection.sendall(VERSION)
        read_version(connection)
        connection.sendall(b"\x7f\xff\xff\xfc" + bytes(4))
        send_repeatedly(connection.sendall, bytes(MIB))

    with listening(announce) as server:
        result = run_client(server.port, key)
    assert result["code"] == "link_lost" and "announced a packet" in result["message"]


def test_an_encrypted_packet_of_two_gigabytes(key: Key) -> None:
    """AES-GCM does not encrypt the length, so an attacker on the network can change it, too."""

    def announce(transport: t.Any) -> None:
        transport.sock.sendall(b"\x7f\xff\xff\xf8")
        send_repeatedly(transport.sock.sendall, bytes(MIB))

    with paramiko_server(key, talk=announce) as server:
        result = run_client(server.port, key)
    assert result["kind"] in ("LinkError", "TrustError") and "announced a packet" in result["message"]


class _CallingBack(Account):
    """Runs ``call`` in its own thread when the client requests the authentication methods."""

    call: t.Callable[[t.Any], None]

    def check_auth_none(self, username: str) -> int:
        threading.Thread(target=self._try_call, daemon=True).start()
        return t.cast(int, paramiko.AUTH_FAILED)

    def _try_call(self) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            type(self).call(self.transport)


def calling_back(call: t.Callable[[t.Any], None]) -> type[Account]:
    """Return an account class that runs ``call``."""
    return type("CallingBack", (_CallingBack,), {"call": staticmethod(call)})


def test_endless_login_banners(key: Key) -> None:
    banner = message(53, b"Welcome! " * 3000, b"en")

    def greet(transport: t.Any) -> None:
        while transport.is_active():
            transport._send_message(banner)

    with paramiko_server(key, account=calling_back(greet)) as server:
        result = run_client(server.port, key)
    assert "login banners" in result["message"]


class _Inquisitive(Account):
    """Sends prompts endlessly."""

    prompts: t.ClassVar[t.Sequence[tuple[str, bool]]]

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive"

    def check_auth_interactive(self, username: str, submethods: str) -> t.Any:
        self.answers: list[list[str]] = []
        return paramiko.InteractiveQuery("", "", *self.prompts)

    def check_auth_interactive_response(self, responses: t.Sequence[str]) -> t.Any:
        self.answers.append(list(responses))
        seen.append(list(responses))
        return paramiko.InteractiveQuery("", "", *self.prompts)


seen: list[list[str]] = []


@pytest.mark.parametrize("prompts", [(("Password: ", False),), ()], ids=["password", "nothing"])
def test_endless_prompts(key: Key, prompts: t.Sequence[tuple[str, bool]]) -> None:
    seen.clear()
    with paramiko_server(key, account=type("Asking", (_Inquisitive,), {"prompts": prompts})) as server:
        result = run_client(server.port, key)
    assert result["kind"] in ("LinkError", "TrustError") and result["code"] in ("link_lost", "authentication_refused")
    assert [answer for answer in seen if answer and answer[0]] == ([["pass-word"]] if prompts else [])
    assert len(seen) < 40


def test_four_billion_questions_in_twenty_bytes(key: Key) -> None:
    """paramiko reads zeros past the end of a message, and so created all of the prompts."""

    class Asking(Account):
        def get_allowed_auths(self, username: str) -> str:
            return "keyboard-interactive"

        def check_auth_interactive(self, username: str, submethods: str) -> int:
            self.transport._send_message(message(60, b"", b"", b"", 0xFFFFFFFF))
            self.transport.join()
            return t.cast(int, paramiko.AUTH_FAILED)

    with paramiko_server(key, account=Asking) as server:
        result = run_client(server.port, key)
    assert "claims to hold more" in result["message"]


def test_four_billion_extensions_in_nine_bytes(key: Key) -> None:
    def announce(transport: t.Any) -> None:
        transport._send_message(message(7, 0xFFFFFFFF, b""))
        transport.join()

    with paramiko_server(key, talk=announce) as server:
        result = run_client(server.port, key)
    assert "claims to hold more" in result["message"]


@pytest.mark.parametrize("kind", [94, 95], ids=["data", "standard-error"])
def test_a_channel_that_ignores_its_window(key: Key, kind: int) -> None:
    with paramiko_server(key, account=type("Flooding", (Flooding,), {"kind": kind})) as server:
        result = run_client(server.port, key, waits=True)
    assert (result["kind"], result["code"]) == ("LinkError", "link_lost")
    assert "window" in result["message"]


def test_pieces_of_one_byte_take_their_size_and_not_fifty_times_as_much() -> None:
    buffer = ReceiveBuffer(None, None, window_bytes=16 * MIB)
    tracemalloc.start()
    try:
        for number in range(40_000):
            buffer.append(bytes([number % 256]))
        used, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 2 * 40_000


def test_a_compressed_packet_of_a_hundred_megabytes(key: Key) -> None:
    class Compressing(paramiko.Transport):  # type: ignore[misc]
        def __init__(self, sock: socket.socket) -> None:
            super().__init__(sock)
            self.use_compression(True)

    class Bombing(Flooding):
        def flood(self, channel: t.Any) -> None:
            bomb = message(2, bytes(100 * MIB))  # IGNORE
            with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
                self.transport._send_user_message(bomb)

    with paramiko_server(key, transport_class=Compressing, account=Bombing) as server:
        result = run_client(server.port, key, waits=True, compression=True)
    assert (result["kind"], result["code"]) == ("LinkError", "link_lost")
    assert "compressed packet" in result["message"]


class _Counting(paramiko.Transport):  # type: ignore[misc]
    """Counts the client's replies to channels that it did not request."""

    answers: t.ClassVar[list[str]]

    def _ensure_authed(self, ptype: int, message: t.Any) -> None:
        """Accept replies before the login, too."""

    def _parse_channel_open_success(self, m: t.Any) -> None:
        self.answers.append("yes")

    def _parse_channel_open_failure(self, m: t.Any) -> None:
        self.answers.append("no")


REQUESTS = (
    message(90, b"x11", 7, 100_000, 30_000, b"127.0.0.1", 1),
    message(90, b"auth-agent@openssh.com", 8, 100_000, 30_000),
    message(90, b"forwarded-tcpip", 9, 100_000, 30_000, b"127.0.0.1", 22, b"127.0.0.1", 22),
    message(90, b"session", 10, 100_000, 30_000),
    message(90, b"direct-tcpip", 11, 100_000, 30_000, b"127.0.0.1", 22, b"127.0.0.1", 22),
)
GLOBAL_REQUEST = message(80, b"hostkeys-00@openssh.com", True, b"\x00" * 1000)


class _Opening(Account):
    """Opens channels before the login and after it."""

    def _open(self) -> None:
        for _time in range(200):
            for request in (*REQUESTS, GLOBAL_REQUEST):
                self.transport._send_message(request)

    def check_auth_none(self, username: str) -> int:
        self._open()
        return t.cast(int, paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self._open()
        return super().check_channel_request(kind, chanid)


def test_unrequested_channels_and_requests_are_refused_one_by_one(key: Key) -> None:
    answers: list[str] = []
    kind = type("Counting", (_Counting,), {"answers": answers})
    with paramiko_server(key, transport_class=kind, account=_Opening) as server:
        result = run_client(server.port, key)
    assert result["path"].startswith("/")
    assert answers == ["no"] * (2 * 200 * len(REQUESTS))


def test_a_server_that_sends_requests_and_never_reads_is_timed_out(key: Key) -> None:
    """Our refusals fill the socket's buffer; the deadline for the login ends the connection."""

    def ask_without_listening(transport: t.Any) -> None:
        transport.packetizer.read_message = lambda: threading.Event().wait(TIMEOUT_SECONDS)
        send_repeatedly(lambda _piece: transport._send_message(GLOBAL_REQUEST), bytes(1000), most_bytes=20 * MIB)

    with paramiko_server(key, account=calling_back(ask_without_listening)) as server:
        result = run_client(server.port, key, connect_seconds=3)
    # If the server received the password before it stopped reading, it may have counted it, so no retry may follow.
    assert "no answer in time" in result["message"]
    assert result["code"] == ("authentication_refused" if "password was tried" in result["message"] else "timed_out")


@pytest.mark.parametrize(
    "odd",
    [
        message(200, b"unknown"),
        message(51, b"pass\xff\xfeword", False),
        message(51),
        message(53, b"\xff\xfe", b""),
        message(94, 77, b"data for a channel that there is not"),
        message(91, 77, 1, 1, 1),
        message(52),
        message(20, b"no key exchange"),
        message(1, 2, b"\xff\x1b[2J", b""),
    ],
    ids=[
        "unknown-type",
        "refusal-not-utf8",
        "refusal-empty",
        "banner-not-utf8",
        "no-such-channel",
        "channel-not-asked-for",
        "success-unasked",
        "bad-kexinit",
        "disconnect",
    ],
)
def test_malformed_messages_end_in_an_error_of_ours_or_are_ignored(key: Key, odd: t.Any) -> None:
    """An error in paramiko's parsers must not become a traceback of the module."""
    with paramiko_server(key, account=calling_back(lambda transport: transport._send_message(odd))) as server:
        result = run_client(server.port, key, connect_seconds=5)
    assert result.get("path") or result["kind"] in ("LinkError", "TrustError", "RemoteError")
    assert "\x1b" not in json.dumps(result, ensure_ascii=False)


def test_a_version_with_escape_sequences_is_printable_in_reports_and_errors(key: Key) -> None:
    class EscapesInVersion(paramiko.Transport):  # type: ignore[misc]
        def __init__(self, sock: socket.socket) -> None:
            super().__init__(sock)
            self.local_version = "SSH-2.0-\x1b]0;owned\x07\x1b[2J{{ lookup }}"

    with paramiko_server(key, transport_class=EscapesInVersion) as server:
        report = report_of(server.endpoint(key))
    assert report.server_version == "SSH-2.0-\\x1b]0;owned\\x07\\x1b[2J{{ lookup }}"
    with listening(lambda connection: connection.sendall(b"SSH-1.5-\x1b[31mold\xe2\x80\xae\r\n")) as old:
        error = refusal(old.endpoint(key), LinkError, "link_lost")
    assert "\x1b" not in error.message and "\u202e" not in error.message


def test_algorithm_names_with_escape_sequences_are_made_printable(key: Key) -> None:
    def offer(connection: socket.socket) -> None:
        connection.sendall(VERSION)
        read_version(connection)
        read_packet(connection)
        names = ",".join(f"\x1b[{number}mfoo" for number in range(2000))
        connection.sendall(packet(kex_init(names, names, names, names)))

    with listening(offer) as server:
        result = run_client(server.port, key)
    assert result["code"] == "algorithm_mismatch"
    assert "\x1b" not in result["message"] and len(result["message"]) < 30_000


def test_names_with_escape_sequences_are_listed_as_they_are(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names stay bytes, so that the file itself can be relayed; they are escaped where they are printed."""
    name = "back\x1b[2Jup\n{{ 1 }}"

    def list_folder(_self: object, _path: str) -> list[t.Any]:
        entry = paramiko.SFTPAttributes()
        entry.filename, entry.st_mode = name, 0o100644
        return [entry]

    monkeypatch.setattr(Files, "list_folder", list_folder)
    with (
        paramiko_server(key) as server,
        connect(server.endpoint(key)) as connection,
        connection.file_system() as files,
    ):
        assert [entry.name for entry in files.entries(b"/")] == [name.encode()]
