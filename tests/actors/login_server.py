# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH server with chosen login methods and prompts, which records the credentials that arrive."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

import paramiko

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import Account, Listener, paramiko_server
from ansible_collections.backhaul.sftp.tests.lab.keys import new_password
from ansible_collections.backhaul.sftp.tests.trust.material import Key, Workshop

Prompts = t.Sequence[t.Tuple[str, bool]]
USER = "backup"


@dataclass
class LoginServer:
    """The required logins, and the attempts so far.

    ``steps`` are sets of methods; one of each must succeed, in order. ``rounds`` are the prompts of
    keyboard-interactive, each with its echo flag; the password answers the first prompt, the others are not checked.
    ``attempts`` has every credential that arrived, ``answers`` every response of keyboard-interactive.
    """

    client: Key
    host_key: Key
    steps: t.Sequence[t.Sequence[str]] = (("publickey", "password", "keyboard-interactive"),)
    rounds: t.Sequence[Prompts] = ((("Password: ", False),),)
    password: str = field(default_factory=new_password)
    attempts: list[str] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)
    listener: Listener | None = None

    def endpoint(self, **credentials: t.Any) -> Endpoint:
        """Return an endpoint that pins this server's key and has these credentials."""
        assert self.listener is not None
        given = Credentials(**{"user": USER, "use_agent": False, **credentials})
        return self.listener.endpoint(self.host_key, credentials=given)

    @property
    def key_text(self) -> str:
        """The private key that the server accepts."""
        return self.client.path.read_text(encoding="ascii")


class _Connection(Account):
    """The authentication of one connection."""

    def __init__(self, login: LoginServer) -> None:
        super().__init__()
        self._login, self._step, self._round = login, 0, 0

    def get_allowed_auths(self, username: str) -> str:
        return ",".join(self._login.steps[self._step])

    def _result(self, method: str, credential: str, *, is_right: bool) -> int:
        self._login.attempts.append(f"{method} {credential}".strip())
        if not is_right or method not in self._login.steps[self._step]:
            return t.cast(int, paramiko.AUTH_FAILED)
        if self._step + 1 == len(self._login.steps):
            return t.cast(int, paramiko.AUTH_SUCCESSFUL)
        self._step += 1
        return t.cast(int, paramiko.AUTH_PARTIALLY_SUCCESSFUL)

    def check_auth_publickey(self, username: str, key: t.Any) -> int:
        return self._result("publickey", key.get_base64()[-8:], is_right=key.asbytes() == self._login.client.blob)

    def check_auth_password(self, username: str, password: str) -> int:
        return self._result("password", password, is_right=(username, password) == (USER, self._login.password))

    def check_auth_interactive(self, username: str, submethods: str) -> t.Any:
        self._login.attempts.append("keyboard-interactive")
        self._round = 0
        return self._query()

    def _query(self) -> t.Any:
        return paramiko.InteractiveQuery("", "", *self._login.rounds[self._round])

    def check_auth_interactive_response(self, responses: t.Sequence[str]) -> t.Any:
        self._login.answers.append(list(responses))
        self._round += 1
        if self._round < len(self._login.rounds):
            return self._query()
        is_right = self._login.answers[-self._round][:1] == [self._login.password]
        return self._result("keyboard-interactive", "answered", is_right=is_right)


@contextlib.contextmanager
def login_server(workshop: Workshop, **settings: t.Any) -> t.Iterator[LoginServer]:
    """Run a server with these settings of :class:`LoginServer`."""
    made = LoginServer(workshop.key("ed25519", "client"), workshop.key("ed25519", "host"), **settings)
    with paramiko_server(made.host_key, account=lambda: _Connection(made)) as listener:
        made.listener = listener
        yield made
