# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SFTP server with the limits of services in front of an object store; loaded by the asyncssh server of the lab.

The vendors of such services document what theirs refuse or do differently. Each limit is one option here.
"""

from __future__ import annotations

import asyncio
import collections
import os
import typing as t

import asyncssh
from asyncssh import sftp

_Attributes = t.Any


class ObjectStoreServer(asyncssh.SFTPServer):
    """Apply the limits that ``options`` name. RENAME never replaces an existing file.

    * ``no_extensions``: announce no extensions: no posix-rename, fsync, statvfs or limits.
    * ``no_setstat``: refuse to set attributes.
    * ``no_fsetstat``: refuse to set attributes through handles, as Twisted does.
    * ``forgets_mtime``: set the mtime of a written file to the time of its CLOSE, as some appliances do.
    * ``appears_at_close``: keep a new file in the folder ``spool`` until it is closed; STAT and FSTAT fail until then.
    * ``moved_at_close``: move a new file to the folder ``away`` when it is closed.
    * ``one_open_file``: refuse to open a second file.
    * ``in_order_only``: refuse a write at any offset but the end of the file.
    * ``never_reopened``: refuse to open an existing file for writing.
    * ``most_sessions``: close further SFTP channels of the same connection.
    """

    options: t.ClassVar[dict[str, t.Any]] = {}
    open_files: t.ClassVar[set[int]] = set()
    sessions: t.ClassVar[collections.Counter[object]] = collections.Counter()

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], chroot: bytes | None = None) -> None:
        if self.options.get("no_extensions"):
            sftp.SFTPServerHandler._extensions = []
        self._connection = chan.get_extra_info("connection")
        ObjectStoreServer.sessions[self._connection] += 1
        if ObjectStoreServer.sessions[self._connection] > self.options.get("most_sessions", 1000):
            asyncio.get_running_loop().call_soon(chan.close)
        super().__init__(chan, chroot)
        self._unclosed: dict[int, tuple[bytes, bytes]] = {}

    def exit(self) -> None:
        ObjectStoreServer.sessions[self._connection] -= 1
        ObjectStoreServer.open_files.clear()

    def open(self, path: bytes, pflags: int, attrs: _Attributes) -> t.Any:
        if self.options.get("one_open_file") and ObjectStoreServer.open_files:
            raise asyncssh.SFTPFailure("only one file may be open")
        exists, creates = os.path.lexists(path), bool(pflags & asyncssh.FXF_CREAT)
        if self.options.get("never_reopened") and exists and pflags & asyncssh.FXF_WRITE and not creates:
            raise asyncssh.SFTPFailure("objects cannot be changed")
        if creates and self.options.get("appears_at_close"):
            if exists and pflags & asyncssh.FXF_EXCL:
                raise asyncssh.SFTPFailure("there already")
            spooled = os.path.join(os.fsencode(self.options["spool"]), b"%d" % id(attrs))
            file = super().open(spooled, pflags, attrs)
            self._unclosed[id(file)] = (spooled, path)
        else:
            file = super().open(path, pflags, attrs)
            if creates:
                self._unclosed[id(file)] = (path, path)
        ObjectStoreServer.open_files.add(id(file))
        return file

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if self.options.get("in_order_only") and offset != os.fstat(t.cast(t.Any, file_obj).fileno()).st_size:
            raise asyncssh.SFTPFailure("only what follows can be written")
        written = t.cast(t.Any, super().write(file_obj, offset, data))
        t.cast(t.Any, file_obj).flush()
        return int(written)

    def close(self, file_obj: object) -> None:
        super().close(file_obj)
        ObjectStoreServer.open_files.discard(id(file_obj))
        spooled, path = self._unclosed.pop(id(file_obj), (b"", b""))
        if spooled != path:
            os.rename(spooled, path)
        if path and self.options.get("forgets_mtime"):
            os.utime(path)
        if path and self.options.get("moved_at_close"):
            os.rename(path, os.path.join(os.fsencode(self.options["away"]), os.path.basename(path)))

    def fstat(self, file_obj: object) -> _Attributes:
        spooled, path = self._unclosed.get(id(file_obj), (b"", b""))
        if spooled != path:
            raise asyncssh.SFTPNoSuchFile("it is not there until it is closed")
        return super().fstat(file_obj)

    def setstat(self, path: bytes, attrs: _Attributes) -> t.Any:
        self._refuse_attributes()
        return super().setstat(path, attrs)

    def fsetstat(self, file_obj: object, attrs: _Attributes) -> t.Any:
        self._refuse_attributes()
        if self.options.get("no_fsetstat"):
            raise asyncssh.SFTPOpUnsupported("not through handles")
        return super().fsetstat(file_obj, attrs)

    def _refuse_attributes(self) -> None:
        if self.options.get("no_setstat"):
            raise asyncssh.SFTPOpUnsupported("objects have no attributes")
