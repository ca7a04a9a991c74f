# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Channels of an open connection: SFTP sessions, tunnels, and constant commands."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
import typing as t

from .._errors import BackhaulError, LinkError, RemoteError, printable
from .._filesystem import Buffer
from .dependency import SSHException
from .errors import translated, watchdog
from .receive_buffer import ReceiveBuffer
from .transport import RawSocket, VerifiedTransport

# The channel window of a tunnel: how much the server may send before it is read.
TUNNEL_WINDOW_BYTES = 16 * 1024 * 1024
# The window in addition to the data that is read ahead: for packet headers and other replies.
SPARE_WINDOW_BYTES = 1024 * 1024
# The upper limit of a command's timeout, for files of any size.
MAX_COMMAND_SECONDS = 24 * 60 * 60
_RECEIVE_BYTES = 4 * 1024 * 1024
_POLL_SECONDS = 0.5


class ChannelDuplex:
    """A session channel (the SFTP layer's ``Duplex``)."""

    def __init__(self, transport: VerifiedTransport, channel: t.Any, buffer: ReceiveBuffer | None) -> None:
        self._transport = transport
        self._channel = channel
        self._buffer = buffer
        self._started = False

    def send(self, data: Buffer, *, timeout_seconds: float) -> None:
        """Send all of ``data``; the peer must take each part within ``timeout_seconds``."""
        view = memoryview(data)
        self._channel.settimeout(timeout_seconds)
        try:
            with translated("sending"):
                while view:
                    sent = self._channel.send(view)
                    if not sent:
                        raise self._lost()
                    view = view[sent:]
        except LinkError as exc:
            if self._is_lost:
                raise self._lost() from exc
            raise

    def receive(self, *, timeout_seconds: float, wanted_bytes: int = 1) -> bytes | None:
        """Return the data that has arrived; None after ``timeout_seconds`` without any, empty bytes at the end."""
        if self._buffer is None:
            data = self._receive_buffered(timeout_seconds)
        else:
            with translated("receiving"):
                data = self._buffer.read(timeout_seconds=timeout_seconds, wanted_bytes=wanted_bytes)
        if data == b"" and self._is_lost:
            raise self._lost()
        if data == b"" and not self._started and self._buffer is not None and self._buffer.stderr:
            raise self._not_started(self._buffer.stderr)
        self._started = self._started or bool(data)
        return data

    @property
    def room_bytes(self) -> int:
        """The free bytes of the server's window; without paramiko's count of them, a number that no write exceeds."""
        return t.cast(int, getattr(self._channel, "out_window_size", sys.maxsize))

    @staticmethod
    def _not_started(stderr: bytes) -> RemoteError:
        said = printable(stderr.strip())
        return RemoteError(
            "unsupported",
            f"the SFTP server did not start; the last that it said: {said}",
            remedy="Run the server_command by hand on the server, as this account and without a terminal.",
            details={"server_said": said},
        )

    def _receive_buffered(self, timeout_seconds: float) -> bytes | None:
        """Receive by paramiko's public interface, for a version without the names that direct receiving needs."""
        deadline = time.monotonic() + timeout_seconds
        while (left := deadline - time.monotonic()) > 0 or self._channel.recv_ready():
            if self._channel.recv_stderr_ready():
                self._channel.recv_stderr(_RECEIVE_BYTES)  # unread, it would fill the window
            self._channel.settimeout(min(max(left, 0.0), 0.5))
            with contextlib.suppress(socket.timeout):
                return t.cast(bytes, self._channel.recv(_RECEIVE_BYTES))
        return None

    @property
    def _is_lost(self) -> bool:
        # paramiko stores the reason first, then closes the channels, then sets ``active`` to false.
        return self._transport.saved_exception is not None or not self._transport.is_active()

    def _lost(self) -> BackhaulError:
        """Return the error that ended the connection; a refused rekey stays a TrustError."""
        if self._transport.sock.stalled:
            return LinkError(
                "timed_out",
                "the peer took no data for stall_timeout",
                remedy="The server or the network is stuck, or slower than stall_timeout allows.",
            )
        try:
            with translated("transferring"):
                raise self._transport.saved_exception or EOFError()
        except BackhaulError as exc:
            return exc

    def close(self) -> None:
        """Close the channel; never raises."""
        with contextlib.suppress(Exception):
            self._channel.close()


