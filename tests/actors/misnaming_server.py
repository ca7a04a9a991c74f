# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SFTP server that lists names which no server may send; loaded by the asyncssh server of the lab."""

from __future__ import annotations

import base64
import os
import typing as t

import asyncssh

_BAIT = b"bait"
_REGULAR = asyncssh.SFTPAttrs(type=1, size=len(_BAIT), permissions=0o100644, uid=0, gid=0, atime=1, mtime=1)
_DIRECTORY = asyncssh.SFTPAttrs(type=2, size=4096, permissions=0o040755, uid=0, gid=0, atime=1, mtime=1)


class MisnamingServer(asyncssh.SFTPServer):
    """Add ``files`` and ``directories`` (names in base64) to every listing.

    A path that does not exist, or has ``..`` in it, is served with the content of the file ``bait``, so that a client
    which believes a name writes a file where a test finds it.
    """

    options: t.ClassVar[dict[str, t.Any]] = {}

    async def scandir(self, path: bytes) -> t.AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            yield name
        for kind, attributes in (("files", _REGULAR), ("directories", _DIRECTORY)):
            for encoded in self.options.get(kind, ()):
                yield asyncssh.SFTPName(base64.b64decode(encoded), attrs=attributes)

    def lstat(self, path: bytes) -> t.Any:
        return super().lstat(path) if self._is_here(path) else _REGULAR

    def stat(self, path: bytes) -> t.Any:
        return super().stat(path) if self._is_here(path) else _REGULAR

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        return super().open(path if self._is_here(path) else self.options["bait"].encode(), pflags, attrs)

    @staticmethod
    def _is_here(path: bytes) -> bool:
        return b"/../" not in path and os.path.lexists(path)
