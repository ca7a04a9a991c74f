# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy that delays every byte without limiting the rate; a program of its own with one thread.

    python -I -S delaying.py SECONDS HOST:PORT [HOST:PORT...]

It prints the port that it listens on for each server, and ends with its standard input. The lab's proxy can also cut,
stall and corrupt; this one must be faster than the measured programs, so it buffers all delayed bytes.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import sys
import time
import typing as t
from collections import deque

_CHUNK_BYTES = 1024 * 1024
_Loop = selectors.BaseSelector


class _Half:
    """One direction of one connection: bytes from one socket that are due later at the other."""

    def __init__(self, source: socket.socket, target: socket.socket, delay_seconds: float) -> None:
        self._source, self._target = source, target
        self._delay_seconds = delay_seconds
        self._waiting: deque[tuple[float, memoryview]] = deque()
        self._ended = False
        self.finished = False

    def read(self) -> bool:
        """Read the available bytes; return whether more may follow."""
        try:
            chunk = self._source.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            chunk = b""
        self._ended = not chunk
        self._waiting.append((time.monotonic() + self._delay_seconds, memoryview(chunk)))
        return not self._ended

    def write(self, now: float) -> float | None:
        """Write the due bytes; return the time of the next call, or None without waiting bytes."""
        while self._waiting and self._waiting[0][0] <= now:
            due, chunk = self._waiting.popleft()
            if not chunk:
                self._finish()
                return None
            try:
                sent = self._target.send(chunk)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._finish()
                return None
            if sent < len(chunk):
                self._waiting.appendleft((due, chunk[sent:]))
                return now + 0.001  # the receiver's buffer is full
        return self._waiting[0][0] if self._waiting else None

    def _finish(self) -> None:
        self.finished = True
        self._waiting.clear()
        with contextlib.suppress(OSError):
            self._target.shutdown(socket.SHUT_WR)


class _Proxy:
    """Forwards all connections to all servers in one selector loop."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._loop: _Loop = selectors.DefaultSelector()
        self._pairs: list[tuple[_Half, _Half, socket.socket, socket.socket]] = []
        self._loop.register(sys.stdin, selectors.EVENT_READ, None)

    def listen(self, server: tuple[str, int]) -> int:
        """Listen for connections to one server and return the port."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._loop.register(listener, selectors.EVENT_READ, lambda: self._accept(listener, server))
        return int(listener.getsockname()[1])

    def run(self) -> None:
        """Forward bytes until standard input ends."""
        due: float | None = None
        while True:
            timeout = None if due is None else max(0.0, due - time.monotonic())
            for key, _events in self._loop.select(timeout):
                if key.data is None:
                    return
                key.data()
            due = self._write_due()

    def _write_due(self) -> float | None:
        now = time.monotonic()
        moments = [half.write(now) for pair in self._pairs for half in pair[:2]]
        for pair in [pair for pair in self._pairs if pair[0].finished and pair[1].finished]:
            self._pairs.remove(pair)
            for end in pair[2:]:
                with contextlib.suppress(KeyError):  # a socket that has not ended is still registered
                    self._loop.unregister(end)
                end.close()
        return min((moment for moment in moments if moment is not None), default=None)

    def _accept(self, listener: socket.socket, server: tuple[str, int]) -> None:
        client, _address = listener.accept()
        try:
            far = socket.create_connection(server)
        except OSError:
            client.close()
            return
        for end in (client, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)
        up, down = _Half(client, far, self._delay_seconds), _Half(far, client, self._delay_seconds)
        self._pairs.append((up, down, client, far))
        self._watch(client, up)
        self._watch(far, down)

    def _watch(self, end: socket.socket, half: _Half) -> None:
        def ready() -> None:
            if not half.read():
                self._loop.unregister(end)

        self._loop.register(end, selectors.EVENT_READ, ready)


def main(arguments: t.Sequence[str]) -> None:
    """Listen for every server, print the ports, and forward bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the benchmark handles Ctrl-C and then closes our standard input
    proxy = _Proxy(float(arguments[0]))
    for address in arguments[1:]:
        host, port = address.rsplit(":", 1)
        print(proxy.listen((host, int(port))), flush=True)
    proxy.run()


if __name__ == "__main__":
    main(sys.argv[1:])
