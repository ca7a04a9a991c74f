# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Optional requests, and the memory of those that a server does not support."""

from __future__ import annotations

import collections
import contextlib
import typing as t

from .._errors import LinkError, RemoteError, printable
from .session import Session

LIMITS = b"limits@openssh.com"
SPACE = b"statvfs@openssh.com"
SYNC = b"fsync@openssh.com"
REPLACE = b"posix-rename@openssh.com"
CHECK_FILE = b"check-file-name"
COMMAND = b"a command"


class OptionalRequests:
    """The optional requests that are not sent to one server again; all sessions of a task with that server share it.

    ``notes`` are sentences for the result's warnings: one for each request that ended a session or got no answer.
    """

    def __init__(self) -> None:
        self._refused: set[bytes] = set()
        self._lost: collections.Counter[bytes] = collections.Counter()
        self.notes: list[str] = []

    def may_ask(self, name: bytes) -> bool:
        """Return False once the server has refused the request as unsupported, or ended a session at it."""
        return name not in self._refused

    def offers(self, session: Session, name: bytes) -> bool:
        """Return whether the server announced the extension and did not refuse it since."""
        return name in session.extensions and self.may_ask(name)

    def refuse(self, name: bytes) -> None:
        """Record that the request must not be sent again."""
        self._refused.add(name)

    @contextlib.contextmanager
    def asking(self, session: Session, name: bytes, *, may_hang: bool = False) -> t.Iterator[None]:
        """Record the request as refused if the block fails because of it; the error is still raised.

        The request is recorded after ``unsupported``, after the end of the session alone, after a second loss of the
        connection, and with ``may_hang`` after a missed deadline. The LinkError then has ``details.not_asked_again``:
        the work may start again without this request, and that does not count as a retry.
        """
        try:
            yield
        except RemoteError as exc:
            if exc.code == "unsupported":
                self.refuse(name)
            raise
        except LinkError as exc:
            if self._is_to_blame(session, name, exc, may_hang=may_hang):
                self._blame(name, exc)
            raise

    def _is_to_blame(self, session: Session, name: bytes, error: LinkError, *, may_hang: bool) -> bool:
        if error.code == "timed_out":
            return may_hang
        if session.closed_by_server:
            return True
        if not self.may_ask(name):
            return False
        self._lost[name] += 1
        return self._lost[name] > 1

    def _blame(self, name: bytes, error: LinkError) -> None:
        error.details["not_asked_again"] = printable(name)
        if not self.may_ask(name):
            return  # another session has recorded it already
        self.refuse(name)
        how = "did not answer in time" if error.code == "timed_out" else "ended the session"
        self.notes.append(f"the server {how} when it was asked for {printable(name)}; it is not asked for it again")
