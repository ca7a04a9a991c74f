# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy on loopback with network faults for each direction."""

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
    """A fault at the byte ``position`` of a connection, for the next ``times`` connections that reach it."""

    kind: str
    position: int
    times: int
    act: t.Callable[[], None] = lambda: None


@dataclass
class Direction:
    """The faults of one direction: ``upstream`` is from the client to the server, ``downstream`` the other.

    Positions count the bytes of one connection in this direction, from 0. A fault with a position happens to the next
    ``times`` connections that reach it, and to no others.
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
        """Pass bytes again."""
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
        """Pass ``position`` bytes, then throttle all connections until :meth:`throttle`."""
        self.do_at(position, lambda: self.throttle(bytes_per_second))

    def do_at(self, position: int, act: t.Callable[[], None], *, times: int = 1) -> None:
        """Pass ``position`` bytes, call ``act``, and go on."""
        self._add(_Fault("act", position, times, act))

    def clear_faults(self) -> None:
        """Remove the faults that have not happened."""
        with self._lock:
            self._faults.clear()

    def delay(self, seconds: float) -> None:
        """Delay every byte by this time, without limiting the rate."""
        self.delay_seconds = seconds

    def throttle(self, bytes_per_second: float) -> None:
        """Limit the rate; 0 removes the limit."""
        self.bytes_per_second = bytes_per_second

    def _add(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def take_fault(self, start: int, end: int) -> _Fault | None:
        """Return the first fault between two positions of a connection and count it as done."""
        with self._lock:
            due = [fault for fault in self._faults if fault.times > 0 and start <= fault.position < end]
            if not due:
                return None
            first = min(due, key=lambda fault: fault.position)
            first.times -= 1
            return first

    def count(self, number: int) -> None:
        """Add to ``passed_bytes``, the sum over all connections."""
        with self._lock:
            self.passed_bytes += number

    @property
    def is_open(self) -> bool:
        """Whether bytes may pass."""
        return self._open.is_set()


class Proxy:
    """Context manager: listen on a free port and forward every connection to a server.

    ``upstream`` and ``downstream`` have the faults. ``connections`` counts accepted connections. With ``refusing``
    a new connection is closed at once.
    """

    def __init__(self, server: t.Any) -> None:
        """Forward to ``server.host`` and ``server.port``."""
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
        """The number of open connections."""
        return sum(not link.closed.is_set() for link in self._links)

    def cut(self) -> None:
        """Reset every connection now."""
        for link in list(self._links):
            link.reset()

    def half_open(self) -> None:
        """Close the server's side; the client's side stays open and gets no more bytes.

        Open connections only; new ones are forwarded.
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
            self._links.append(link)  # before bytes pass, so that cut() sees every connection with a reply
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
        """Start to pass bytes in both directions."""
        _Pump(self, upstream, self._client, self._server)
        _Pump(self, downstream, self._server, self._client)

    def reset(self) -> None:
        """Close both sides with a TCP reset."""
        self.closed.set()
        for end in (self._client, self._server):
            _reset(end)

    def finish(self, target: socket.socket) -> None:
        """Shut down one direction; close the connection after both."""
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
        """Close the server's side only; discard further bytes of the client."""
        self.silent = True
        _reset(self._server)


class _Pump:
    """Passes one direction of one connection; its queue keeps delays from limiting the rate."""

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
            self._pass_with_faults(chunk)

    def _pass_with_faults(self, chunk: bytes) -> None:
        while chunk and not self._link.closed.is_set():
            fault = self._direction.take_fault(self._position, self._position + len(chunk))
            if fault is None:
                self._pass(chunk)
                return
            before = fault.position - self._position
            self._pass(chunk[:before])
            chunk = chunk[before:]
            if fault.kind == "cut":
                self._link.reset()
                return
            if fault.kind == "stall":
                self._direction.stall()
            elif fault.kind == "act":
                fault.act()
            # After this byte, a fault at the same position is for the next connection.
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
