# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""When a modification time proves nothing: the file was written shortly before it was inspected.

SFTP version 3 has whole seconds. A write in the same second as an earlier one leaves the same time, as in git's index
("racily clean", Documentation/technical/racy-git.txt).
"""

from __future__ import annotations

from .._model import Attributes

# One second is the protocol's resolution; the other covers clocks that differ a little and FAT's two-second times.
RACY_SECONDS = 2


def is_racy(mtime: int, *, looked_at: float) -> bool:
    """Return whether a file could be written again after ``looked_at`` and keep this ``mtime`` (both since 1970).

    ``looked_at`` is by the controller's clock: SFTP has no request for the server's. A time in the future is racy, too.
    """
    return mtime >= looked_at - RACY_SECONDS


def was_racy_when_read(before: Attributes, after: Attributes) -> bool:
    """Return the same by the source server's own clock, where the file's access time shows it; False elsewhere.

    ``before`` are the attributes from before the reading, ``after`` those from its end. An access time that has changed
    between them is the time of a read, by the server's clock. With ``relatime`` (mount(8)) it changes only for a file
    that was written since the last read, or a day ago.
    """
    if after.atime is None or after.atime == before.atime or after.mtime is None:
        return False
    return is_racy(after.mtime, looked_at=after.atime)
