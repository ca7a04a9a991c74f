# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that asks for what the test wants, in the order that it wants, and writes down what it gets."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

import paramiko

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint
from ansible_collections.backhaul.sftp.tests.lab.keys import new_password
from ansible_collections.backhaul.sftp.tests.trust.material import Key, Workshop

from .peers import Account, Listener, paramiko_server

Prompts = t.Sequence[t.Tuple[str, bool]]
USER = "backup"


@dataclass
class Gate:
    """How to get in, and who tried.

    ``steps`` are the sets of methods of which one must succeed, step by step. ``rounds`` are the prompts of
    keyboard-interactive, each with whether what is typed is shown; the secret answers the first prompt, and all others
    want nothing. ``attempts`` has every credential that arrived, ``answers`` every answer.
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
        """Return an endpoint that trusts this server and has these credentials."""
        assert self.listener is not None
        given = Credentials(**{"user": USER, "use_agent": False, **credentials})
        return self.listener.endpoint(self.host_key, credentials=given)

    @property
    def key_text(self) -> str:
        """The private key that is let in."""
        return self.client.path.read_text(encoding="ascii")


class _Keeper(Account):
    """One connection at the gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate, self._step, self._round = gate, 0, 0

    def get_allowed_auths(self, username: str) -> str:
        return ",".join(self._gate.steps[self._step])

    def _result(self, method: str, credential: str, *, fits: bool) -> int:
        self._gate.attempts.append(f"{method} {credential}".strip())
        if not fits or method not in self._gate.steps[self._step]:
            return t.cast(int, paramiko.AUTH_FAILED)
        if self._step + 1 == len(self._gate.steps):
            return t.cast(int, paramiko.AUTH_SUCCESSFUL)
        self._step += 1
        return t.cast(int, paramiko.AUTH_PARTIALLY_SUCCESSFUL)

    def check_auth_publickey(self, username: str, key: t.Any) -> int:
        return self._result("publickey", key.get_base64()[-8:], fits=key.asbytes() == self._gate.client.blob)

    def check_auth_password(self, username: str, password: str) -> int:
        return self._result("password", password, fits=(username, password) == (USER, self._gate.password))

    def check_auth_interactive(self, username: str, submethods: str) -> t.Any:
        self._gate.attempts.append("keyboard-interactive")
        self._round = 0
        return self._query()

    def _query(self) -> t.Any:
        return paramiko.InteractiveQuery("", "", *self._gate.rounds[self._round])

    def check_auth_interactive_response(self, responses: t.Sequence[str]) -> t.Any:
        self._gate.answers.append(list(responses))
        self._round += 1
        if self._round < len(self._gate.rounds):
            return self._query()
        fits = self._gate.answers[-self._round][:1] == [self._gate.password]
        return self._result("keyboard-interactive", "answered", fits=fits)


@contextlib.contextmanager
def gate(workshop: Workshop, **settings: t.Any) -> t.Iterator[Gate]:
    """Run a server with these settings of :class:`Gate`."""
    made = Gate(workshop.key("ed25519", "client"), workshop.key("ed25519", "host"), **settings)
    with paramiko_server(made.host_key, account=lambda: _Keeper(made)) as listener:
        made.listener = listener
        yield made
