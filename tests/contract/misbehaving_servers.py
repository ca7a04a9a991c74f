# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SFTP servers that fail where a good one may: loaded by the asyncssh server of the lab."""

from __future__ import annotations

import typing as t

import asyncssh


class Misbehaving(asyncssh.SFTPServer):
    """Fail as ``options`` say, and answer everything else.

    ``fail_write_at``: refuse the write that has this offset. ``fail_close``, ``fail_sync``: refuse that request.
    ``fail_listing_after``: refuse to go on after so many entries. ``one_handle_only``: refuse to open a file while
    any is open.
    """

    options: t.ClassVar[dict[str, t.Any]] = {}
    open_count: t.ClassVar[int] = 0

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if self.options.get("one_handle_only") and Misbehaving.open_count:
            raise asyncssh.SFTPFailure("one at a time")
        handle = await _result(super().open(path, pflags, attrs))
        Misbehaving.open_count += 1
        return handle

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if offset <= self.options.get("fail_write_at", -1) < offset + len(data):
            raise asyncssh.SFTPFailure("no room")
        written: int = await _result(super().write(file_obj, offset, data))
        return written

    async def close(self, file_obj: object) -> None:
        await _result(super().close(file_obj))
        Misbehaving.open_count -= 1
        if self.options.get("fail_close"):
            raise asyncssh.SFTPFailure("the quota was noticed late")

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


async def _result(answer: t.Any) -> t.Any:
    return await answer if hasattr(answer, "__await__") else answer
