# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH server on paramiko, for behaviour that real servers cannot be configured for: other keys, unusual prompts."""

from __future__ import annotations

import contextlib
import socket
import threading
import typing as t

import paramiko
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint, Timeouts, Trust
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.keys import load_private_key
from ansible_collections.backhaul.sftp.tests.unit.fakes.listeners import HOST, listener

USER = "backup"
# The values of paramiko.common.AUTH_SUCCESSFUL, AUTH_PARTIALLY_SUCCESSFUL and AUTH_FAILED.
DONE, PARTIAL, FAILED = 0, 1, 2


def new_key() -> paramiko.PKey:
    """Return a new private key."""
    text = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return load_private_key(text.decode(), None)


def line_of(key: paramiko.PKey) -> str:
    """Return the public key as a line (type and base64)."""
    return f"{key.get_name()} {key.get_base64()}"


class Login(paramiko.ServerInterface):  # type: ignore[misc]
    """Refuses every login and records the credentials in ``seen``; subclasses accept some."""

    allowed = "publickey,password,keyboard-interactive"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return self.allowed

    def check_auth_none(self, username: str) -> int:
        self.seen.append("none")
        return FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        self.seen.append(f"password {password}")
        return FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.seen.append(f"publickey {key.get_base64()}")
        return FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return 0  # OPEN_SUCCEEDED


class FakeSshServer:
    """A server with its transports for the test; ``endpoint`` trusts its key, ``login`` accepts or refuses logins."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.host_key = new_key()
        self.transports: list[paramiko.Transport] = []
        self.started = threading.Event()
        self.port = 0

    def talk(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        self.transports.append(transport)
        transport.add_server_key(self.host_key)
        with contextlib.suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=self.login)
        self.started.set()

    def endpoint(self, **credentials: t.Any) -> Endpoint:
        return Endpoint(
            role="source",
            host=HOST,
            port=self.port,
            trust=Trust(host_keys=(line_of(self.host_key),), known_hosts_files=()),
            credentials=Credentials(user=USER, use_agent=False, **credentials),
            timeouts=Timeouts(connect_seconds=10, operation_seconds=5, stall_seconds=5),
        )


@contextlib.contextmanager
def fake_ssh_server(login: Login | None = None) -> t.Iterator[FakeSshServer]:
    """Run a FakeSshServer during the block."""
    server = FakeSshServer(login or Login())
    with listener(server.talk) as server.port:
        try:
            yield server
        finally:
            for transport in server.transports:
                transport.close()
