# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SFTP server that fails chosen requests; loaded by the asyncssh server of the lab."""

from __future__ import annotations

import os
import typing as t

import asyncssh
from asyncssh.sftp import SFTPServerHandler

_POSIX_RENAME = b"posix-rename@openssh.com"


class FailingServer(asyncssh.SFTPServer):
    """Fail as ``options`` say; answer all other requests as asyncssh does.

    Failures of every matching request:

    * ``fail_write_at``: refuse the write that covers this offset.
    * ``fail_close``, ``fail_sync``: answer CLOSE (after closing) or fsync (without syncing) with a failure.
    * ``fail_listing_after``: fail a listing after this many entries.
    * ``one_handle_only``: refuse to open a file while another is open.
    * ``without_posix_rename``: announce no posix-rename@openssh.com.

    Failures with a number, which is how often each happens:

    * ``refuse_rename``: refuse a rename, once ``renames_before`` renames were done.
    * ``drop_before_rename``, ``drop_after_rename``: drop the connection in place of the reply to a rename.
    * ``damage``: flip a bit of the data of a write.
    * ``remove_written``: delete a written file when it is closed.
    """

    options: t.ClassVar[dict[str, t.Any]] = {}
    open_count: t.ClassVar[int] = 0
    counts: t.ClassVar[dict[str, int]] = {}
    written: t.ClassVar[dict[object, bytes]] = {}

    def __init__(self, *arguments: t.Any) -> None:
        super().__init__(*arguments)
        if self.options.get("without_posix_rename"):
            kept = [entry for entry in SFTPServerHandler._extensions if entry[0] != _POSIX_RENAME]
            SFTPServerHandler._extensions = kept

    def _is_due(self, failure: str) -> bool:
        """Count a chance for a failure; return whether it happens this time."""
        self.counts[failure] = self.counts.get(failure, 0) + 1
        return bool(self.counts[failure] <= self.options.get(failure, 0))

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if self.options.get("one_handle_only") and FailingServer.open_count:
            raise asyncssh.SFTPFailure("one at a time")
        handle = await _result(super().open(path, pflags, attrs))
        FailingServer.open_count += 1
        if pflags & asyncssh.FXF_WRITE:
            self.written[handle] = self.map_path(path)
        return handle

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if offset <= self.options.get("fail_write_at", -1) < offset + len(data):
            raise asyncssh.SFTPFailure("no room")
        if self._is_due("damage"):
            data = bytes([data[0] ^ 1]) + data[1:]
        written: int = await _result(super().write(file_obj, offset, data))
        return written

    async def close(self, file_obj: object) -> None:
        await _result(super().close(file_obj))
        FailingServer.open_count -= 1
        path = self.written.pop(file_obj, None)
        if self.options.get("fail_close"):
            raise asyncssh.SFTPFailure("the quota was noticed late")
        if path is not None and self._is_due("remove_written"):
            os.unlink(path)

    async def fsync(self, file_obj: object) -> None:
        if self.options.get("fail_sync"):
            raise asyncssh.SFTPFailure("the disk has an error")
        await _result(super().fsync(file_obj))

    async def scandir(self, path: bytes) -> t.AsyncIterator[asyncssh.SFTPName]:
        limit = self.options.get("fail_listing_after")
        count = 0
        async for name in super().scandir(path):
            if limit is not None and count >= limit:
                raise asyncssh.SFTPFailure("the directory is damaged")
            count += 1
            yield name

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._rename(lambda: super(FailingServer, self).rename(oldpath, newpath))

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._rename(lambda: super(FailingServer, self).posix_rename(oldpath, newpath))

    async def _rename(self, rename: t.Callable[[], t.Any]) -> None:
        before = self.counts.get("renames", 0)
        if before >= self.options.get("renames_before", 0) and self._is_due("refuse_rename"):
            raise asyncssh.SFTPPermissionDenied("not here")
        if self._is_due("drop_before_rename"):
            await self._drop()
        await _result(rename())
        self.counts["renames"] = before + 1
        if self._is_due("drop_after_rename"):
            await self._drop()

    async def _drop(self) -> None:
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("gone")


async def _result(answer: t.Any) -> t.Any:
    return await answer if hasattr(answer, "__await__") else answer
