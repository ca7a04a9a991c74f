# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where victims come from: forked from a process that has imported everything and connected to nothing.

Usage: nursery.py SOCKET, with an :class:`victim.Order` pickled on each connection, answered by an exit status.
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

from ansible_collections.backhaul.sftp.tests.faults import victim
from ansible_collections.backhaul.sftp.tests.faults.victim import End, Knobs, Order


@dataclass(frozen=True)
class Ended:
    """How a victim ended: its exit status, negative for a signal; what it returned; and what it sent, in order."""

    status: int
    result: Knobs
    steps: tuple[str, ...]
    output: str


class Nursery:
    """Runs modules in processes of their own, several at a time if called from several threads; a context manager.

    One that takes longer than ``patience_seconds`` hangs.
    """

    def __init__(self, folder: Path, *, patience_seconds: float = 60.0) -> None:
        self._patience_seconds = patience_seconds
        self._socket = str(folder / "nursery")
        self._process = subprocess.Popen([sys.executable, "-m", __name__, self._socket])

    def __enter__(self) -> Nursery:
        deadline = time.monotonic() + self._patience_seconds
        while not os.path.exists(self._socket):
            assert self._process.poll() is None and time.monotonic() < deadline, "the nursery does not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._process.terminate()
        self._process.wait()

    def run(
        self,
        files: Path,
        module: str,
        params: Knobs,
        *,
        programs: dict[str, list[str]] | None = None,
        end: End | None = None,
    ) -> Ended:
        """Run a module, and return when it and all that it has started is over; its ``files`` begin like that."""
        output, steps, lock = (f"{files}.{what}" for what in ("output", "steps", "lock"))
        Path(steps).unlink(missing_ok=True)
        status = self._status(Order(module, params, output, lock, steps, programs or {}, end))
        with open(lock, "a", encoding="ascii") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # until the servers have done all that they were asked for
        said = Path(output).read_text(encoding="utf-8")
        sent = Path(steps).read_text(encoding="ascii").split() if os.path.exists(steps) else []
        return Ended(status, _result(said), tuple(sent), said)

    def _status(self, order: Order) -> int:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(self._patience_seconds)
            connection.connect(self._socket)
            connection.sendall(pickle.dumps(order))
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("r", encoding="ascii") as answer:
                return int(answer.readline())


def _result(output: str) -> Knobs:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return t.cast(Knobs, json.loads(lines[-1])) if lines else {}


class _Midwife(socketserver.StreamRequestHandler):
    """Runs one victim; it has a process of its own, too, to wait in."""

    def handle(self) -> None:
        order = pickle.load(self.rfile)
        pid = os.fork()
        if not pid:
            _live(order)
        self.wfile.write(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _live(order: Order) -> t.NoReturn:
    status = 1
    try:
        victim.run(order)
    except SystemExit as exc:
        status = exc.code if isinstance(exc.code, int) else 1
    except BaseException:  # noqa: BLE001 - shown, and told by the status
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    timeout = 0.5
    max_children = request_queue_size = 64


def main() -> None:
    """Serve until whoever started this is gone."""
    for module in victim.MODULES:
        importlib.import_module(module)
    owner = os.getppid()
    with _Server(sys.argv[1], _Midwife) as server:
        while os.getppid() == owner:
            server.handle_request()


if __name__ == "__main__":
    main()
