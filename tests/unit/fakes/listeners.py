# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP servers on loopback with scripted behaviour, for tests of the time before the SSH protocol."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import typing as t

HOST = "127.0.0.1"
Talk = t.Callable[[socket.socket], None]


@contextlib.contextmanager
def listener(talk: Talk) -> t.Iterator[int]:
    """Listen, run ``talk`` for each connection in its own thread, and yield the port."""
    server = socket.create_server((HOST, 0))
    server.settimeout(0.05)
    ending = threading.Event()
    connections: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            talk(connection)

    def accept() -> None:
        while not ending.is_set():
            try:
                connection, _address = server.accept()
            except socket.timeout:
                continue
            connections.append(connection)
            connection.settimeout(5)
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        ending.set()
        thread.join()
        for each in (server, *connections):
            each.close()


def silent(connection: socket.socket) -> None:
    """Accept the connection and send nothing."""


def hanging_up(connection: socket.socket) -> None:
    """Accept the connection and close it."""
    connection.close()


def saying(*pieces: bytes, close: bool = True) -> Talk:
    """Return a talk that sends ``pieces``, then closes the connection or sends nothing more."""

    def talk(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if close:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1024)
            connection.close()

    return talk


def repeating(piece: bytes) -> Talk:
    """Return a talk that sends ``piece`` endlessly."""

    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(piece)

    return talk


def unused_port() -> int:
    """Return a port on which no server listens."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def pump(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes in both directions until one side ends."""
    ends = {one: other, other: one}
    while True:
        readable, _writable, _odd = select.select(list(ends), [], [], 5)
        for end in readable:
            piece = end.recv(65536)
            if not piece:
                return
            ends[end].sendall(piece)
        if not readable:
            return
