# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Open files of this machine: the port's ``Reader`` and ``Writer``."""

from __future__ import annotations

import os
import stat
import typing as t

from .._errors import RemoteError, printable
from .._model import Attributes
from .os_errors import translated

if t.TYPE_CHECKING:
    from .._filesystem import Buffer

BLOCK_BYTES = 256 * 1024
_HandleT = t.TypeVar("_HandleT", bound="_Handle")


def attributes_of(status: os.stat_result) -> Attributes:
    """Return the result of a stat call, with times truncated to whole seconds."""
    return Attributes(
        size=status.st_size,
        mode=status.st_mode,
        uid=status.st_uid,
        gid=status.st_gid,
        atime=status.st_atime_ns // 10**9,
        mtime=status.st_mtime_ns // 10**9,
        links=status.st_nlink,
        identity=(status.st_dev, status.st_ino),
    )


def apply_attributes(target: int | bytes, wanted: Attributes) -> None:
    """Set the attributes that are not None on a descriptor, or on a path whose links are followed; raise OSError.

    The owner is set before the mode because a change of owner clears set-id bits. The times are set last because the
    other changes may alter them.
    """
    if wanted.size is not None:
        os.truncate(target, wanted.size)
    if wanted.uid is not None or wanted.gid is not None:
        os.chown(target, -1 if wanted.uid is None else wanted.uid, -1 if wanted.gid is None else wanted.gid)
    if wanted.mode is not None:
        os.chmod(target, stat.S_IMODE(wanted.mode))
    if wanted.atime is not None or wanted.mtime is not None:
        now = os.stat(target)
        atime_ns = now.st_atime_ns if wanted.atime is None else wanted.atime * 10**9
        mtime_ns = now.st_mtime_ns if wanted.mtime is None else wanted.mtime * 10**9
        os.utime(target, ns=(atime_ns, mtime_ns))


class _Handle:
    """An open descriptor, which is closed once."""

    def __init__(self, descriptor: int, path: bytes) -> None:
        self._open_descriptor: int | None = descriptor
        self._path = path

    def __enter__(self: _HandleT) -> _HandleT:
        return self

    def __exit__(self, exc_type: object, *_rest: object) -> None:
        try:
            self.close()
        except RemoteError:
            if exc_type is None:
                raise

    @property
    def _descriptor(self) -> int:
        if self._open_descriptor is None:
            raise RemoteError("remote_failure", f"{printable(self._path)} is closed already", path=self._path)
        return self._open_descriptor

    def attributes(self) -> Attributes:
        """Return the attributes of the open file."""
        with translated("look at", self._path):
            return attributes_of(os.fstat(self._descriptor))

    def set_attributes(self, wanted: Attributes) -> None:
        """Set the mode, owner, times or size that are not None."""
        with translated("change", self._path):
            apply_attributes(self._descriptor, wanted)

    def close(self) -> None:
        """Close the file; closing again does nothing."""
        if self._open_descriptor is None:
            return
        # close(2) releases the descriptor even if it returns an error, so it must not be closed again.
        descriptor, self._open_descriptor = self._open_descriptor, None
        with translated("close", self._path):
            os.close(descriptor)


class LocalReader(_Handle):
    """A regular file that is open for reading."""

    def opened_and_named(self) -> tuple[Attributes, Attributes]:
        """Return the attributes of the open file, twice: opening followed no link, so both are the same."""
        found = self.attributes()
        return found, found

    def blocks(self, *, offset: int = 0, length: int | None = None) -> t.Iterator[bytes]:
        """Yield the content in order, in blocks of at most 256 KiB."""
        end = None if length is None else offset + length
        while end is None or offset < end:
            wanted_bytes = BLOCK_BYTES if end is None else min(BLOCK_BYTES, end - offset)
            with translated("read", self._path):
                block = os.pread(self._descriptor, wanted_bytes, offset)
            if not block:
                return
            offset += len(block)
            yield block


class LocalWriter(_Handle):
    """A file that is open for writing; each write is complete on return."""

    def write(self, offset: int, block: Buffer) -> None:
        """Write all of ``block`` at ``offset``."""
        rest = memoryview(block)
        with translated("write", self._path):
            while rest:
                written_bytes = os.pwrite(self._descriptor, rest, offset)
                offset += written_bytes
                rest = rest[written_bytes:]

    def flush(self) -> None:
        """Do nothing: each write was complete when it returned."""

    def sync(self) -> bool:
        """Flush the content to stable storage (fsync(2))."""
        with translated("sync", self._path):
            os.fsync(self._descriptor)
        return True
