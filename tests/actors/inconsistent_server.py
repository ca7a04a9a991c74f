# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SFTP server whose files change while they are used; loaded by the asyncssh server of the lab."""

from __future__ import annotations

import os
import typing as t
import unicodedata

import asyncssh


class InconsistentServer(asyncssh.SFTPServer):
    """Do what ``options`` name.

    * ``fold_names``: treat names as equal that differ in letter case, Unicode form, or dots and spaces at the end; a
      file keeps the name that it was created with.
    * ``opens``: when a file with the name ``opened`` is read, open this path, as if the name had become a link.
    * ``tear``: after this many bytes of a file were read, overwrite it with other content of the same size and restore
      its times, as another process could.
    * ``damaged``: fail to read files that begin with this text.
    """

    options: t.ClassVar[dict[str, t.Any]] = {}
    overwritten: t.ClassVar[set[str]] = set()

    def map_path(self, path: bytes) -> bytes:
        mapped = super().map_path(path)
        if not self.options.get("fold_names"):
            return mapped
        parts = mapped.split(b"/")
        for number in range(1, len(parts)):
            parts[number] = _stored(b"/".join(parts[:number]) or b"/", parts[number])
        return b"/".join(parts)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> t.Any:
        reads = not pflags & (asyncssh.FXF_WRITE | asyncssh.FXF_CREAT)
        if reads and os.path.basename(path) == os.fsencode(self.options.get("opened", "")):
            path = os.fsencode(self.options["opens"])
        return super().open(path, pflags, attrs)

    async def read(self, file_obj: t.Any, offset: int, size: int) -> bytes:
        if self.options.get("damaged") and os.pread(file_obj.fileno(), 7, 0) == self.options["damaged"].encode():
            raise asyncssh.SFTPFailure("input/output error")
        path = os.readlink(f"/proc/self/fd/{file_obj.fileno()}")
        if self.options.get("tear") and offset >= self.options["tear"] and path not in self.overwritten:
            self.overwritten.add(path)
            _overwrite(path)
        return bytes(t.cast(t.Any, super().read(file_obj, offset, size)))


def _folded(name: bytes) -> str:
    text = unicodedata.normalize("NFC", os.fsdecode(name)).casefold()
    return text if set(text) <= {"."} else text.rstrip(". ")


def _stored(directory: bytes, name: bytes) -> bytes:
    """Return the name in the directory that equals the requested one."""
    try:
        return next((entry for entry in os.listdir(directory) if _folded(entry) == _folded(name)), name)
    except OSError:
        return name


def _overwrite(path: str) -> None:
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.write(b"B" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
