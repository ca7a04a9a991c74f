# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Keys of an ssh-agent, with deadlines: an agent that hangs counts as one without keys, and the login continues."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
import typing as t

from .dependency import AgentBase, SSHException, has_optional

# The longest reply of OpenSSH's agent (AGENT_MAX_LEN).
MAX_ANSWER_BYTES = 256 * 1024
# The exceptions of paramiko for an agent that hangs or has ended, and for malformed replies.
_FAILURES = (SSHException, OSError, EOFError, ValueError, TypeError, struct.error)


class AgentError(Exception):
    """The agent cannot be reached, or does not sign; the text says why."""


class _AgentSocket:
    """A connection to the agent. Each reply may take half of the time left: the rest is for other credentials."""

    def __init__(self, path: str, *, deadline: float) -> None:
        self._deadline = deadline
        self._answer_due = 0.0
        self.broken = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._start_answer_timer()
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def _start_answer_timer(self) -> None:
        now = time.monotonic()
        self._answer_due = now + max(self._deadline - now, 0.0) / 2
        self._socket.settimeout(max(self._answer_due - now, 0.001))

    def send(self, data: bytes) -> int:
        """Send all of a request; OSError after an earlier failure."""
        with self._marking_broken():
            if self.broken:
                raise OSError("it has not answered before")
            self._start_answer_timer()
            self._socket.sendall(data)
        return len(data)

    def recv(self, count: int) -> bytes:
        """Receive up to ``count`` bytes of the reply."""
        with self._marking_broken():
            if count > MAX_ANSWER_BYTES:
                raise OSError("its answer is too long")
            self._socket.settimeout(max(self._answer_due - time.monotonic(), 0.001))
            return self._socket.recv(count)

    @contextlib.contextmanager
    def _marking_broken(self) -> t.Iterator[None]:
        try:
            yield
        except OSError:
            self.broken = True  # a late reply would be taken for the reply to another request
            raise

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class AgentKey:
    """A key of an agent, with paramiko's interface; a failure in signing is an AgentError."""

    def __init__(self, key: t.Any, connection: _AgentSocket) -> None:
        self._key = key
        self._connection = connection

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> t.Any:
        """Return the agent's signature of ``data``; AgentError when it does not sign."""
        try:
            return self._key.sign_ssh_data(data, algorithm)
        except _FAILURES as exc:
            raise AgentError("it does not answer" if self._connection.broken else "it does not sign") from exc

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._key, name)


@contextlib.contextmanager
def agent_keys(*, deadline: float) -> t.Iterator[list[AgentKey]]:
    """Yield the keys of the agent at SSH_AUTH_SOCK, none without an agent; AgentError when it does not answer."""
    path = os.environ.get("SSH_AUTH_SOCK", "")
    if not path or not has_optional("Agent._connect"):
        yield []
        return
    try:
        connection = _AgentSocket(path, deadline=deadline)
    except (FileNotFoundError, ConnectionRefusedError):  # the socket file of an agent that has ended
        yield []
        return
    except OSError as exc:
        raise AgentError("it cannot be reached") from exc
    with contextlib.closing(connection):
        yield _keys(connection)


def _keys(connection: _AgentSocket) -> list[AgentKey]:
    agent = AgentBase()
    try:
        agent._connect(connection)
    except _FAILURES as exc:
        raise AgentError("it does not answer") from exc
    return [AgentKey(key, connection) for key in agent.get_keys()]
