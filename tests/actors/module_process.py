# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module in a process of its own, forked by :mod:`forking_host`, that kills itself at a step of the protocol.

A step is one SFTP packet or command that is sent to a server. Steps are counted where they are sent, so no list of them
is kept. A test tries hundreds of steps, so a run usually speaks SFTP to OpenSSH's server program over a socket pair.
Without ``programs`` it connects over SSH to running servers.
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

Params = t.Dict[str, t.Any]
# The type of each SFTP packet (draft-ietf-secsh-filexfer-02 section 3); anything else is a command.
_PLUGINS = "ansible_collections.backhaul.sftp.plugins.modules"
MODULES = tuple(f"{_PLUGINS}.sftp_{name}" for name in ("relay", "get", "put", "find"))
NAMES = {1: "INIT", 3: "OPEN", 4: "CLOSE", 5: "READ", 6: "WRITE", 7: "LSTAT", 8: "FSTAT", 9: "SETSTAT", 10: "FSETSTAT"}
NAMES.update({11: "OPENDIR", 12: "READDIR", 13: "REMOVE", 14: "MKDIR", 15: "RMDIR", 16: "REALPATH", 17: "STAT"})
NAMES.update({18: "RENAME", 200: "EXTENDED"})
# A small buffer, so that the bytes in flight of a small file do not all fit.
_BUFFER_BYTES = 64 * 1024


@dataclass(frozen=True)
class KillPoint:
    """When the process kills itself: the step (from 1), the signal, and whether the step is sent before."""

    step: int
    signal: int = signal.SIGKILL
    is_sent: bool = True


@dataclass(frozen=True)
class ModuleRun:
    """A module with its parameters. The file ``output`` gets its output, the file ``steps`` the names of its steps.

    ``programs`` are SFTP server commands by host. These programs and the module's process lock ``lock`` until they end.
    """

    module: str
    params: Params
    output: str
    lock: str
    steps: str = ""
    programs: dict[str, list[str]] = field(default_factory=dict)
    kill_at: KillPoint | None = None


def run(module_run: ModuleRun) -> None:
    """Run the module to its end or to the kill point."""
    lock = os.open(module_run.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    output = os.open(module_run.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    steps = _Steps(module_run)
    if module_run.programs:
        _replace_ssh(module_run.programs, lock)
    for kind in (channels.ChannelDuplex, _Pair):
        steps.count_in(kind)
    steps.count_commands()
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": module_run.params}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    importlib.import_module(f"{_PLUGINS}.{module_run.module}").main()


class _Steps:
    """Counts the steps of all threads and kills this process at the kill point."""

    def __init__(self, module_run: ModuleRun) -> None:
        self._run = module_run
        self._lock = threading.Lock()
        self._count = 0

    def count_in(self, kind: t.Any) -> None:
        """Count the packets that a class of ``Duplex`` sends."""
        send = kind.send

        def counted(duplex: t.Any, data: bytes, *, timeout_seconds: float) -> None:
            number = self._next(NAMES.get(data[4], str(data[4])))
            self._kill_if(number, is_sent=False)
            try:
                send(duplex, data, timeout_seconds=timeout_seconds)
            finally:  # a further write channel may end while its first packet is sent; the step counts all the same
                self._kill_if(number, is_sent=True)

        kind.send = counted

    def count_commands(self) -> None:
        """Count the commands that servers run."""
        run_command = channels.run_command

        def counted(transport: t.Any, command: str, **options: t.Any) -> tuple[int, bytes]:
            number = self._next("COMMAND")
            self._kill_if(number, is_sent=False)
            try:
                return run_command(transport, command, **options)
            finally:  # a command may fail, and is replaced by reading the file back; the step counts all the same
                self._kill_if(number, is_sent=True)

        channels.run_command = counted

    def _next(self, name: str) -> int:
        with self._lock:
            self._count += 1
            if self._run.steps:
                with open(self._run.steps, "a", encoding="ascii") as file:
                    file.write(f"{name}\n")
            return self._count

    def _kill_if(self, number: int, *, is_sent: bool) -> None:
        point = self._run.kill_at
        if point is not None and (point.step, point.is_sent) == (number, is_sent):
            os.kill(os.getpid(), point.signal)


class _Pair:
    """One end of a socket pair as the SFTP layer's ``Duplex``, with a server program at the other."""

    room_bytes = 2 * 1024 * 1024

    def __init__(self, command: list[str], lock: int) -> None:
        self._socket, peer = socket.socketpair()
        with peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            self._process = subprocess.Popen(command, stdin=peer.fileno(), stdout=peer.fileno(), pass_fds=[lock])

    def send(self, data: bytes, *, timeout_seconds: float) -> None:
        self._socket.sendall(data)

    def receive(self, *, timeout_seconds: float, wanted_bytes: int = 1) -> bytes | None:
        if not select.select([self._socket], [], [], timeout_seconds)[0]:
            return None
        return self._socket.recv(1 << 20)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


class _ProgramTransport:
    """Replaces a paramiko transport: ``open`` starts the server program."""

    def __init__(self, command: list[str], lock: int) -> None:
        self.command, self._lock = command, lock

    def open(self, **_options: t.Any) -> _Pair:
        return _Pair(self.command, self._lock)


def _replace_ssh(programs: t.Mapping[str, list[str]], lock: int) -> None:
    def connect(endpoint: Endpoint) -> Connection:
        direct: t.Any = _ProgramTransport(programs[endpoint.host], lock)
        return Connection(endpoint, direct, _report(endpoint))

    def run_command(
        _transport: t.Any, command: str, *, stdin: bytes, timeout_seconds: float, limit_bytes: int, waiting: object
    ) -> tuple[int, bytes]:
        done = subprocess.run(
            ["/bin/sh", "-c", command], input=stdin, stdout=subprocess.PIPE, timeout=timeout_seconds, check=False
        )
        return done.returncode, done.stdout[:limit_bytes]

    replaced: t.Any = channels
    replaced.open_sftp = replaced.open_further_sftp = lambda direct, **options: direct.open(**options)
    replaced.run_command = run_command
    setattr(connection_pool, "connect", connect)  # noqa: B010 - imported there, and not exported


def _report(endpoint: Endpoint) -> ConnectionReport:
    known: Params = {"name": endpoint.label, "host": endpoint.host, "port": endpoint.port, "strict_kex": True}
    unknown: Params = {each.name: "" for each in fields(ConnectionReport) if each.name not in (*known, "jumps")}
    return ConnectionReport(**known, **unknown)
