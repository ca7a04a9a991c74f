# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""paramiko's packetizer with limits for the text before the version, each packet, and repeated messages."""

from __future__ import annotations

import collections
import typing as t
import zlib

from .._cancellation import shielded
from .dependency import MessageBase, PacketizerBase, SSHException

# RFC 4253 section 6.1 requires 35,000 bytes; OpenSSH's own limit is 256 KiB.
MAX_PACKET_BYTES = 256 * 1024
# The limit for all lines before the version string (RFC 4253 section 4.2).
MAX_BANNER_BYTES = 64 * 1024
# The limit for each message type that may repeat before the login; one or two of each are usual.
MAX_REPEATS = 32
REPEATED = {
    7: "extension lists",  # EXT_INFO, RFC 8308
    53: "login banners",  # USERAUTH_BANNER, RFC 4252 section 5.4
    60: "questions",  # USERAUTH_INFO_REQUEST, RFC 4256 section 3.2
}


class BoundedPacketizer(PacketizerBase):  # type: ignore[misc]
    """paramiko's packetizer with limits; the connection ends when one is exceeded."""

    def __init__(self, sock: t.Any) -> None:
        super().__init__(sock)
        self._banner_bytes = 0
        self._first_line = ""
        self._repeats: collections.Counter[int] = collections.Counter()

    def _read_timeout(self, timeout: float) -> bytes:
        """Read a piece of the text before the version string; SSHException beyond MAX_BANNER_BYTES."""
        piece = t.cast(bytes, super()._read_timeout(timeout))
        self._banner_bytes += len(piece)
        if self._banner_bytes > MAX_BANNER_BYTES:
            raise SSHException(f"more than {MAX_BANNER_BYTES} bytes before the SSH version")
        return piece

    def readline(self, timeout: float) -> str:
        """Return one line of the text before the version string; bytes that are not UTF-8 are escaped.

        The error for a closed connection quotes the first line, which may state a reason: "Exceeded MaxStartups".
        """
        try:
            line = t.cast(str, super().readline(timeout))
        except UnicodeDecodeError as exc:
            line = exc.object.decode("ascii", "backslashreplace")
        except EOFError as exc:
            raise SSHException(f": it said {self._first_line!r} and hung up" if self._first_line else str(exc)) from exc
        self._first_line = self._first_line or line[:200]
        return line

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Read ``n`` bytes; SSHException beyond MAX_PACKET_BYTES."""
        if not 0 <= n <= MAX_PACKET_BYTES:
            raise SSHException(f"the peer announced a packet with {n} more bytes")
        return t.cast(bytes, super().read_all(n, check_rekey))

    def read_message(self) -> tuple[int, t.Any]:
        """Return type and content of the next message; SSHException beyond MAX_REPEATS of a repeated type."""
        kind, message = super().read_message()
        if kind in REPEATED:
            self._repeats[kind] += 1
            if self._repeats[kind] > MAX_REPEATS:
                raise SSHException(f"the peer sent more than {MAX_REPEATS} {REPEATED[kind]}")
            return kind, _whole_message(message)
        return kind, message

    def send_message(self, data: t.Any) -> None:
        """Send a message, shielded from cancellation: half a packet would make the connection unusable."""
        with shielded():
            super().send_message(data)

    def set_inbound_compressor(self, _compressor: object) -> None:
        """Inflate packets with BoundedInflate: a small packet must not expand to a gigabyte."""
        super().set_inbound_compressor(BoundedInflate())


class BoundedInflate:
    """Inflates the packets of one zlib stream (RFC 4253 section 6.2), each up to MAX_PACKET_BYTES."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()

    def __call__(self, packet: bytes) -> bytes:
        try:
            plain = self._stream.decompress(packet, MAX_PACKET_BYTES)
        except zlib.error as exc:
            raise SSHException("a compressed packet is damaged") from exc
        if self._stream.unconsumed_tail:
            raise SSHException(f"a compressed packet holds more than {MAX_PACKET_BYTES} bytes")
        return plain


class WholeMessage(MessageBase):  # type: ignore[misc]
    """A message that cannot be read past its end.

    paramiko returns zeros past the end, so that a message of 20 bytes can claim to hold four billion prompts.
    """

    def get_bytes(self, n: int) -> bytes:
        """Return the next ``n`` bytes; SSHException when the message has fewer."""
        if n > self.packet.getbuffer().nbytes - self.packet.tell():
            raise SSHException("a message claims to hold more than it does")
        return t.cast(bytes, super().get_bytes(n))


def _whole_message(message: t.Any) -> WholeMessage:
    whole = WholeMessage(message.asbytes())
    whole.seqno = message.seqno
    return whole
