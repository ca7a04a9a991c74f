# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module in a process of its own that ends itself at a step of the protocol: what :mod:`nursery` has forked.

A step is one piece that is sent to a server: a request, or a command to run. Nobody lists them: they are counted where
they pass, whatever a module sends. To be tried one by one they must be cheap, so most orders speak SFTP to OpenSSH's
own server program over a socket pair; without ``programs`` everything goes over SSH to servers that run already.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import typing as t
from dataclasses import dataclass, field, fields

from ansible.module_utils import basic

from ansible_collections.backhaul.sftp.plugins.module_utils._model import ConnectionReport, Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._module import connection_pool
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import channels
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import Connection

Knobs = t.Dict[str, t.Any]
# The type of each SFTP packet (draft-ietf-secsh-filexfer-02 section 3); anything else is a command.
_PLUGINS = "ansible_collections.backhaul.sftp.plugins.modules"
MODULES = tuple(f"{_PLUGINS}.sftp_{name}" for name in ("relay", "get", "put", "find"))
NAMES = {1: "INIT", 3: "OPEN", 4: "CLOSE", 5: "READ", 6: "WRITE", 7: "LSTAT", 8: "FSTAT", 9: "SETSTAT", 10: "FSETSTAT"}
NAMES.update({11: "OPENDIR", 12: "READDIR", 13: "REMOVE", 14: "MKDIR", 15: "RMDIR", 16: "REALPATH", 17: "STAT"})
NAMES.update({18: "RENAME", 200: "EXTENDED"})
# A socket pair that holds more than a small file makes what is under way look endless.
_BUFFER_BYTES = 64 * 1024


@dataclass(frozen=True)
class End:
    """How a victim ends: by which signal, at which step (from 1), and whether that goes out before."""

    step: int
    signal: int = signal.SIGKILL
    is_sent: bool = True


@dataclass(frozen=True)
class Order:
    """What to run: a module with its parameters; ``output`` and ``steps`` are files for what it says and sends.

    ``programs`` are the SFTP servers by host. They, and the victim, hold ``lock`` for as long as they live.
    """

    module: str
    params: Knobs
    output: str
    lock: str
    steps: str = ""
    programs: dict[str, list[str]] = field(default_factory=dict)
    end: End | None = None


def run(order: Order) -> None:
    """Run the module to the end, or to its own."""
    lock = os.open(order.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    output = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    steps = _Steps(order)
    if order.programs:
        _speak_directly(order.programs, lock)
    for kind in (channels.ChannelDuplex, _Pair):
        steps.count_in(kind)
    steps.count_commands()
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": order.params}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    importlib.import_module(f"{_PLUGINS}.{order.module}").main()


class _Steps:
    """Counts what is sent, of all threads together, and ends this process when it is time."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._lock = threading.Lock()
        self._count = 0

    def count_in(self, kind: t.Any) -> None:
        """Count what a kind of ``Duplex`` sends."""
        send = kind.send

        def counted(duplex: t.Any, data: bytes, *, timeout_seconds: float) -> None:
            number = self._next(NAMES.get(data[4], str(data[4])))
            self._end_if(number, is_sent=False)
            send(duplex, data, timeout_seconds=timeout_seconds)
            self._end_if(number, is_sent=True)

        kind.send = counted

    def count_commands(self) -> None:
        """Count the commands that servers are to run."""
        run_command = channels.run_command

        def counted(transport: t.Any, command: str, **knobs: t.Any) -> tuple[int, bytes]:
            number = self._next("COMMAND")
            self._end_if(number, is_sent=False)
            answer = run_command(transport, command, **knobs)
            self._end_if(number, is_sent=True)
            return answer

        channels.run_command = counted

    def _next(self, name: str) -> int:
        with self._lock:
            self._count += 1
            if self._order.steps:
                with open(self._order.steps, "a", encoding="ascii") as file:
                    file.write(f"{name}\n")
            return self._count

    def _end_if(self, number: int, *, is_sent: bool) -> None:
        end = self._order.end
        if end is not None and (end.step, end.is_sent) == (number, is_sent):
            os.kill(os.getpid(), end.signal)


class _Pair:
    """One end of a socket pair as the SFTP layer's ``Duplex``, with a server program at the other."""

    room_bytes = 2 * 1024 * 1024

    def __init__(self, command: list[str], lock: int) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), pass_fds=[lock])

    def send(self, data: bytes, *, timeout_seconds: float) -> None:
        self._socket.sendall(data)

    def receive(self, *, timeout_seconds: float, wanted_bytes: int = 1) -> bytes | None:
        if not select.select([self._socket], [], [], timeout_seconds)[0]:
            return None
        return self._socket.recv(1 << 20)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


class _Direct:
    """Stands for a transport: knows which program is the server, and has a shell."""

    def __init__(self, command: list[str], lock: int) -> None:
        self.command, self._lock = command, lock

    def open(self, **_knobs: t.Any) -> _Pair:
        return _Pair(self.command, self._lock)


def _speak_directly(programs: t.Mapping[str, list[str]], lock: int) -> None:
    def connect(endpoint: Endpoint) -> Connection:
        direct: t.Any = _Direct(programs[endpoint.host], lock)
        return Connection(endpoint, direct, _report(endpoint))

    def run_command(
        _direct: t.Any, command: str, *, stdin: bytes, timeout_seconds: float, limit_bytes: int, waiting: object
    ) -> tuple[int, bytes]:
        done = subprocess.run(
            ["/bin/sh", "-c", command], input=stdin, stdout=subprocess.PIPE, timeout=timeout_seconds, check=False
        )
        return done.returncode, done.stdout[:limit_bytes]

    replaced: t.Any = channels
    replaced.open_sftp = replaced.open_further_sftp = lambda direct, **knobs: direct.open(**knobs)
    replaced.run_command = run_command
    setattr(connection_pool, "connect", connect)  # noqa: B010 - imported there, and not exported


def _report(endpoint: Endpoint) -> ConnectionReport:
    known: Knobs = {"name": endpoint.label, "host": endpoint.host, "port": endpoint.port, "strict_kex": True}
    unknown: Knobs = {each.name: "" for each in fields(ConnectionReport) if each.name not in (*known, "jumps")}
    return ConnectionReport(**known, **unknown)
