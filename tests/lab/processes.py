# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a server program on a free port and wait until it accepts connections."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

HOST = "127.0.0.1"
_GUARDIAN = Path(__file__).with_name("guardian.py")
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_PORT_ATTEMPTS = 5
# A lock on a file of this folder keeps its port for one process.
_PORTS = Path(tempfile.gettempdir(), f"backhaul-lab-ports-{os.getuid()}")
_held: list[t.IO[str]] = []


class Guarded:
    """A running server program. It ends at :meth:`stop` or with this process, which also removes ``folders``."""

    def __init__(self, command: t.Sequence[str], log: Path, *, folders: t.Sequence[Path] = ()) -> None:
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARDIAN), str(log), ":".join(map(str, folders)), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._guardian.stdout is not None
        self.pid = int(self._guardian.stdout.readline())

    @property
    def running(self) -> bool:
        """Whether the server runs; its guardian ends with it."""
        return self._guardian.poll() is None

    def stop(self) -> None:
        """End the server and all its sessions; do nothing if it has ended."""
        assert self._guardian.stdin is not None and self._guardian.stdout is not None
        if not self._guardian.stdin.closed:
            with contextlib.suppress(BrokenPipeError), self._guardian.stdin as stream:
                stream.write(b".")
        self._guardian.stdout.close()
        self._guardian.wait(_STOP_SECONDS)


def free_port() -> int:
    """Return a free port; no other process of the tests gets it while this one runs.

    Ports are below the range of outgoing connections (ip_local_port_range).
    """
    _PORTS.mkdir(mode=0o700, exist_ok=True)
    while True:
        port = random.randrange(20_000, 32_000)
        lock = open(_PORTS / str(port), "w", encoding="ascii")  # noqa: SIM115 - held until this process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind((HOST, port))
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return port


def start_on_port(command: t.Sequence[str], log: Path, port: int, *, folders: t.Sequence[Path] = ()) -> Guarded:
    """Start a server on ``port`` and wait for its greeting; raise RuntimeError with its log otherwise."""
    server = Guarded(command, log, folders=folders)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while server.running and time.monotonic() < deadline:
            if _greets(port):
                return server
            time.sleep(0.02)
        raise RuntimeError(f"{command[0]} does not answer on port {port}:\n{_tail(log)}")
    except BaseException:
        server.stop()
        raise


def start_on_free_port(
    configure: t.Callable[[int], t.Sequence[str]], log: Path, *, folders: t.Sequence[Path] = ()
) -> tuple[Guarded, int]:
    """Start a server on a free port; ``configure`` returns the command for a port.

    Retry with another port, because another program may take the port before the server listens.
    """
    for _attempt in range(_PORT_ATTEMPTS):
        port = free_port()
        try:
            return start_on_port(configure(port), log, port, folders=folders), port
        except RuntimeError:
            if "in use" not in _tail(log).lower():
                raise
    raise RuntimeError(f"no free port in {_PORT_ATTEMPTS} attempts:\n{_tail(log)}")


def _greets(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=5.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else "(no log)"
