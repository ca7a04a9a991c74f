# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Channel data straight from the transport's thread to whoever waits for it, without paramiko's buffer in between.

``Channel.recv`` wakes the reader for every packet of 32 KiB and copies what it keeps. Here the reader says how much it
waits for and is woken once, which is a quarter of the work of a transfer.
"""

from __future__ import annotations

import threading
import time
import typing as t

from .dependency import SSHException, paramiko

# How much is taken before the peer is told that it may send as much again (RFC 4254 section 5.2).
_ADJUST_SHARE = 8
# Pieces smaller than this are joined: sixteen million of one byte each would take fifty times their size.
_SMALL_BYTES = 4096
# What is kept of a server program's standard error, for the message.
_COMPLAINT_BYTES = 1000


class ReceiveBuffer:
    """What arrived on one channel and was not taken yet; ``put`` and ``end`` are called by the transport's thread.

    ``window_bytes`` is what the channel was opened with: a peer that sends more than it was allowed is refused.
    """

    def __init__(self, transport: t.Any, channel: t.Any, *, window_bytes: int) -> None:
        self._transport = transport
        self._channel = channel
        self._window_bytes = window_bytes
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self._wanted_bytes = 1
        self._owed_bytes = 0
        self._ended = False
        self._arrived = threading.Condition()
        self.complaints = b""

    def put(self, piece: bytes) -> None:
        """Keep a piece, and wake the reader when what it waits for is complete."""
        with self._arrived:
            if self._pieces and len(self._pieces[-1]) < _SMALL_BYTES:
                self._pieces[-1] += piece
            else:
                self._pieces.append(piece)
            self._waiting_bytes += len(piece)
            self._refuse_excess()
            if self._waiting_bytes >= self._wanted_bytes:
                self._arrived.notify()

    def append_stderr(self, piece: bytes) -> None:
        """Keep the last of what comes on standard error; left alone, it would fill the window for good."""
        with self._arrived:
            self.complaints = (self.complaints + piece)[-_COMPLAINT_BYTES:]
            self._owed_bytes += len(piece)
            self._refuse_excess()
            self._arrived.notify()

    def _refuse_excess(self) -> None:
        if self._waiting_bytes + self._owed_bytes > self._window_bytes:
            raise SSHException("the peer sent more than the channel's window allows")

    def end(self) -> None:
        """Note that nothing more will come."""
        with self._arrived:
            self._ended = True
            self._arrived.notify()

    def take(self, *, timeout_seconds: float, wanted_bytes: int) -> bytes | None:
        """Return all that arrived, once it is ``wanted_bytes`` or the stream ended; None when that takes too long."""
        deadline = time.monotonic() + timeout_seconds
        self._wanted_bytes = max(1, min(wanted_bytes, self._window_bytes // 2))
        while not self._waited_enough(deadline):
            self._pay()
        with self._arrived:
            pieces, self._pieces = self._pieces, []
            taken, self._waiting_bytes = self._waiting_bytes, 0
            self._owed_bytes += taken
            nothing = not pieces and not self._ended
        self._pay()
        return None if nothing else (pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _waited_enough(self, deadline: float) -> bool:
        """Wait for what is wanted, the end or the deadline; False when the peer must be paid before any of them."""
        with self._arrived:
            while self._waiting_bytes < self._wanted_bytes and not self._ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                if self._is_much_owed:
                    return False
                # A transport that dies tells nobody: look after it now and then.
                self._arrived.wait(min(left, 0.5))
                if not self._transport.is_active():
                    self._ended = True
            return True

    @property
    def _is_much_owed(self) -> bool:
        return self._owed_bytes >= self._window_bytes // _ADJUST_SHARE

    def _pay(self) -> None:
        """Let the peer send as much again as was taken, not for every little bit."""
        with self._arrived:
            if self._ended or not self._is_much_owed:
                return
            paid, self._owed_bytes = self._owed_bytes, 0
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self._channel.remote_chanid)
        message.add_int(paid)
        self._transport._send_user_message(message)


class ReceiveBuffers:
    """The feeds of one transport, and the table of handlers that serves them (and bounds every other channel)."""

    def __init__(self) -> None:
        self._by_channel: dict[int, ReceiveBuffer] = {}

    def add(self, transport: t.Any, channel: t.Any, *, window_bytes: int) -> ReceiveBuffer:
        """Return the feed of a channel from now on; only while nothing was sent on it."""
        feed = self._by_channel[channel.chanid] = ReceiveBuffer(transport, channel, window_bytes=window_bytes)
        return feed

    def handlers(self, table: t.Mapping[int, t.Any]) -> dict[int, t.Any]:
        """Return paramiko's table of channel messages with ours in the place of some."""
        common = paramiko.common
        return {
            **table,
            common.MSG_CHANNEL_DATA: self._data(table[common.MSG_CHANNEL_DATA]),
            common.MSG_CHANNEL_EXTENDED_DATA: self._complaints(table[common.MSG_CHANNEL_EXTENDED_DATA]),
            common.MSG_CHANNEL_EOF: self._ending(table[common.MSG_CHANNEL_EOF]),
            common.MSG_CHANNEL_CLOSE: self._ending(table[common.MSG_CHANNEL_CLOSE]),
        }

    def _data(self, otherwise: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
        bounded = _bounded(otherwise)

        def take(channel: t.Any, message: t.Any) -> None:
            feed = self._by_channel.get(channel.chanid)
            if feed is None:
                bounded(channel, message)
            else:
                feed.put(message.get_binary())

        return take

    def _complaints(self, otherwise: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
        bounded = _bounded(otherwise)

        def take(channel: t.Any, message: t.Any) -> None:
            feed = self._by_channel.get(channel.chanid)
            if feed is None:
                bounded(channel, message)
            else:
                message.get_int()  # its kind: standard error is the only one there is (RFC 4254 section 5.2)
                feed.append_stderr(message.get_binary())

        return take

    def _ending(self, original: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
        def end(channel: t.Any, message: t.Any) -> None:
            original(channel, message)
            feed = self._by_channel.get(channel.chanid)
            if feed is not None:
                feed.end()

        return end


def _bounded(take: t.Callable[[t.Any, t.Any], None]) -> t.Callable[[t.Any, t.Any], None]:
    """Refuse data beyond the window on a channel that paramiko buffers: it trusts the peer to stop."""

    def check_and_take(channel: t.Any, message: t.Any) -> None:
        take(channel, message)
        if len(channel.in_buffer) + len(channel.in_stderr_buffer) > channel.in_window_size:
            raise SSHException("the peer sent more than the channel's window allows")

    return check_and_take
