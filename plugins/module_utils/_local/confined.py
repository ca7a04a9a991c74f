# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The local file system, without following any link below one directory."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

from .._errors import InputError, printable
from .._model import Attributes, DirectoryEntry, Space
from .._paths import SEPARATOR, join, normalise
from .filesystem import Held, LocalFileSystem, listed
from .os_errors import translated

# O_PATH (Linux) needs only search permission for the directory, no read permission (open(2)).
_PASSING = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_LISTING = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
# The errors of open(2) for a link with O_NOFOLLOW: ELOOP, and ENOTDIR with O_DIRECTORY.
_IS_A_LINK = (errno.ELOOP, errno.ENOTDIR)

_LINK = "is a symbolic link"


class ConfinedFileSystem(LocalFileSystem):
    """The local file system, with each directory below ``root`` opened from its parent, so that no link is followed.

    A link on the way is ``unsafe_path``, even if it is created during the call. The path of ``root`` itself, and every
    path that is not below it, is the caller's choice and is used without this check.
    """

    def __init__(self, root: bytes) -> None:
        self._root = normalise(root)
        self._prefix = join(self._root, b"x")[:-1]

    @contextlib.contextmanager
    def _held(self, path: bytes) -> t.Iterator[Held]:
        """Yield the last name of ``path`` and its open directory; the path and None when it is not below the root."""
        names = self._names_below(path)
        if not names:
            yield path, None
            return
        with contextlib.ExitStack() as opened:
            directory = _opened(opened, self._root, _PASSING, None)
            for count, name in enumerate(names[:-1], start=1):
                with self._links_refused(names[:count], directory):
                    directory = _opened(opened, name, _PASSING | os.O_NOFOLLOW, directory)
            yield names[-1], directory

    def _names_below(self, path: bytes) -> list[bytes]:
        clean = normalise(path)
        if clean == self._root or not clean.startswith(self._prefix):
            return []
        names = clean[len(self._prefix) :].split(SEPARATOR)
        if b".." in names:
            raise _leads_out(path, "has two dots in it")
        return names

    @contextlib.contextmanager
    def _links_refused(self, names: t.Sequence[bytes], directory: int) -> t.Iterator[None]:
        try:
            yield
        except OSError as exc:
            if exc.errno in _IS_A_LINK and _is_link(names[-1], directory):
                raise _leads_out(self._prefix + SEPARATOR.join(names), _LINK) from exc
            raise

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        """Return the attributes of what is at ``path``; below the root, a link is refused instead of followed."""
        names = self._names_below(path)
        found = super().attributes(path, follow=follow and not names)
        if names and follow and found.kind == "link":
            raise _leads_out(path, _LINK)
        return found

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        """Yield a directory's entries in the order of the operating system."""
        names = self._names_below(path)
        if not names:
            yield from super().entries(path)
            return
        with contextlib.ExitStack() as opened:
            yield from listed(os.scandir(self._opened_to_list(opened, path, names)), path)

    def _opened_to_list(self, opened: contextlib.ExitStack, path: bytes, names: t.Sequence[bytes]) -> int:
        with translated("list", path), self._held(path) as held, self._links_refused(names, t.cast(int, held[1])):
            return _opened(opened, held[0], _LISTING, held[1])

    def set_attributes(self, path: bytes, wanted: Attributes, *, follow: bool) -> None:
        """Set the mode, owner or times that are not None; below the root, no link is followed."""
        super().set_attributes(path, wanted, follow=follow and not self._names_below(path))

    def space(self, path: bytes) -> Space:
        """Return the space of the file system that holds ``path``."""
        names = self._names_below(path)
        if not names:
            return super().space(path)
        with contextlib.ExitStack() as opened, translated("ask for the space at", path):
            name, directory = opened.enter_context(self._held(path))
            with self._links_refused(names, t.cast(int, directory)):
                status = os.statvfs(_opened(opened, name, _PASSING | os.O_NOFOLLOW, directory))
        return Space(free_bytes=status.f_bavail * status.f_frsize, total_bytes=status.f_blocks * status.f_frsize)


def _opened(opened: contextlib.ExitStack, name: bytes, flags: int, directory: int | None) -> int:
    descriptor = os.open(name, flags, dir_fd=directory)
    opened.callback(os.close, descriptor)
    return descriptor


def _is_link(name: bytes, directory: int) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    return False


def _leads_out(path: bytes, why: str) -> InputError:
    return InputError(
        "unsafe_path",
        f"{printable(path)} {why}, which could lead out of the directory that is copied",
        remedy="Nothing is followed in there. Remove the link, or name the directory that it leads to.",
        path=path,
    )
