# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""paramiko's packets with an end to everything that a peer may send before, in, or as one of them."""

from __future__ import annotations

import collections
import typing as t
import zlib

from .._cancellation import shielded
from .dependency import MessageBase, PacketizerBase, SSHException

# RFC 4253 section 6.1 demands 35,000 bytes; no sane peer exceeds OpenSSH's 256 KiB.
MAX_PACKET_BYTES = 256 * 1024
# Lines before the version string (RFC 4253 section 4.2), all together.
MAX_BANNER_BYTES = 64 * 1024
# What may come again and again before the login: one or two of each are usual.
MAX_REPEATS = 32
REPEATED = {
    7: "extension lists",  # EXT_INFO, RFC 8308
    53: "login banners",  # USERAUTH_BANNER, RFC 4252 section 5.4
    60: "questions",  # USERAUTH_INFO_REQUEST, RFC 4256 section 3.2
}


class BoundedPacketizer(PacketizerBase):  # type: ignore[misc]
    """paramiko's packetizer with caps; whatever exceeds one ends the connection."""

    def __init__(self, sock: t.Any) -> None:
        super().__init__(sock)
        self._banner_bytes = 0
        self._heard = ""
        self._repeats: collections.Counter[int] = collections.Counter()

    def _read_timeout(self, timeout: float) -> bytes:
        """Read a piece of what comes before the version string; refuse one that does not end."""
        piece = t.cast(bytes, super()._read_timeout(timeout))
        self._banner_bytes += len(piece)
        if self._banner_bytes > MAX_BANNER_BYTES:
            raise SSHException(f"more than {MAX_BANNER_BYTES} bytes before the SSH version")
        return piece

    def readline(self, timeout: float) -> str:
        """Return one line of it; bytes that are not UTF-8 are escaped, and no reason to give up.

        A server that hangs up after some text has said why, such as "Exceeded MaxStartups".
        """
        try:
            line = t.cast(str, super().readline(timeout))
        except UnicodeDecodeError as exc:
            line = exc.object.decode("ascii", "backslashreplace")
        except EOFError as exc:
            raise SSHException(f": it said {self._heard!r} and hung up" if self._heard else str(exc)) from exc
        self._heard = self._heard or line[:200]
        return line

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Read ``n`` bytes; refuse a packet longer than any peer has reason to send."""
        if not 0 <= n <= MAX_PACKET_BYTES:
            raise SSHException(f"the peer announced a packet with {n} more bytes")
        return t.cast(bytes, super().read_all(n, check_rekey))

    def read_message(self) -> tuple[int, t.Any]:
        """Return type and content of the next message; refuse the one too many of those that may come repeatedly."""
        kind, message = super().read_message()
        if kind in REPEATED:
            self._repeats[kind] += 1
            if self._repeats[kind] > MAX_REPEATS:
                raise SSHException(f"the peer sent more than {MAX_REPEATS} {REPEATED[kind]}")
            return kind, _whole(message)
        return kind, message

    def send_message(self, data: t.Any) -> None:
        """Send a message whole, or not at all: after half a packet the connection would be of no more use."""
        with shielded():
            super().send_message(data)

    def set_inbound_compressor(self, _compressor: object) -> None:
        """Inflate packets by our own means: a small one must not become a gigabyte."""
        super().set_inbound_compressor(BoundedInflate())


class BoundedInflate:
    """Inflates one packet after the other of a zlib stream (RFC 4253 section 6.2), each to a bounded size."""

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
    """A message that ends where its bytes end.

    paramiko reads zeros behind the end, so that a message of 20 bytes can claim, and become, four billion prompts.
    """

    def get_bytes(self, n: int) -> bytes:
        """Return the next ``n`` bytes, or refuse the message."""
        if n > self.packet.getbuffer().nbytes - self.packet.tell():
            raise SSHException("a message claims to hold more than it does")
        return t.cast(bytes, super().get_bytes(n))


def _whole(message: t.Any) -> WholeMessage:
    whole = WholeMessage(message.asbytes())
    whole.seqno = message.seqno
    return whole
