# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""When a modification time proves nothing: the file was written about when it was looked at.

SFTP version 3 has whole seconds. A write in the same second as an earlier one leaves the same time, as in git's index
("racily clean", Documentation/technical/racy-git.txt).
"""

from __future__ import annotations

from .._model import Attributes

# One second is the protocol's, the other one covers clocks that differ a little and times of two seconds (FAT).
RACY_SECONDS = 2


def is_racy(mtime: int, *, looked_at: float) -> bool:
    """Say whether a file could be written again after ``looked_at`` and keep this time; times are of the epoch.

    The clock is that of the controller, since SFTP tells no other. Times in the future are racy, too.
    """
    return mtime >= looked_at - RACY_SECONDS


def was_racy_when_read(before: Attributes, after: Attributes) -> bool:
    """Say the same by the source server's own clock, as far as its access time tells it.

    ``before`` is the first look, ``after`` the end of the reading. An access time that has changed between them is the
    time of a reading, by that server's clock (relatime keeps it for a file that was written since it was last read).
    """
    if after.atime is None or after.atime == before.atime or after.mtime is None:
        return False
    return is_racy(after.mtime, looked_at=after.atime)
