# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Links in paths that a task names: resolved once, before reading, and only if they give no new access."""

from __future__ import annotations

import contextlib
import os
import stat

from .._paths import split
from .os_errors import translated

# The limit of Linux (path_resolution(7)).
_MOST_LINKS = 40
_ROOT = 0


def followed(path: bytes) -> bytes:
    """Return the target of ``path`` with all links resolved, as far as the links at its end may be followed.

    A link may be followed if it belongs to this account, to root, or to the owner of its target (like Apache's
    ``SymLinksIfOwnerMatch``). Any other link could make this account read a file that the link's owner may not read.
    A link that may not be followed stays the last component of the result. So does a name without a file.
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
    """Return the target of a link; None for any other file, and for a link that may not be followed."""
    with contextlib.suppress(OSError):
        link = os.lstat(path)
        if stat.S_ISLNK(link.st_mode):
            target = _placed(os.path.join(os.path.dirname(path), os.readlink(path)))
            unchanged = _identity(os.lstat(path)) == _identity(link)
            if unchanged and (link.st_uid in (_ROOT, os.geteuid()) or link.st_uid == os.lstat(target).st_uid):
                return target
    return None


def _placed(path: bytes) -> bytes:
    """Return ``path`` with the links in its directory resolved; its last component may be a link."""
    directory, name = split(path)
    return os.path.join(os.path.realpath(directory), name)


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_dev, status.st_ino, status.st_ctime_ns
