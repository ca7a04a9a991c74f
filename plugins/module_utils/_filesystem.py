# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The port: what the engine asks of a file system, be it behind SFTP or local.

Every implementation keeps these promises; ``tests/contract`` holds each of them to every promise.

- Paths are absolute or relative as given, in bytes, and never interpreted: no globbing, no ``~``, no shell. One that is
  empty or has a NUL is ``unsafe_path``.
- Every method raises only :class:`BackhaulError`: ``RemoteError`` when the other side says no, ``LinkError`` when it
  cannot be asked. The error carries the path.
- Every wait ends within the endpoint's deadlines.
- Whatever is opened is a context manager; leaving it closes the handle and raises nothing new over an error that is
  already on its way.
- One file system serves one thread at a time.
"""

from __future__ import annotations

import typing as t

from ._model import Attributes, Digest, DirectoryEntry, Features, Space

Buffer = t.Union[bytes, bytearray, memoryview]


class Reader(t.Protocol):
    """A regular file that is open for reading."""

    def __enter__(self) -> Reader: ...

    def __exit__(self, exc_type: object, *exc_info: object) -> None: ...

    def attributes(self) -> Attributes:
        """Return the attributes of what is open (FSTAT), not of what the path names by now."""

    def opened_and_named(self) -> tuple[Attributes, Attributes]:
        """Return what is open (FSTAT), and what has its name (LSTAT, asked after the opening and in the same go).

        Both are the same where the opening itself follows no link.
        """

    def blocks(self, *, offset: int = 0, length: int | None = None) -> t.Iterator[Buffer]:
        """Yield the content in order from ``offset``, to the end of the file or for ``length`` bytes.

        Blocks are not empty and not bigger than a few hundred KiB. Short reads are asked again, so there is never a
        gap; the iterator ends early only where the file itself ends. Memory is bounded, whatever the file's size.
        A block never changes after it was yielded, and may be kept.
        """


class Writer(t.Protocol):
    """A file that was created or reopened, and is being written; blocks may come in whatever order."""

    def __enter__(self) -> Writer: ...

    def __exit__(self, exc_type: object, *exc_info: object) -> None: ...

    def write(self, offset: int, block: Buffer) -> None:
        """Write ``block`` at ``offset``; it may still be under way on return.

        A write that failed is raised by this or a later call, by ``flush`` at the latest. The block may be reused by
        the caller on return.
        """

    def flush(self) -> None:
        """Return when every write was acknowledged; raise the first that failed."""

    def sync(self) -> bool:
        """Bring the content to stable storage (fsync@openssh.com) after flushing; False when that is not on offer."""

    def attributes(self) -> Attributes:
        """Return the attributes of what is open (FSTAT)."""

    def set_attributes(self, wanted: Attributes) -> None:
        """Set the mode, owner or times that are not None; a size truncates or extends."""

    def close(self) -> None:
        """Flush and close, and raise if either was refused: only now is it written. Again, it does nothing."""


class AttributesHandle(t.Protocol):
    """A regular file that is open for its attributes alone."""

    def __enter__(self) -> AttributesHandle: ...

    def __exit__(self, exc_type: object, *exc_info: object) -> None: ...

    def attributes(self) -> Attributes:
        """Return the attributes of what is open (FSTAT)."""

    def set_attributes(self, wanted: Attributes) -> None:
        """Set the mode, owner or times that are not None on what is open (FSETSTAT)."""


class FileSystem(t.Protocol):
    """A tree of files, local or behind an SFTP session."""

    def features(self) -> Features:
        """Return what this file system can do; costs nothing after the session is open."""

    def canonical(self, path: bytes) -> bytes:
        """Return the absolute form of a path (REALPATH); the path of a directory must exist."""

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        """Return what is at ``path`` (STAT, or LSTAT without ``follow``); ``not_found`` when there is nothing."""

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        """Yield a directory's entries in the server's order, without ``.`` and ``..``, in constant memory.

        Names are passed on as sent: whoever joins them to a path must check them first. A listing that fails in the
        middle raises, and never just ends. ``not_found`` and ``permission_denied`` come with the first entry.
        """

    def open_reader(self, path: bytes) -> Reader:
        """Open a file for reading; where the system can be told so, never what a link leads to."""

    def create(self, path: bytes, *, mode: int) -> Writer:
        """Create a new file with exactly these permission bits or fewer, open for writing.

        Whatever is there already, a dangling symlink included, is left alone and is an ``already_exists`` error
        (O_CREAT | O_EXCL).
        """

    def reopen(self, path: bytes) -> Writer:
        """Open an existing regular file for writing from any offset; what it holds stays.

        It is neither created nor truncated: ``not_found`` when there is nothing. Anything but a regular file is
        refused and left alone, a symlink included where the server can tell.
        """

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> AttributesHandle:
        """Open an existing regular file to set its attributes; nothing is written, truncated or created.

        Anything but a regular file is refused, a symlink included where the server can tell. Some servers set nothing
        through a handle that is not open ``for_writing``.
        """

    def set_attributes(self, path: bytes, wanted: Attributes, *, follow: bool) -> None:
        """Set the mode, owner or times that are not None, by name (SETSTAT, without ``follow`` lsetstat@openssh.com).

        What has the name by then may be another file than a moment ago: prefer a handle. Without ``follow`` a link is
        never followed, and it is ``unsupported`` where that is not on offer.
        """

    def make_directory(self, path: bytes, *, mode: int) -> None:
        """Create one directory; ``already_exists`` when something is there."""

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""

    def remove(self, path: bytes) -> None:
        """Remove a file or a symlink, never a directory."""

    def rename(self, source: bytes, target: bytes) -> None:
        """Rename, and refuse with ``already_exists`` when there is something at ``target``."""

    def replace(self, source: bytes, target: bytes) -> None:
        """Rename over whatever file is at ``target`` in one step (posix-rename@openssh.com).

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
        """Return a digest that the other side computed without sending the content; None when it cannot.

        ``algorithm`` is ``sha256`` or ``sha512``, anything else ``invalid_input``; ``length`` limits it to a prefix,
        and one beyond the end means the whole file. The local file system reads the file itself. ``waiting`` is called
        about twice a second, or more often, until there is an answer. With ``without_command`` no process is started
        on the server for it, unless the endpoint's ``remote_checksum`` is ``command``.
        """

    def space(self, path: bytes) -> Space | None:
        """Return the space of the file system that holds ``path``; None when it cannot be asked."""
