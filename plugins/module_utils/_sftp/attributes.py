# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""A handle that is open only to read and set a file's attributes."""

from __future__ import annotations

from .._model import Attributes
from . import wire
from .reader import close_handle
from .session import Session, blame_path


class SftpAttributes:
    """A file that is open only for its attributes (the port's ``AttributesHandle``)."""

    def __init__(self, session: Session, handle: bytes, path: bytes) -> None:
        self._session = session
        self._handle = wire.string(handle)
        self._path = path

    def __enter__(self) -> SftpAttributes:
        return self

    def __exit__(self, exc_type: object, *_exc_info: object) -> None:
        with blame_path(self._path):
            close_handle(self._session, self._handle, failing=exc_type is not None)

    def attributes(self) -> Attributes:
        """Return the attributes of the open file (FSTAT)."""
        with blame_path(self._path):
            return self._session.expect_attributes(self._session.call(wire.FSTAT, self._handle))

    def set_attributes(self, wanted: Attributes) -> None:
        """Set the attributes that are not None on the open file (FSETSTAT)."""
        body = wire.attributes(wire.completed(wanted, self.attributes))
        with blame_path(self._path):
            self._session.expect_ok(self._session.call(wire.FSETSTAT, self._handle, body))
