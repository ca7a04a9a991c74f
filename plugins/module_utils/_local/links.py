# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Links that a task names: followed once, before anything is read, and only for whom they give nothing new."""

from __future__ import annotations

import contextlib
import os
import stat

from .._paths import split
from .os_errors import translated

# As many as Linux follows (path_resolution(7)).
_MOST_LINKS = 40
_ROOT = 0


def followed(path: bytes) -> bytes:
    """Return where ``path`` leads, without a link in it, as far as the links that have its name may be followed.

    A link may be followed when it belongs to this account, to root, or to the owner of what it leads to (as Apache's
    ``SymLinksIfOwnerMatch``). Another user's link could have this account read what that user may not. One that may not
    be followed is the last component of what is returned, and so is a name without a file.
    """
    with translated("resolve", path):
        found = _placed(path)
        os.stat(os.path.dirname(found))
    for _link in range(_MOST_LINKS):
        target = _target(found)
        if target is None:
            break
        found = target
    return found


def _target(path: bytes) -> bytes | None:
    """Return where a link leads; None for anything else, and for a link that may not be followed."""
    with contextlib.suppress(OSError):
        link = os.lstat(path)
        if stat.S_ISLNK(link.st_mode):
            target = _placed(os.path.join(os.path.dirname(path), os.readlink(path)))
            unchanged = _identity(os.lstat(path)) == _identity(link)
            if unchanged and (link.st_uid in (_ROOT, os.geteuid()) or link.st_uid == os.lstat(target).st_uid):
                return target
    return None


def _placed(path: bytes) -> bytes:
    """Return a path whose directories are no links; its last component may be one."""
    directory, name = split(path)
    return os.path.join(os.path.realpath(directory), name)


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_dev, status.st_ino, status.st_ctime_ns