def open_sftp(transport: VerifiedTransport, *, command: str, seconds: float, window_bytes: int) -> ChannelDuplex:
    """Open a session channel and start SFTP on it: the subsystem, or ``command`` (RFC 4254 section 6.5).

    ``window_bytes`` is the channel's window. If the server does not answer in time, the connection is closed.
    """
    phase = "starting the SFTP server"
    with watchdog(seconds, transport.sock.close, phase=phase), translated(phase):
        channel = transport.open_session(window_size=window_bytes, timeout=seconds * 2)
        return _started(transport, channel, command, window_bytes)


def open_further_sftp(
    transport: VerifiedTransport, *, command: str, seconds: float, window_bytes: int
) -> ChannelDuplex:
    """Open another SFTP channel on a connection in use; on any error only the channel is closed, not the connection."""
    phase = "starting one more SFTP server"
    with contextlib.ExitStack() as undo, translated(phase):
        channel = transport.open_session(window_size=window_bytes, timeout=seconds)
        undo.callback(channel.close)
        with watchdog(seconds, channel.close, phase=phase):
            duplex = _started(transport, channel, command, window_bytes)
        undo.pop_all()
        return duplex


def _started(transport: VerifiedTransport, channel: t.Any, command: str, window_bytes: int) -> ChannelDuplex:
    buffer = transport.receive_buffer(channel, window_bytes=window_bytes)
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
    return ChannelDuplex(transport, channel, buffer)


def open_tunnel(transport: VerifiedTransport, host: str, port: int, *, seconds: float) -> RawSocket:
    """Open a channel to another server through this one (direct-tcpip, RFC 4254 section 7.2)."""
    phase = f"asking the jump host for a way to {host} port {port}"
    with watchdog(seconds, transport.sock.close, phase=phase), translated(phase):
        # The watchdog is the deadline; paramiko's own timeout must not expire before it.
        return t.cast(
            RawSocket,
            transport.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), window_size=TUNNEL_WINDOW_BYTES, timeout=seconds * 2
            ),
        )


def nothing() -> None:
    """Do nothing while a command runs."""


def run_command(
    transport: VerifiedTransport,
    command: str,
    *,
    stdin: bytes,
    timeout_seconds: float,
    limit_bytes: int,
    waiting: t.Callable[[], None] = nothing,
) -> tuple[int, bytes]:
    """Run a constant command on its own channel; return exit status and standard output.

    ``waiting`` is called about twice a second until the command has ended; an exception of it ends the command.
    RemoteError ``unsupported`` for a server without a shell, a command with too much output or none in time, and a
    missing exit status: the caller always has another way to compute the digest.
    """
    timeout_seconds = min(timeout_seconds, MAX_COMMAND_SECONDS)
    deadline = time.monotonic() + timeout_seconds
    try:
        with translated("running a command"), contextlib.ExitStack() as closing:
            channel = transport.open_session(timeout=timeout_seconds)
            closing.callback(channel.close)
            with watchdog(timeout_seconds, channel.close, phase="starting a command"):
                channel.exec_command(command)
                channel.sendall(stdin)
                channel.shutdown_write()
            output = _output(channel, deadline, limit_bytes, waiting)
            if not channel.status_event.wait(max(deadline - time.monotonic(), 0)) or channel.exit_status < 0:
                raise _unavailable("it ended without an exit status")
            return channel.exit_status, output
    except LinkError as exc:
        if transport.is_active():
            raise _unavailable(exc.cause) from exc
        raise


def _output(channel: t.Any, deadline: float, limit_bytes: int, waiting: t.Callable[[], None]) -> bytes:
    output = b""
    while True:
        waiting()
        left = deadline - time.monotonic()
        channel.settimeout(min(max(left, 0.001), _POLL_SECONDS))
        try:
            piece = t.cast(bytes, channel.recv(limit_bytes))
        except socket.timeout:
            if left <= 0:
                raise
            continue
        output += piece
        if not piece:
            return output
        if len(output) > limit_bytes:
            raise _unavailable("it answered more than any digest command does")


def _unavailable(why: str) -> RemoteError:
    return RemoteError("unsupported", f"the command could not be run on the server: {why}")
