# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read and write the data types of the SSH wire format in memory (RFC 4251, section 5)."""

from __future__ import annotations

import base64
import struct

_BLANKS_INSIDE_BASE64 = b" \t\n\v\f\r"


class WireError(ValueError):
    """The bytes do not follow the format."""


class WireReader:
    """Reads one value after another from a blob. Every method raises ``WireError`` when the blob is too short."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._position = 0

    @property
    def position(self) -> int:
        """The number of bytes that were read."""
        return self._position

    @property
    def is_empty(self) -> bool:
        """Whether all bytes were read."""
        return self._position >= len(self._blob)

    def take(self, count: int) -> bytes:
        """Read ``count`` bytes."""
        end = self._position + count
        if end > len(self._blob):
            raise WireError("it ends too early")
        taken = self._blob[self._position : end]
        self._position = end
        return taken

    def byte(self) -> int:
        """Read a ``byte``."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """Read a ``uint32``."""
        return int(struct.unpack(">I", self.take(4))[0])

    def uint64(self) -> int:
        """Read a ``uint64``."""
        return int(struct.unpack(">Q", self.take(8))[0])

    def string(self) -> bytes:
        """Read a ``string``."""
        return self.take(self.uint32())

    def text(self) -> bytes:
        """Read a ``string`` without NUL bytes; one NUL at the end is removed, as in OpenSSH."""
        value = self.string()
        if b"\0" in value[:-1]:
            raise WireError("a text in it holds a NUL")
        return value[:-1] if value.endswith(b"\0") else value

    def integer(self) -> int:
        """Read a non-negative ``mpint``, with or without surplus leading zeros."""
        value = self.string()
        if value[:1] > b"\x7f":
            raise WireError("an integer in it is negative")
        return int.from_bytes(value, "big")

    def end(self) -> None:
        """Raise ``WireError`` unless all bytes were read."""
        if not self.is_empty:
            raise WireError(f"{len(self._blob) - self._position} surplus bytes follow it")


def wire_string(value: bytes) -> bytes:
    """Return the encoding of a ``string``."""
    return struct.pack(">I", len(value)) + value


def decode_base64(text: bytes) -> bytes:
    """Return the decoded bytes. Raises ``WireError`` for missing padding or surplus bits, as OpenSSH does.

    White space inside is skipped, so that lines with CRLF endings are accepted.
    """
    compact = text.translate(None, _BLANKS_INSIDE_BASE64)
    try:
        decoded = base64.b64decode(compact, validate=True)
    except ValueError as exc:
        raise WireError("its base64 is broken") from exc
    if base64.b64encode(decoded) != compact:
        raise WireError("its base64 is not in the canonical form")
    return decoded
