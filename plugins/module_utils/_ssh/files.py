# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Files that the settings name: opened without blocking, and read up to a size limit."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t


@contextlib.contextmanager
def opened(path: str, flags: int, *, mode: int = 0o600) -> t.Iterator[int]:
    """Yield a descriptor of the regular file at ``path``, closed afterwards; OSError for any other type of file.

    Without O_NONBLOCK, opening a FIFO waits for its other end (open(2)).
    """
    descriptor = os.open(os.path.expanduser(path), flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    try:
        _require_regular(os.fstat(descriptor), reading=not flags & os.O_WRONLY)
        yield descriptor
    finally:
        os.close(descriptor)


def _require_regular(found: os.stat_result, *, reading: bool) -> None:
    # /dev/null is allowed for reading: users of ssh name it to mean "no file".
    if not stat.S_ISREG(found.st_mode) and not (reading and os.path.samestat(found, os.stat(os.devnull))):
        raise OSError(errno.EINVAL, "it is no regular file")


def read_file(path: str, *, limit_bytes: int, check: t.Callable[[os.stat_result], None] | None = None) -> bytes:
    """Return the whole content; OSError for more than ``limit_bytes``. ``check`` raises to refuse the file."""
    with opened(path, os.O_RDONLY) as descriptor:
        if check is not None:
            check(os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {limit_bytes} bytes")
    return content
