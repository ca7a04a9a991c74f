# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Channel data passed directly from the transport's thread to the reader, without paramiko's buffer.

``Channel.recv`` wakes the reader for every packet of 32 KiB and copies the data. Here the reader states how many bytes
it waits for and is woken once. That saves a quarter of the CPU of a transfer.
"""

from __future__ import annotations

import threading
import time
import typing as t

from .dependency import SSHException, paramiko

# The share of the window that is consumed before CHANNEL_WINDOW_ADJUST is sent (RFC 4254 section 5.2): one eighth.
_ADJUST_SHARE = 8
# Pieces smaller than this are joined: 16 million pieces of one byte would take fifty times their size.
_JOIN_BELOW_BYTES = 4096
# The bytes kept of a server program's standard error, for the error message.
_STDERR_BYTES = 1000


class ReceiveBuffer:
    """Data that arrived on one channel and was not read yet.

    The transport's thread calls ``append``, ``append_stderr`` and ``end``. ``window_bytes`` is the window that the
    channel was opened with; SSHException when the peer sends more than the window allows.
    """

    def __init__(self, transport: t.Any, channel: t.Any, *, window_bytes: int) -> None:
        self._transport = transport
        self._channel = channel
        self._window_bytes = window_bytes
        self._pieces: list[bytes] = []
        self._buffered_bytes = 0
        self._wanted_bytes = 1
        self._unacknowledged_bytes = 0
        self._ended = False
        self._arrived = threading.Condition()
        self.stderr = b""

    def append(self, piece: bytes) -> None:
        """Store a piece, and wake the reader once the bytes that it waits for are there."""
        with self._arrived:
            if self._pieces and len(self._pieces[-1]) < _JOIN_BELOW_BYTES:
                self._pieces[-1] += piece
            else:
                self._pieces.append(piece)
            self._buffered_bytes += len(piece)
            self._check_window()
            if self._buffered_bytes >= self._wanted_bytes:
                self._arrived.notify()

    def append_stderr(self, piece: bytes) -> None:
        """Store the last bytes of standard error. All of it counts as consumed: otherwise it would fill the window."""
        with self._arrived:
            self.stderr = (self.stderr + piece)[-_STDERR_BYTES:]
            self._unacknowledged_bytes += len(piece)
            self._check_window()
            self._arrived.notify()

    def _check_window(self) -> None:
        if self._buffered_bytes + self._unacknowledged_bytes > self._window_bytes:
            raise SSHException("the peer sent more than the channel's window allows")

    def end(self) -> None:
        """Record the end of the stream."""
        with self._arrived:
            self._ended = True
            self._arrived.notify()

    def read(self, *, timeout_seconds: float, wanted_bytes: int) -> bytes | None:
        """Return all buffered data once it has ``wanted_bytes`` or the stream has ended.

        After ``timeout_seconds``, return what is buffered, or None when that is nothing.
        """
        deadline = time.monotonic() + timeout_seconds
        self._wanted_bytes = max(1, min(wanted_bytes, self._window_bytes // 2))
        while not self._wait(deadline):
            self._adjust_window()
        with self._arrived:
            pieces, self._pieces = self._pieces, []
            taken, self._buffered_bytes = self._buffered_bytes, 0
            self._unacknowledged_bytes += taken
            nothing = not pieces and not self._ended
        self._adjust_window()
        return None if nothing else (pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _wait(self, deadline: float) -> bool:
        """Wait for the wanted bytes, the end or the deadline; return False if the window must be adjusted first."""
        with self._arrived:
            while self._buffered_bytes < self._wanted_bytes and not self._ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                if self._adjust_is_due:
                    return False
                # A transport that ends does not notify the reader, so it is checked twice a second.
                self._arrived.wait(min(left, 0.5))
                if not self._transport.is_active():
                    self._ended = True
            return True

    @property
    def _adjust_is_due(self) -> bool:
        return self._unacknowledged_bytes >= self._window_bytes // _ADJUST_SHARE

    def _adjust_window(self) -> None:
        """Send CHANNEL_WINDOW_ADJUST once an eighth of the window was consumed."""
        with self._arrived:
            if self._ended or not self._adjust_is_due:
                return
            consumed, self._unacknowledged_bytes = self._unacknowledged_bytes, 0
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self._channel.remote_chanid)
        message.add_int(consumed)
        self._transport._send_user_message(message)


class ReceiveBuffers:
    """The receive buffers of one transport, and message handlers that fill them and limit every other channel."""

    def __init__(self) -> None:
        self._by_channel: dict[int, ReceiveBuffer] = {}

    def add(self, transport: t.Any, channel: t.Any, *, window_bytes: int) -> ReceiveBuffer:
        """Create the buffer of a channel and return it; call this before anything was sent on the channel."""
        buffer = self._by_channel[channel.chanid] = ReceiveBuffer(transport, channel, window_bytes=window_bytes)
        return buffer

    def handlers(self, table: t.Mapping[int, t.Any]) -> dict[int, t.Any]:
        """Return paramiko's table of channel message handlers, with those for data and the end replaced."""
        common = paramiko.common
        return {
            **table,
            common.MSG_CHANNEL_DATA: self._data(table[common.MSG_CHANNEL_DATA]),
            common.MSG_CHANNEL_EXTENDED_DATA: self._stderr(table[common.MSG_CHANNEL_EXTENDED_DATA]),
            common.MSG_CHANNEL_EOF: self._ending(table[common.MSG_CHANNEL_EOF]),
            common.MSG_CHANNEL_CLOSE: self._ending(table[common.MSG_CHANNEL_CLOSE]),
        }

    def _data(self, original: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
        bounded = _bounded(original)

        def handle(channel: t.Any, message: t.Any) -> None:
            buffer = self._by_channel.get(channel.chanid)
            if buffer is None:
                bounded(channel, message)
            else:
                buffer.append(message.get_binary())

        return handle

    def _stderr(self, original: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
        bounded = _bounded(original)

        def handle(channel: t.Any, message: t.Any) -> None:
            buffer = self._by_channel.get(channel.chanid)
            if buffer is None:
                bounded(channel, message)
            else:
                message.get_int()  # the data type: standard error is the only one defined (RFC 4254 section 5.2)
                buffer.append_stderr(message.get_binary())

        return handle

    def _ending(self, original: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
        def end(channel: t.Any, message: t.Any) -> None:
            original(channel, message)
            buffer = self._by_channel.get(channel.chanid)
            if buffer is not None:
                buffer.end()

        return end


def _bounded(original: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
    """Wrap a handler of paramiko's so that it raises for data beyond the window, which paramiko does not check."""

    def handle(channel: t.Any, message: t.Any) -> None:
        original(channel, message)
        if len(channel.in_buffer) + len(channel.in_stderr_buffer) > channel.in_window_size:
            raise SSHException("the peer sent more than the channel's window allows")

    return handle
