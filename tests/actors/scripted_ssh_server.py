# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH servers made of paramiko or of a bare socket, for behaviour that real servers do not have."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint, Timeouts, Trust
from ansible_collections.backhaul.sftp.tests.lab.processes import HOST
from ansible_collections.backhaul.sftp.tests.trust.material import Key

VERSION = b"SSH-2.0-Peer_1.0\r\n"
# More than any client may hold in memory.
FLOOD_BYTES = 400 * 1024 * 1024
Script = t.Callable[[socket.socket], None]


@dataclass
class Listener:
    """A listening socket. ``seen`` counts its connections; ``faults`` has the exceptions of its scripts."""

    port: int
    seen: int = 0
    faults: list[BaseException] = field(default_factory=list)

    def endpoint(self, key: Key | None = None, **changes: t.Any) -> Endpoint:
        """Return an endpoint that pins the key and logs in with a password."""
        trust = Trust(host_keys=(key.line,) if key else (), known_hosts_files=())
        credentials = Credentials(user="backup", password="pass-word", use_agent=False)
        return Endpoint(
            **{
                "role": "source",
                "host": HOST,
                "port": self.port,
                "trust": trust,
                "credentials": credentials,
                "timeouts": Timeouts(connect_seconds=20, operation_seconds=20, stall_seconds=20),
                **changes,
            }
        )


@contextlib.contextmanager
def listening(script: Script) -> t.Iterator[Listener]:
    """Run ``script`` on every connection, each in a thread of its own."""
    with socket.create_server((HOST, 0)) as server:
        listener = Listener(server.getsockname()[1])
        threading.Thread(target=_accept, args=(server, script, listener), daemon=True).start()
        try:
            yield listener
        finally:
            # close() alone does not wake a thread that waits in accept().
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, script: Script, listener: Listener) -> None:
    while True:
        try:
            connection, _address = server.accept()
        except OSError:
            return
        listener.seen += 1
        threading.Thread(target=_serve, args=(connection, script, listener), daemon=True).start()


def _serve(connection: socket.socket, script: Script, listener: Listener) -> None:
    with connection:
        try:
            script(connection)
        except (OSError, EOFError):
            return
        except BaseException as exc:
            listener.faults.append(exc)
            raise


def packet(payload: bytes) -> bytes:
    """Return an unencrypted packet, as sent before the first key exchange (RFC 4253 section 6)."""
    padding = 16 - (len(payload) + 5) % 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def read_packet(connection: socket.socket) -> bytes:
    """Return the payload of the next packet, which must be unencrypted."""
    length = int.from_bytes(_read(connection, 4), "big")
    body = _read(connection, length)
    return body[1 : length - body[0]]


def read_version(connection: socket.socket) -> bytes:
    """Return the client's version line."""
    line = b""
    while not line.endswith(b"\n"):
        line += _read(connection, 1)
    return line


def _read(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = connection.recv(count - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found


def kex_init(kexes: str, host_keys: str, ciphers: str, macs: str, compression: str = "none") -> bytes:
    """Return a server's KEXINIT (RFC 4253 section 7.1)."""
    message = paramiko.Message()
    message.add_byte(bytes([20]))
    message.add_bytes(os.urandom(16))
    for names in (kexes, host_keys, ciphers, ciphers, macs, macs, compression, compression, "", ""):
        message.add_string(names)
    message.add_boolean(False)
    message.add_int(0)
    return t.cast(bytes, message.asbytes())


class Account(paramiko.ServerInterface):  # type: ignore[misc]
    """Accepts every login and records the attempts."""

    transport: t.Any

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password,keyboard-interactive"

    def check_auth_password(self, username: str, password: str) -> int:
        self.attempts.append(f"password {password}")
        return t.cast(int, paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return t.cast(int, paramiko.OPEN_SUCCEEDED)


class Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
    """Serves the files of this machine for reading."""

    def canonicalize(self, path: str) -> str:
        return os.path.abspath(path)

    def stat(self, path: str) -> t.Any:
        return paramiko.SFTPAttributes.from_stat(os.stat(path))

    lstat = stat

    def open(self, path: str, flags: int, attr: t.Any) -> t.Any:
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = open(path, "rb")  # noqa: SIM115 - the handle closes it
        handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.stat(path))
        return handle


Conversation = t.Callable[[t.Any], None]


@contextlib.contextmanager
def paramiko_server(
    key: Key,
    *,
    transport_class: t.Any = paramiko.Transport,
    account: t.Callable[[], Account] = Account,
    talk: Conversation | None = None,
) -> t.Iterator[Listener]:
    """Run a paramiko server with SFTP on the files of this machine.

    ``talk`` is called with each transport after its first key exchange. The connection lasts until the client ends it.
    """

    def converse(connection: socket.socket) -> None:
        transport = transport_class(connection)
        transport.add_server_key(load_key(key.path))
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, sftp_si=Files)
        interface = account()
        interface.transport = transport
        transport.start_server(server=interface)
        try:
            if talk is not None:
                talk(transport)
            transport.join()
        finally:
            transport.close()

    with listening(_ignoring_disconnects(converse)) as listener:
        yield listener


def _ignoring_disconnects(script: Script) -> Script:
    """Ignore the errors of a script whose client has disconnected: most of these tests end that way."""

    def run(connection: socket.socket) -> None:
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            script(connection)

    return run


def load_key(path: Path) -> t.Any:
    """Return the private key in a file."""
    return paramiko.PKey.from_path(path)


def message(kind: int, *parts: object) -> t.Any:
    """Return a message of this type: ``bytes`` become strings, ``int`` uint32 and ``bool`` booleans."""
    made = paramiko.Message()
    made.add_byte(bytes([kind]))
    for part in parts:
        if isinstance(part, bool):
            made.add_boolean(part)
        elif isinstance(part, int):
            made.add_int(part)
        else:
            made.add_string(part)
    return made


def send_repeatedly(send: t.Callable[[bytes], t.Any], piece: bytes, *, most_bytes: int = FLOOD_BYTES) -> None:
    """Send the same piece until ``most_bytes`` were sent or the client disconnects."""
    for _number in range(max(most_bytes // len(piece), 1)):
        send(piece)


class Flooding(Account):
    """Ignores the window: sends data on the channel of the SFTP session when it is open."""

    kind = 94  # CHANNEL_DATA, RFC 4254 section 5.2

    def check_channel_subsystem_request(self, channel: t.Any, name: str) -> bool:
        threading.Thread(target=self.flood, args=(channel,), daemon=True).start()
        return bool(super().check_channel_subsystem_request(channel, name))

    def flood(self, channel: t.Any) -> None:
        """Send ``FLOOD_BYTES`` on the channel."""
        time.sleep(0.5)  # the client opens its session first; data before that is no valid SFTP
        extended = (1,) if self.kind == 95 else ()
        piece = message(self.kind, channel.remote_chanid, *extended, bytes(32 * 1024))
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            send_repeatedly(lambda _piece: self.transport._send_user_message(piece), bytes(32 * 1024))


class Impostor(paramiko.Transport):  # type: ignore[misc]
    """Changes its host key to another of the same type after the first key exchange."""

    impostor_key: t.ClassVar[Key]

    def _activate_outbound(self) -> None:
        super()._activate_outbound()
        self.server_key_dict["ssh-ed25519"] = load_key(self.impostor_key.path)
        self.packetizer.REKEY_BYTES = 1024 * 1024
