# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""List directories within limits: the length of each name, the number of entries, and the total time."""

from __future__ import annotations

import typing as t

from .._errors import LinkError
from .._model import DirectoryEntry
from . import wire
from .reader import close_handle
from .session import Reply, Session, blame_path

READDIRS_IN_FLIGHT = 4
# More than any directory of backups has. This ends an endless listing.
MAX_ENTRIES = 10_000_000
# The time allowed for each entry, and for each directory apart from its entries. A million entries over a round trip
# of 100 ms, 100 in each reply, take a thousandth of the time for entries.
SECONDS_PER_ENTRY = 1.0
SECONDS_PER_DIRECTORY = 3.0
# The limit for all listings of one session together.
LONGEST_SECONDS = 12 * 60 * 60.0


class Listings:
    """Lists directories over one session.

    Only the time spent waiting for the server counts, including other requests between two entries. All listings
    together may take ``operation_seconds``, plus a fixed time for each entry and directory that the server has sent.
    """

    def __init__(self, session: Session, *, operation_seconds: float) -> None:
        self._session = session
        self._allowed_seconds = operation_seconds
        self._spent_seconds = 0.0

    def entries(self, path: bytes, encoded_path: bytes) -> t.Iterator[DirectoryEntry]:
        """Yield a directory's entries; the next packets are requested while the caller handles the current one."""
        since = self._session.waited_seconds
        with blame_path(path):
            handle = wire.string(self._session.expect_handle(self._session.call(wire.OPENDIR, encoded_path)))
            self._allowed_seconds += SECONDS_PER_DIRECTORY
            try:
                yield from self._listing(handle, since)
            except BaseException:
                close_handle(self._session, handle, failing=True)
                raise
            close_handle(self._session, handle, failing=False)

    def _listing(self, handle: bytes, since: float) -> t.Iterator[DirectoryEntry]:
        asked = [self._session.request(wire.READDIR, handle)]
        count = 0
        while True:
            names = self._session.expect_names(self._session.wait(asked.pop(0)))
            if names is None:
                break
            since = self._count_time(since, entries=len(names))
            while len(asked) < READDIRS_IN_FLIGHT:
                asked.append(self._session.request(wire.READDIR, handle))
            count += len(names) or 1  # an endless series of empty packets is an endless listing, too
            if count > MAX_ENTRIES:
                self._session.violated(f"a listing of more than {MAX_ENTRIES} entries")
            for name, attributes in names:
                if name not in (b".", b".."):
                    yield DirectoryEntry(name, attributes)
        self._rest_is_end(asked)

    def _count_time(self, since: float, *, entries: int) -> float:
        """Add the time waited since ``since``, and end the session at the limit; return the new ``since``."""
        now = self._session.waited_seconds
        self._spent_seconds += now - since
        self._allowed_seconds += entries * SECONDS_PER_ENTRY
        if self._spent_seconds > min(self._allowed_seconds, LONGEST_SECONDS):
            self._session.abort(_too_slow(self._spent_seconds))
        return now

    def _rest_is_end(self, asked: list[Reply]) -> None:
        """Check that every request sent ahead is answered with the end of the directory, too."""
        for reply in asked:
            if self._session.expect_names(self._session.wait(reply)) is not None:
                self._session.violated("a listing that goes on after its end")


def _too_slow(seconds: float) -> LinkError:
    return LinkError(
        "timed_out",
        f"the server took {seconds:.0f} seconds to list what it has listed so far, less than an entry a second",
        remedy="A listing may take operation_timeout, a second for each entry and three for each directory, twelve"
        " hours in all. Look for what slows the server down, or list a directory with less in it.",
    )
