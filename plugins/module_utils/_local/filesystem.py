# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The ``FileSystem`` port on this machine's own files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import typing as t

from .._errors import InputError, RemoteError, printable
from .._model import Attributes, Digest, DirectoryEntry, Features, Limits, Space
from .handles import BLOCK_BYTES, LocalReader, LocalWriter, apply_attributes, attributes_of
from .os_errors import translated

_HandleT = t.TypeVar("_HandleT", LocalReader, LocalWriter)
# The arguments of system calls: a path, and the descriptor of the directory that it is relative to, or None.
Held = t.Tuple[bytes, t.Optional[int]]
_ALGORITHMS = ("sha256", "sha512")
_FEATURES = Features(
    limits=Limits(packet_bytes=BLOCK_BYTES, read_bytes=BLOCK_BYTES, write_bytes=BLOCK_BYTES),
    can_sync=True,
    can_replace=True,
)
# The errors of link(2) for a directory (EPERM), a file of another user (fs.protected_hardlinks: EPERM), a file system
# without hard links (EPERM, EOPNOTSUPP, ENOSYS), and too many links to one file (EMLINK).
_CANNOT_LINK = frozenset({errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class LocalFileSystem:
    """The files of the machine that this code runs on."""

    @contextlib.contextmanager
    def _held(self, path: bytes) -> t.Iterator[Held]:
        """Yield the arguments that name ``path`` in system calls; a subclass may open its directories first."""
        yield path, None

    def features(self) -> Features:
        """Return the features of this file system."""
        return _FEATURES

    def canonical(self, path: bytes) -> bytes:
        """Return the absolute form of a path with links resolved; its directory must exist."""
        with translated("resolve", path):
            resolved = os.path.realpath(path)
            os.stat(os.path.dirname(resolved))
            return resolved

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        """Return the attributes of what is at ``path``."""
        with translated("look at", path), self._held(path) as (name, directory):
            return attributes_of(os.stat(name, dir_fd=directory, follow_symlinks=follow))

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        """Yield a directory's entries in the order of the operating system."""
        with translated("list", path):
            listing = os.scandir(path)
        yield from listed(listing, path)

    def open_reader(self, path: bytes) -> LocalReader:
        """Open a regular file for reading; a link is not followed."""
        with translated("read", path), self._held(path) as (name, directory):
            # O_NONBLOCK: otherwise opening a FIFO waits for a writer. The flag has no effect on regular files.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW
            descriptor = os.open(name, flags, dir_fd=directory)
        return _regular(LocalReader(descriptor, path), "read", path)

    def create(self, path: bytes, *, mode: int) -> LocalWriter:
        """Create a new file, open for writing; the umask may remove bits of ``mode``."""
        with translated("create", path), self._held(path) as (name, directory):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return LocalWriter(os.open(name, flags, mode, dir_fd=directory), path)

    def reopen(self, path: bytes) -> LocalWriter:
        """Open an existing regular file for writing, without creating or truncating it."""
        with translated("write to", path), self._held(path) as (name, directory):
            # O_NONBLOCK, as for reading: opening a FIFO without a reader fails instead of waiting for one.
            flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
            writer = LocalWriter(os.open(name, flags, dir_fd=directory), path)
        return _regular(writer, "write to", path)

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> LocalReader:
        """Open a regular file to set its attributes."""
        access = os.O_WRONLY if for_writing else os.O_RDONLY
        flags = access | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        with translated("change", path), self._held(path) as (name, directory):
            descriptor = os.open(name, flags, dir_fd=directory)
        return _regular(LocalReader(descriptor, path), "change", path)

    def set_attributes(self, path: bytes, wanted: Attributes, *, follow: bool) -> None:
        """Set the mode, owner or times that are not None; without ``follow``, by a handle of the file itself."""
        if not follow:
            with self.open_attributes(path) as handle:
                handle.set_attributes(wanted)
            return
        with translated("change", path):
            apply_attributes(path, wanted)

    def make_directory(self, path: bytes, *, mode: int) -> None:
        """Create one directory."""
        with translated("create", path), self._held(path) as (name, directory):
            os.mkdir(name, mode, dir_fd=directory)

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""
        with translated("remove", path), self._held(path) as (name, directory):
            os.rmdir(name, dir_fd=directory)

    def remove(self, path: bytes) -> None:
        """Remove a file or a symlink."""
        with translated("remove", path), self._held(path) as (name, directory):
            os.unlink(name, dir_fd=directory)

    def rename(self, source: bytes, target: bytes) -> None:
        """Rename; ``already_exists`` when something is at ``target``.

        rename(2) would replace a target that appears between a check and the call. link(2) fails instead, so the new
        name is linked and the old one removed, as OpenSSH's sftp-server does. A crash in between leaves the file under
        both names. A file that cannot be linked is renamed after a check, with that race.
        """
        with translated("rename", source, target=target), self._held(source) as old, self._held(target) as new:
            try:
                os.link(old[0], new[0], src_dir_fd=old[1], dst_dir_fd=new[1], follow_symlinks=False)
            except OSError as exc:
                if exc.errno not in _CANNOT_LINK:
                    raise
                _rename_after_check(old, new)
            else:
                os.unlink(old[0], dir_fd=old[1])

    def replace(self, source: bytes, target: bytes) -> None:
        """Rename in one step, replacing a file at ``target``."""
        with translated("rename", source, target=target), self._held(source) as old, self._held(target) as new:
            os.replace(old[0], new[0], src_dir_fd=old[1], dst_dir_fd=new[1])

    def digest(
        self,
        path: bytes,
        *,
        algorithm: str,
        length: int | None = None,
        waiting: t.Callable[[], None] | None = None,
        without_command: bool = False,  # noqa: ARG002 - no process is ever started here
    ) -> Digest:
        """Return the digest, computed here, of the file's first ``length`` bytes, or of all of a shorter file."""
        if algorithm not in _ALGORITHMS:
            raise InputError("invalid_input", f"{algorithm!r} is not one of {', '.join(_ALGORITHMS)}", path=path)
        state = hashlib.new(algorithm)
        with self.open_reader(path) as reader:
            for block in reader.blocks(length=length):
                state.update(block)
                if waiting is not None:
                    waiting()
        return Digest(algorithm=algorithm, hexdigest=state.hexdigest(), method="local")

    def space(self, path: bytes) -> Space:
        """Return the space of the file system that holds ``path``."""
        with translated("ask for the space at", path):
            status = os.statvfs(path)
        return Space(free_bytes=status.f_bavail * status.f_frsize, total_bytes=status.f_blocks * status.f_frsize)


def _regular(handle: _HandleT, action: str, path: bytes) -> _HandleT:
    """Return ``handle`` if its file is a regular file; otherwise close it and raise RemoteError."""
    if handle.attributes().kind == "file":
        return handle
    handle.close()
    raise RemoteError("remote_failure", f"cannot {action} {printable(path)}: it is not a regular file", path=path)


def listed(listing: t.Any, path: bytes) -> t.Iterator[DirectoryEntry]:  # noqa: ANN401 - scandir's own type is private
    """Yield the entries of an ``os.scandir`` iterator, then close it; ``path`` is for messages."""
    with listing:
        while True:
            with translated("list", path):
                entry = next(listing, None)
            if entry is None:
                return
            found = _directory_entry(entry)
            if found is not None:
                yield found


def _directory_entry(entry: os.DirEntry[t.Any]) -> DirectoryEntry | None:
    """Return an entry with its attributes, empty if they may not be read; None if the entry no longer exists."""
    name = os.fsencode(entry.name)
    try:
        return DirectoryEntry(name=name, attributes=attributes_of(entry.stat(follow_symlinks=False)))
    except FileNotFoundError:
        return None
    except OSError:  # a directory with read but no search permission
        return DirectoryEntry(name=name, attributes=Attributes())


def _rename_after_check(old: Held, new: Held) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.stat(new[0], dir_fd=new[1], follow_symlinks=False)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(old[0], new[0], src_dir_fd=old[1], dst_dir_fd=new[1])
