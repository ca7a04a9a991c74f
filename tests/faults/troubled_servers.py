# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SFTP servers that fail, lie or die where a file is finished: loaded by the asyncssh server of the lab."""

from __future__ import annotations

import os
import typing as t

import asyncssh
from asyncssh.sftp import SFTPServerHandler

from ansible_collections.backhaul.sftp.tests.contract.misbehaving_servers import Misbehaving, _result

_POSIX_RENAME = b"posix-rename@openssh.com"


class Troubled(Misbehaving):
    """Do what ``options`` say, each as often as its number says.

    ``refuse_rename``: refuse to rename, once ``renames_before`` were done. ``drop_before_rename``,
    ``drop_after_rename``: drop the connection instead of answering. ``damage``: flip a bit of what is written.
    ``take_away``: remove what was written as soon as it is closed. ``without_posix_rename``: have no such thing.
    """

    done: t.ClassVar[dict[str, int]] = {}
    written: t.ClassVar[dict[object, bytes]] = {}

    def __init__(self, *arguments: t.Any) -> None:
        super().__init__(*arguments)
        if self.options.get("without_posix_rename"):
            kept = [entry for entry in SFTPServerHandler._extensions if entry[0] != _POSIX_RENAME]
            SFTPServerHandler._extensions = kept

    def _is_due(self, what: str) -> bool:
        self.done[what] = self.done.get(what, 0) + 1
        return bool(self.done[what] <= self.options.get(what, 0))

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        handle = await super().open(path, pflags, attrs)
        if pflags & asyncssh.FXF_WRITE:
            self.written[handle] = self.map_path(path)
        return handle

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if self._is_due("damage"):
            data = bytes([data[0] ^ 1]) + data[1:]
        return await super().write(file_obj, offset, data)

    async def close(self, file_obj: object) -> None:
        await super().close(file_obj)
        path = self.written.pop(file_obj, None)
        if path is not None and self._is_due("take_away"):
            os.unlink(path)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._renamed(lambda: super(Troubled, self).rename(oldpath, newpath))

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._renamed(lambda: super(Troubled, self).posix_rename(oldpath, newpath))

    async def _renamed(self, rename: t.Callable[[], t.Any]) -> None:
        before = self.done.get("renames", 0)
        if before >= self.options.get("renames_before", 0) and self._is_due("refuse_rename"):
            raise asyncssh.SFTPPermissionDenied("not here")
        if self._is_due("drop_before_rename"):
            await self._drop()
        await _result(rename())
        self.done["renames"] = before + 1
        if self._is_due("drop_after_rename"):
            await self._drop()

    async def _drop(self) -> None:
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("gone")
