# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The port: the interface of a file system for transfers, over SFTP or local.

Every implementation keeps these promises; ``tests/contract`` tests each promise on each implementation.

- Paths are absolute or relative as given, in bytes, and never interpreted: no globbing, no ``~``, no shell. A path that
  is empty or contains a NUL is ``unsafe_path``.
- Every method raises only :class:`BackhaulError`: ``RemoteError`` when the server or the operating system refuses,
  ``LinkError`` when the server cannot be reached. The error carries the path.
- Every wait ends within the endpoint's deadlines.
- Every handle is a context manager. Leaving it closes the handle, and does not replace an exception of the block.
- One file system is used by one thread at a time.
"""

from __future__ import annotations

import typing as t

from ._model import Attributes, Digest, DirectoryEntry, Endpoint, Features, Space

Buffer = t.Union[bytes, bytearray, memoryview]


class Reader(t.Protocol):
    """A regular file that is open for reading."""

    def __enter__(self) -> Reader: ...

    def __exit__(self, exc_type: object, *exc_info: object) -> None: ...

    def attributes(self) -> Attributes:
        """Return the attributes of the open file (FSTAT), even if the path names another file now."""

    def opened_and_named(self) -> tuple[Attributes, Attributes]:
        """Return the attributes of the open file (FSTAT) and of what is at its path (LSTAT).

        Both are requested together, after the file was opened. They are the same if opening follows no link.
        """

    def blocks(self, *, offset: int = 0, length: int | None = None) -> t.Iterator[Buffer]:
        """Yield the content in order from ``offset``, to the end of the file or for ``length`` bytes.

        Blocks are not empty and not bigger than a few hundred KiB. After a short read the rest is read again, so there
        is never a gap; the iterator ends early only at the end of the file. Memory is bounded for files of any size.
        A block never changes after it was yielded, and may be kept.
        """


class Writer(t.Protocol):
    """A file that is open for writing; blocks may be written in any order."""

    def __enter__(self) -> Writer: ...

    def __exit__(self, exc_type: object, *exc_info: object) -> None: ...

    def write(self, offset: int, block: Buffer) -> None:
        """Write ``block`` at ``offset``; the write may still be unacknowledged on return.

        The error of a failed write is raised by this or a later call, by ``flush`` at the latest. The caller may reuse
        the block on return.
        """

    def flush(self) -> None:
        """Wait until every write is acknowledged; raise the error of the first that failed."""

    def sync(self) -> bool:
        """Flush, then sync the content to stable storage (fsync@openssh.com); return False where that is missing."""

    def attributes(self) -> Attributes:
        """Return the attributes of the open file (FSTAT)."""

    def set_attributes(self, wanted: Attributes) -> None:
        """Set the mode, owner or times that are not None; a size truncates or extends."""

    def close(self) -> None:
        """Flush and close, and raise the error of either: the file counts as written only after this returns.

        Closing again does nothing.
        """


class AttributesHandle(t.Protocol):
    """A regular file that is open only for its attributes."""

    def __enter__(self) -> AttributesHandle: ...

    def __exit__(self, exc_type: object, *exc_info: object) -> None: ...

    def attributes(self) -> Attributes:
        """Return the attributes of the open file (FSTAT)."""

    def set_attributes(self, wanted: Attributes) -> None:
        """Set the mode, owner or times that are not None on the open file (FSETSTAT)."""


class FileSystem(t.Protocol):
    """A tree of files, local or over an SFTP session."""

    def features(self) -> Features:
        """Return the features of this file system; sends no request."""

    def canonical(self, path: bytes) -> bytes:
        """Return the absolute form of a path (REALPATH); the path of a directory must exist."""

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        """Return the attributes of what is at ``path`` (STAT, or LSTAT without ``follow``).

        ``not_found`` when there is nothing.
        """

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        """Yield a directory's entries in the server's order, without ``.`` and ``..``, in constant memory.

        Names are passed on as sent: the caller must check a name before joining it to a path. A listing that fails in
        the middle raises an error and does not just end. ``not_found`` and ``permission_denied`` are raised by the
        first step of the iterator.
        """

    def open_reader(self, path: bytes) -> Reader:
        """Open a file for reading; a link is not followed if the system supports that."""

    def create(self, path: bytes, *, mode: int) -> Writer:
        """Create a new file with exactly these permission bits or fewer, open for writing.

        ``already_exists`` when anything is at ``path``, even a dangling symlink; it stays unchanged
        (O_CREAT | O_EXCL).
        """

    def reopen(self, path: bytes) -> Writer:
        """Open an existing regular file for writing at any offset; its content stays.

        The file is neither created nor truncated: ``not_found`` when there is nothing. Any other type of file is
        refused and left unchanged. So is a symlink, if the server reports it as one.
        """

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> AttributesHandle:
        """Open an existing regular file to set its attributes; nothing is written, truncated or created.

        Any other type of file is refused. So is a symlink, if the server reports it as one. Some servers set nothing
        through a handle that is not open ``for_writing``.
        """

    def set_attributes(self, path: bytes, wanted: Attributes, *, follow: bool) -> None:
        """Set the mode, owner or times that are not None, by name (SETSTAT, without ``follow`` lsetstat@openssh.com).

        Another file may have taken the name since it was last checked: prefer a handle. Without ``follow`` a link is
        never followed; ``unsupported`` where the server has no way to do that.
        """

    def make_directory(self, path: bytes, *, mode: int) -> None:
        """Create one directory; ``already_exists`` when something is there."""

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""

    def remove(self, path: bytes) -> None:
        """Remove a file or a symlink, never a directory."""

    def rename(self, source: bytes, target: bytes) -> None:
        """Rename; ``already_exists`` when something is at ``target``."""

    def replace(self, source: bytes, target: bytes) -> None:
        """Rename in one step, replacing a file at ``target`` (posix-rename@openssh.com).

        ``unsupported`` where ``features().can_replace`` is false.
        """

    def digest(
        self,
        path: bytes,
        *,
        algorithm: str,
        length: int | None = None,
        waiting: t.Callable[[], None] | None = None,
        without_command: bool = False,
    ) -> Digest | None:
        """Return a digest that the server computed without sending the content; None when it cannot compute one.

        ``algorithm`` is ``sha256`` or ``sha512``, ``invalid_input`` otherwise. ``length`` limits the digest to a
        prefix; a length beyond the end means the whole file. The local file system reads the file itself. ``waiting``
        is called at least about twice a second until the digest is known. With ``without_command`` no process is
        started on the server, unless the endpoint's ``remote_checksum`` is ``command``.
        """

    def space(self, path: bytes) -> Space | None:
        """Return the space of the file system that holds ``path``; None when the server cannot report it."""


class ConnectionPool(t.Protocol):
    """Connects to endpoints and keeps the connections; for several threads, if each uses its own sessions."""

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> FileSystem:
        """Return the file system of an endpoint, connecting first if there is no connection.

        Sessions with different numbers are separate, so that several threads may use them at the same time.
        """

    def forget(self, endpoint: Endpoint, session_number: int = 0) -> None:
        """Close the connection of this session, so that its next use connects anew; never raises."""

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return a key that is derived from a credential of one of these endpoints; empty when none has one."""
