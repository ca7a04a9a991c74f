# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Links that a task names: followed once, before anything is read, and only for whom they give nothing new."""

from __future__ import annotations

import contextlib
import os
import stat

from .._rules.paths import split
from .refusals import refusals

# As many as Linux follows (path_resolution(7)).
_MOST_LINKS = 40
_ROOT = 0


def followed(path: bytes) -> bytes:
    """Return where ``path`` leads, without a link in it, as long as the links that have the file's name may be followed.

    A link may be followed when it belongs to this account, to root, or to the owner of what it leads to (as Apache's
    ``SymLinksIfOwnerMatch``). Another user's link could have this account read what that user may not. One that may not
    be followed is the last component of what is returned, and so is a name without a file.
    """
    for _link in range(_MOST_LINKS):
        directory, name = split(path)
        with refusals("resolve", path):
            directory = os.path.realpath(directory)
            os.stat(directory)
        path = os.path.join(directory, name)
        target = _target(path)
        if target is None:
            return path
        path = os.path.join(directory, target)
    return path


def _target(path: bytes) -> bytes | None:
    """Return what a link says; None for anything else, and for a link that may not be followed."""
    with contextlib.suppress(OSError):
        link = os.lstat(path)
        if stat.S_ISLNK(link.st_mode) and link.st_uid in (_ROOT, os.geteuid(), os.stat(path).st_uid):
            return os.readlink(path)
    return None
