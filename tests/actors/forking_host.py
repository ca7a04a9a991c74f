# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that has imported all modules and forks a process for each run, which saves the imports.

Usage: forking_host.py SOCKET. Each connection sends a pickled :class:`module_process.ModuleRun` and receives the exit
status.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import pickle
import socket
import socketserver
import subprocess
import sys
import time
import traceback
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.backhaul.sftp.tests.actors import module_process
from ansible_collections.backhaul.sftp.tests.actors.module_process import KillPoint, ModuleRun, Params


@dataclass(frozen=True)
class ModuleExit:
    """How a run ended: exit status (negative for a signal), the module's result, the steps that it sent, its output."""

    status: int
    result: Params
    steps: tuple[str, ...]
    output: str


class ForkingHost:
    """Context manager: run modules in processes of their own. Several threads may call ``run`` at a time.

    ``run`` raises ``socket.timeout`` for a module that takes longer than ``timeout_seconds``.
    """

    def __init__(self, folder: Path, *, timeout_seconds: float = 60.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._socket = str(folder / "forking_host")
        self._process = subprocess.Popen([sys.executable, "-m", __name__, self._socket])

    def __enter__(self) -> ForkingHost:
        deadline = time.monotonic() + self._timeout_seconds
        while not os.path.exists(self._socket):
            assert self._process.poll() is None and time.monotonic() < deadline, "the forking host does not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._process.terminate()
        self._process.wait()

    def run(
        self,
        files: Path,
        module: str,
        params: Params,
        *,
        programs: dict[str, list[str]] | None = None,
        kill_at: KillPoint | None = None,
    ) -> ModuleExit:
        """Run a module; return when it and its server programs have ended. ``files`` is the prefix of its files."""
        output, steps, lock = (f"{files}.{what}" for what in ("output", "steps", "lock"))
        Path(steps).unlink(missing_ok=True)
        status = self._status(ModuleRun(module, params, output, lock, steps, programs or {}, kill_at))
        with open(lock, "a", encoding="ascii") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # wait until the server programs have done all requests
        text = Path(output).read_text(encoding="utf-8")
        sent = Path(steps).read_text(encoding="ascii").split() if os.path.exists(steps) else []
        return ModuleExit(status, _result(text), tuple(sent), text)

    def _status(self, module_run: ModuleRun) -> int:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(self._timeout_seconds)
            connection.connect(self._socket)
            connection.sendall(pickle.dumps(module_run))
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("r", encoding="ascii") as answer:
                return int(answer.readline())


def _result(output: str) -> Params:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return t.cast(Params, json.loads(lines[-1])) if lines else {}


class _RunHandler(socketserver.StreamRequestHandler):
    """Fork one run and wait for it, in a process of the handler's own."""

    def handle(self) -> None:
        module_run = pickle.load(self.rfile)
        pid = os.fork()
        if not pid:
            _run_and_exit(module_run)
        self.wfile.write(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _run_and_exit(module_run: ModuleRun) -> t.NoReturn:
    status = 1
    try:
        module_process.run(module_run)
    except SystemExit as exc:
        status = exc.code if isinstance(exc.code, int) else 1
    except BaseException:  # noqa: BLE001 - printed, and status 1
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    timeout = 0.5
    max_children = request_queue_size = 64


def main() -> None:
    """Serve until the parent process has ended."""
    for module in module_process.MODULES:
        importlib.import_module(module)
    owner = os.getppid()
    with _Server(sys.argv[1], _RunHandler) as server:
        while os.getppid() == owner:
            server.handle_request()


if __name__ == "__main__":
    main()
