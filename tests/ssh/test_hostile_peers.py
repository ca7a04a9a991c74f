# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that would fill our memory, keep us for ever, or speak to our terminal."""

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
from pathlib import Path

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.receive_buffer import ReceiveBuffer
from ansible_collections.backhaul.sftp.tests.trust.material import Key, Workshop

from .meeting import refusal, report_of
from .peers import (
    VERSION,
    Account,
    Files,
    Flooding,
    kex_init,
    listening,
    message,
    packet,
    paramiko_server,
    pour,
    read_packet,
    read_version,
)

pytestmark = pytest.mark.integration
PROGRAM = Path(__file__).with_name("hostile_client.py")
MIB = 1024 * 1024
# Whatever a server does, the window of 16 MiB is the most that is kept, and a copy of it is made now and then.
MOST_GROWTH = 64 * MIB
PATIENCE_SECONDS = 100


@pytest.fixture(scope="module")
def key(workshop: Workshop) -> Key:
    """The host key of every server here."""
    return workshop.key("ed25519", "host")


def meet(
    port: int, key: Key, *, waits: bool = False, compression: bool = False, connect_seconds: float = 20
) -> dict[str, t.Any]:
    """Let a client process meet the server; its memory must not have grown much, and it must have said something."""
    request = {
        "port": port,
        "key": key.line,
        "waits": waits,
        "compression": compression,
        "connect_seconds": connect_seconds,
    }
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.stdout and not ended.stderr, ended.stderr
    result: dict[str, t.Any] = json.loads(ended.stdout)
    assert result["grown_bytes"] < MOST_GROWTH
    return result


def test_the_client_process_works(key: Key) -> None:
    """Otherwise the tests below would say nothing."""
    with paramiko_server(key) as server:
        result = meet(server.port, key)
    assert result["path"].startswith("/")


@pytest.mark.parametrize("piece", [b"x" * 4096, b"hello\r\n" * 500], ids=["one-line", "many-lines"])
def test_text_without_an_end_instead_of_a_version(key: Key, piece: bytes) -> None:
    with listening(lambda connection: pour(connection.sendall, piece)) as server:
        result = meet(server.port, key)
    assert (result["kind"], result["code"]) == ("LinkError", "link_lost")


def test_a_few_lines_before_the_version_are_fine_in_any_encoding(key: Key) -> None:
    """RFC 4253 section 4.2 allows them; appliances write what they like there."""

    class Talkative(paramiko.Transport):  # type: ignore[misc]
        def run(self) -> None:
            self.sock.sendall(b"Gr\xfc\xdfe vom Server\r\n\x1b[2Jstill here\r\n")
            super().run()

    with paramiko_server(key, transport_class=Talkative) as server:
        assert report_of(server.endpoint(key)).server_version.startswith("SSH-2.0-paramiko")


def test_a_packet_of_two_gigabytes(key: Key) -> None:
    def announce(connection: socket.socket) -> None:
        connection.sendall(VERSION)
        read_version(connection)
        connection.sendall(b"\x7f\xff\xff\xfc" + bytes(4))
        pour(connection.sendall, bytes(MIB))

    with listening(announce) as server:
        result = meet(server.port, key)
    assert result["code"] == "link_lost" and "announced a packet" in result["message"]


def test_an_encrypted_packet_of_two_gigabytes(key: Key) -> None:
    """With AES-GCM the length travels in the clear, so whoever is in between can change it, too."""

    def announce(transport: t.Any) -> None:
        transport.sock.sendall(b"\x7f\xff\xff\xf8")
        pour(transport.sock.sendall, bytes(MIB))

    with paramiko_server(key, talk=announce) as server:
        result = meet(server.port, key)
    assert result["kind"] in ("LinkError", "TrustError") and "announced a packet" in result["message"]


class _Loud(Account):
    """Runs ``make_noise`` in a thread of its own when the client asks which methods there are."""

    make_noise: t.Callable[[t.Any], None]

    def check_auth_none(self, username: str) -> int:
        threading.Thread(target=self._try_noise, daemon=True).start()
        return t.cast(int, paramiko.AUTH_FAILED)

    def _try_noise(self) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            type(self).make_noise(self.transport)


def loud(make_noise: t.Callable[[t.Any], None]) -> type[Account]:
    """Return an account that makes this noise."""
    return type("Loud", (_Loud,), {"make_noise": staticmethod(make_noise)})


def test_login_banners_without_an_end(key: Key) -> None:
    banner = message(53, b"Welcome! " * 3000, b"en")

    def greet(transport: t.Any) -> None:
        while transport.is_active():
            transport._send_message(banner)

    with paramiko_server(key, account=loud(greet)) as server:
        result = meet(server.port, key)
    assert "login banners" in result["message"]


class _Inquisitive(Account):
    """Asks on and on."""

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
def test_questions_without_an_end(key: Key, prompts: t.Sequence[tuple[str, bool]]) -> None:
    seen.clear()
    with paramiko_server(key, account=type("Asking", (_Inquisitive,), {"prompts": prompts})) as server:
        result = meet(server.port, key)
    assert result["kind"] in ("LinkError", "TrustError") and result["code"] in ("link_lost", "authentication_refused")
    assert [answer for answer in seen if answer and answer[0]] == ([["pass-word"]] if prompts else [])
    assert len(seen) < 40


