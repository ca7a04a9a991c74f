# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy on loopback that a test can make misbehave, per direction."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import select
import socket
import struct
import threading
import time
import typing as t
from dataclasses import dataclass, field

from .processes import HOST

_CHUNK_BYTES = 32 * 1024
_QUEUED_CHUNKS = 64
_TICK_SECONDS = 0.02


@dataclass
class _Fault:
    """Something that happens when a connection has passed ``at`` bytes; ``times`` connections meet it."""

    kind: str
    at: int
    times: int
    act: t.Callable[[], None] = lambda: None


@dataclass
class Direction:
    """How one direction behaves: ``upstream`` is from the client to the server, ``downstream`` the other.

    Positions count the bytes of one connection in this direction, from 0. A fault with a position happens to the next
    connections that get there, ``times`` of them; the others pass unharmed.
    """

    passed_bytes: int = 0
    delay_seconds: float = 0.0
    bytes_per_second: float = 0.0
    _open: threading.Event = field(default_factory=threading.Event)
    _faults: list[_Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._open.set()

    def stall(self) -> None:
        """Pass nothing more, on any connection, until :meth:`resume`."""
        self._open.clear()

    def resume(self) -> None:
        """Let the bytes flow again."""
        self._open.set()

    def stall_at(self, position: int, *, times: int = 1) -> None:
        """Pass ``position`` bytes, then stall this direction."""
        self._add(_Fault("stall", position, times))

    def cut_at(self, position: int, *, times: int = 1) -> None:
        """Pass ``position`` bytes, then reset the connection on both sides."""
        self._add(_Fault("cut", position, times))

    def flip_at(self, position: int, *, times: int = 1) -> None:
        """Invert the lowest bit of the byte at ``position``."""
        self._add(_Fault("flip", position, times))

    def drip_at(self, position: int, *, bytes_per_second: float = 1) -> None:
        """Pass ``position`` bytes, then next to nothing, on any connection, until :meth:`throttle`."""
        self.do_at(position, lambda: self.throttle(bytes_per_second))

    def do_at(self, position: int, act: t.Callable[[], None], *, times: int = 1) -> None:
        """Pass ``position`` bytes, then let ``act`` do whatever it does, and go on."""
        self._add(_Fault("act", position, times, act))

    def forgive(self) -> None:
        """Forget what was still to happen."""
        with self._lock:
            self._faults.clear()

    def delay(self, seconds: float) -> None:
        """Deliver every byte this much later, without slowing the stream."""
        self.delay_seconds = seconds

    def throttle(self, bytes_per_second: float) -> None:
        """Pass no more than this; 0 means as fast as it goes."""
        self.bytes_per_second = bytes_per_second

    def _add(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def take_fault(self, start: int, end: int) -> _Fault | None:
        """Return the first fault between two positions of a connection, and use it up."""
        with self._lock:
            due = [fault for fault in self._faults if fault.times > 0 and start <= fault.at < end]
            if not due:
                return None
            first = min(due, key=lambda fault: fault.at)
            first.times -= 1
            return first

    def count(self, number: int) -> None:
        """Add to the bytes that were passed on all connections."""
        with self._lock:
            self.passed_bytes += number

    @property
    def is_open(self) -> bool:
        """Whether bytes may pass."""
        return self._open.is_set()


class Proxy:
    """Listen on a free port and pass every connection on to a server, as long as the ``with`` block lasts.

    ``upstream`` and ``downstream`` say how; ``connections`` counts what was accepted. With ``refusing`` a new
    connection is closed at once.
    """

    def __init__(self, server: t.Any) -> None:
        """Take anything with ``host`` and ``port``."""
        self._server = server
        self.upstream = Direction()
        self.downstream = Direction()
        self.connections = 0
        self.refusing = False
        self._listener = socket.create_server((HOST, 0))
        self.host, self.port = self._listener.getsockname()
        self._links: list[_Link] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept() on Linux; macOS wakes it on close
        self._listener.close()
        self._thread.join(10.0)
        self.cut()

    @property
    def open_connections(self) -> int:
        """How many connections are up now."""
        return sum(not link.closed.is_set() for link in self._links)

    def cut(self) -> None:
        """Reset every connection now."""
        for link in list(self._links):
            link.reset()

    def half_open(self) -> None:
        """Lose the server without a word: its side is closed, the client's stays up and is never answered.

        This is for the connections that are up; a new one goes through.
        """
        for link in list(self._links):
            link.drop_server()

    def endpoint(self, role: str = "endpoint") -> t.Any:
        """Return the server's endpoint with the proxy's port in place of the server's own."""
        return dataclasses.replace(self._server.endpoint(role), host=self.host, port=self.port)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refusing:
                client.close()
                continue
            try:
                server = socket.create_connection((self._server.host, self._server.port), timeout=5.0)
            except OSError:
                client.close()
                continue
            link = _Link(client, server)
            self._links.append(link)  # before it works, so that whoever has an answer can also cut it
            link.start(self.upstream, self.downstream)


class _Link:
    """One connection: two sockets, and a reading and a writing thread for each direction."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client, self._server = client, server
        self.closed = threading.Event()
        self.silent = False
        self._finished_directions = 0
        self._lock = threading.Lock()
        for end in (client, server):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self, upstream: Direction, downstream: Direction) -> None:
        """Pass bytes in both directions from now on."""
        _Pump(self, upstream, self._client, self._server)
        _Pump(self, downstream, self._server, self._client)

    def reset(self) -> None:
        """Close both sides with a TCP reset."""
        self.closed.set()
        for end in (self._client, self._server):
            _reset(end)

    def finish(self, target: socket.socket) -> None:
        """Pass the end of one direction on; with both at their end, close."""
        if self.silent:
            return
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        with self._lock:
            self._finished_directions += 1
            if self._finished_directions < 2:
                return
        self.closed.set()
        self._client.close()
        self._server.close()

    def drop_server(self) -> None:
        """Close the server's side only, and swallow whatever the client sends from now on."""
        self.silent = True
        _reset(self._server)


class _Pump:
    """Carry one direction of one connection; a queue between reader and writer keeps delays from slowing it."""

    def __init__(self, link: _Link, direction: Direction, source: socket.socket, target: socket.socket) -> None:
        self._link, self._direction = link, direction
        self._source, self._target = source, target
        self._queue: queue.Queue[tuple[float, bytes]] = queue.Queue(_QUEUED_CHUNKS)
        self._position = 0
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        while not self._link.closed.is_set():
            try:
                chunk = self._source.recv(_CHUNK_BYTES)
            except OSError:
                chunk = b""
            self._put((time.monotonic() + self._direction.delay_seconds, chunk))
            if not chunk:
                return

    def _put(self, item: tuple[float, bytes]) -> None:
        while not self._link.closed.is_set():
            try:
                self._queue.put(item, timeout=_TICK_SECONDS)
            except queue.Full:
                continue
            return

    def _write(self) -> None:
        while not self._link.closed.is_set():
            try:
                due, chunk = self._queue.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
            self._sleep(due - time.monotonic())
            if not chunk:
                self._link.finish(self._target)
                return
            self._write_and_publish(chunk)

    def _write_and_publish(self, chunk: bytes) -> None:
        while chunk and not self._link.closed.is_set():
            fault = self._direction.take_fault(self._position, self._position + len(chunk))
            if fault is None:
                self._pass(chunk)
                return
            before = fault.at - self._position
            self._pass(chunk[:before])
            chunk = chunk[before:]
            if fault.kind == "cut":
                self._link.reset()
                return
            if fault.kind == "stall":
                self._direction.stall()
            elif fault.kind == "act":
                fault.act()
            # With this byte gone, the next fault is the next connection's.
            self._pass(bytes([chunk[0] ^ (fault.kind == "flip")]))
            chunk = chunk[1:]

    def _pass(self, data: bytes) -> None:
        while data and not self._link.closed.is_set():
            if not self._direction.is_open:
                self._sleep(_TICK_SECONDS)
                continue
            rate = self._direction.bytes_per_second
            portion = data[: max(1, int(rate * _TICK_SECONDS))] if rate else data
            self._send(portion)
            self._position += len(portion)
            self._direction.count(len(portion))
            data = data[len(portion) :]
            if rate:
                self._sleep(len(portion) / rate)

    def _send(self, data: bytes) -> None:
        while data and not self._link.closed.is_set() and not self._link.silent:
            try:
                if select.select([], [self._target], [], _TICK_SECONDS)[1]:
                    data = data[self._target.send(data, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
            except (OSError, ValueError):  # ValueError: another thread has closed the socket
                if not self._link.silent:
                    self._link.reset()

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._link.closed.wait(seconds)


def _reset(end: socket.socket) -> None:
    # SO_LINGER of 0 makes close() send RST; shutdown() wakes the threads that wait in this socket.
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    end.close()
