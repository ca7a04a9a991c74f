# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What runs on an open connection: SFTP sessions, and constant commands."""

from __future__ import annotations

import contextlib
import socket
import time
import typing as t

from .._errors import BackhaulError, LinkError, RemoteError
from .._filesystem import Buffer
from .boundary import closing_after, translated
from .dependency import SSHException
from .transport import RawSocket, VerifiedTransport

# What a server may send ahead of being read: holds 64 replies of 255 KiB, and bounds what is kept.
WINDOW_BYTES = 16 * 1024 * 1024
_RECEIVE_BYTES = 4 * 1024 * 1024


class ChannelDuplex:
    """A session channel as the SFTP layer's ``Duplex``."""

    def __init__(self, transport: VerifiedTransport, channel: t.Any) -> None:
        self._transport = transport
        self._channel = channel

    def send(self, data: Buffer, *, timeout_seconds: float) -> None:
        """Send all of ``data``; each part must be taken within ``timeout_seconds``."""
        view = memoryview(data)
        self._channel.settimeout(timeout_seconds)
        with translated("sending"):
            while view:
                sent = self._channel.send(view)
                if not sent:
                    raise self._lost()
                view = view[sent:]

    def receive(self, *, timeout_seconds: float) -> bytes | None:
        """Return what has arrived; None after ``timeout_seconds`` without a byte, empty bytes at the end."""
        self._channel.settimeout(timeout_seconds)
        try:
            data = t.cast(bytes, self._channel.recv(_RECEIVE_BYTES))
        except socket.timeout:
            return None
        if not data and not self._transport.is_active():
            raise self._lost()
        return data

    def _lost(self) -> BackhaulError:
        """Return why the connection ended, as far as the transport knows: a refused rekey stays a TrustError."""
        try:
            with translated("transferring"):
                raise self._transport.get_exception() or EOFError()
        except BackhaulError as exc:
            return exc

    def close(self) -> None:
        """Close the channel; never raises."""
        with contextlib.suppress(Exception):
            self._channel.close()


def open_sftp(transport: VerifiedTransport, *, command: str, seconds: float) -> ChannelDuplex:
    """Open a session channel and start SFTP on it: the subsystem, or ``command`` (RFC 4254 section 6.5)."""
    phase = "starting the SFTP server"
    with closing_after(seconds, transport.sock.close, phase=phase), translated(phase):
        channel = transport.open_session(window_size=WINDOW_BYTES, timeout=seconds)
        try:
            if command:
                channel.exec_command(command)
            else:
                channel.invoke_subsystem("sftp")
        except SSHException as exc:
            if not transport.is_active():
                raise
            raise RemoteError(
                "unsupported",
                f"the server does not start {command or 'its SFTP subsystem'} for this account",
                remedy="Check the server's 'Subsystem sftp' setting and what this account may use.",
            ) from exc
    return ChannelDuplex(transport, channel)


def open_tunnel(transport: VerifiedTransport, host: str, port: int, *, seconds: float) -> RawSocket:
    """Open a channel to another server through this one (direct-tcpip, RFC 4254 section 7.2)."""
    with translated(f"asking the jump host for a way to {host} port {port}"):
        return t.cast(
            RawSocket,
            transport.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), window_size=WINDOW_BYTES, timeout=seconds
            ),
        )


def run_command(
    transport: VerifiedTransport, command: str, *, stdin: bytes, timeout_seconds: float, limit_bytes: int
) -> tuple[int, bytes]:
    """Run a constant command on a channel of its own; return exit status and standard output.

    Servers without a shell, commands that answer too much or too late, and answers without an exit status are all
    RemoteError ``unsupported``: there is always another way to get what a command would have said.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        with translated("running a command"), contextlib.ExitStack() as closing:
            channel = transport.open_session(timeout=timeout_seconds)
            closing.callback(channel.close)
            with closing_after(timeout_seconds, channel.close, phase="starting a command"):
                channel.exec_command(command)
                channel.sendall(stdin)
                channel.shutdown_write()
            output = _output(channel, deadline, limit_bytes)
            if not channel.status_event.wait(max(deadline - time.monotonic(), 0)) or channel.exit_status < 0:
                raise _unavailable("it ended without an exit status")
            return channel.exit_status, output
    except LinkError as exc:
        if transport.is_active():
            raise _unavailable(exc.cause) from exc
        raise


def _output(channel: t.Any, deadline: float, limit_bytes: int) -> bytes:
    output = b""
    while True:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        piece = t.cast(bytes, channel.recv(limit_bytes))
        output += piece
        if not piece:
            return output
        if len(output) > limit_bytes:
            raise _unavailable("it answered more than any digest command does")


def _unavailable(why: str) -> RemoteError:
    return RemoteError("unsupported", f"the command could not be run on the server: {why}")