def test_four_billion_questions_in_twenty_bytes(key: Key) -> None:
    """paramiko reads zeros behind the end of a message, and so made them all."""

    class Asking(Account):
        def get_allowed_auths(self, username: str) -> str:
            return "keyboard-interactive"

        def check_auth_interactive(self, username: str, submethods: str) -> int:
            self.transport._send_message(message(60, b"", b"", b"", 0xFFFFFFFF))
            self.transport.join()
            return t.cast(int, paramiko.AUTH_FAILED)

    with paramiko_server(key, account=Asking) as server:
        result = meet(server.port, key)
    assert "claims to hold more" in result["message"]


def test_four_billion_extensions_in_nine_bytes(key: Key) -> None:
    def announce(transport: t.Any) -> None:
        transport._send_message(message(7, 0xFFFFFFFF, b""))
        transport.join()

    with paramiko_server(key, talk=announce) as server:
        result = meet(server.port, key)
    assert "claims to hold more" in result["message"]


@pytest.mark.parametrize("kind", [94, 95], ids=["data", "standard-error"])
def test_a_channel_that_ignores_its_window(key: Key, kind: int) -> None:
    with paramiko_server(key, account=type("Flooding", (Flooding,), {"kind": kind})) as server:
        result = meet(server.port, key, waits=True)
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
        result = meet(server.port, key, waits=True, compression=True)
    assert (result["kind"], result["code"]) == ("LinkError", "link_lost")
    assert "compressed packet" in result["message"]


class _Counting(paramiko.Transport):  # type: ignore[misc]
    """Counts what the client makes of channels that it did not ask for."""

    answers: t.ClassVar[list[str]]

    def _ensure_authed(self, ptype: int, message: t.Any) -> None:
        """Take answers before the login, too."""

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


def test_channels_and_requests_that_nobody_asked_for_are_refused_one_by_one(key: Key) -> None:
    answers: list[str] = []
    kind = type("Counting", (_Counting,), {"answers": answers})
    with paramiko_server(key, transport_class=kind, account=_Opening) as server:
        result = meet(server.port, key)
    assert result["path"].startswith("/")
    assert answers == ["no"] * (2 * 200 * len(REQUESTS))


def test_a_server_that_asks_and_never_listens_is_given_up(key: Key) -> None:
    """Our refusals fill the pipe; the deadline for the login ends it."""

    def ask_without_listening(transport: t.Any) -> None:
        transport.packetizer.read_message = lambda: threading.Event().wait(PATIENCE_SECONDS)
        pour(lambda _piece: transport._send_message(GLOBAL_REQUEST), bytes(1000), most_bytes=20 * MIB)

    with paramiko_server(key, account=loud(ask_without_listening)) as server:
        result = meet(server.port, key, connect_seconds=3)
    # Where it was asked to check the password before it went deaf, it may have counted that: no other try must follow.
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
def test_odd_messages_end_in_an_error_of_ours_or_are_passed_over(key: Key, odd: t.Any) -> None:
    """Whatever paramiko's parsers trip over must not become a traceback of the module's."""
    with paramiko_server(key, account=loud(lambda transport: transport._send_message(odd))) as server:
        result = meet(server.port, key, connect_seconds=5)
    assert result.get("path") or result["kind"] in ("LinkError", "TrustError", "RemoteError")
    assert "\x1b" not in json.dumps(result, ensure_ascii=False)


def test_a_version_with_escape_sequences_is_inert_in_reports_and_errors(key: Key) -> None:
    class Painted(paramiko.Transport):  # type: ignore[misc]
        def __init__(self, sock: socket.socket) -> None:
            super().__init__(sock)
            self.local_version = "SSH-2.0-\x1b]0;owned\x07\x1b[2J{{ lookup }}"

    with paramiko_server(key, transport_class=Painted) as server:
        report = report_of(server.endpoint(key))
    assert report.server_version == "SSH-2.0-\\x1b]0;owned\\x07\\x1b[2J{{ lookup }}"
    with listening(lambda connection: connection.sendall(b"SSH-1.5-\x1b[31mold\xe2\x80\xae\r\n")) as old:
        error = refusal(old.endpoint(key), LinkError, "link_lost")
    assert "\x1b" not in error.message and "\u202e" not in error.message


def test_algorithm_names_with_escape_sequences_are_inert(key: Key) -> None:
    def offer(connection: socket.socket) -> None:
        connection.sendall(VERSION)
        read_version(connection)
        read_packet(connection)
        names = ",".join(f"\x1b[{number}mfoo" for number in range(2000))
        connection.sendall(packet(kex_init(names, names, names, names)))

    with listening(offer) as server:
        result = meet(server.port, key)
    assert result["code"] == "algorithm_mismatch"
    assert "\x1b" not in result["message"] and len(result["message"]) < 30_000


def test_names_with_escape_sequences_are_listed_as_they_are(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay bytes, so that the very file can be relayed; whoever prints them escapes them."""
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
