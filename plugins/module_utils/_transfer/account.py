# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Which files at a destination belong to the account that is logged in there: another user may have made the others."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import RemoteError, printable
from .._filesystem import FileSystem, Writer
from .._model import Attributes
from .._names import job_token
from .backup_file import backup_path
from .inspect import lstat_or_none
from .partial_file import Orphan, PartialFile


class Account:
    """The account of one destination, identified by the owner of a file that it has just created there.

    ``key`` returns bytes that are derived from a credential, empty without one; it is called when they are first
    needed. ``token`` returns a random name.
    """

    def __init__(self, *, key: t.Callable[[], bytes], token: t.Callable[[], str]) -> None:
        self._key = key
        self._token = token
        self._uids: dict[bytes, int | None] = {}
        self.warnings: list[str] = []

    def job_token(self, *identity: bytes) -> str:
        """Return the token of a job's identity; only holders of the credential can compute it."""
        return job_token(*identity, key=self._key())

    def backup_path(self, final: bytes) -> bytes:
        """Return where the current file of this final name is kept while the new one gets the name."""
        return backup_path(final, key=self._key())

    def uid(self, files: FileSystem, final: bytes, left_behind: list[Orphan]) -> int | None:
        """Return the owner of new files in the directory of ``final``; None where the server sends no owner.

        An empty hidden file is created once for each directory to learn it, and removed.
        """
        directory = final.rpartition(b"/")[0]
        if directory not in self._uids:
            self._uids[directory] = self._uid(files, final, left_behind)
        return self._uids[directory]

    def _uid(self, files: FileSystem, final: bytes, left_behind: list[Orphan]) -> int | None:
        probe, stale = PartialFile(files, final, token=self._token, left_behind=left_behind), None
        with probe:
            known = self.job_token(b"owner", final)  # the next run finds and removes the file of a killed run
            try:
                writer = probe.create_to_be_found(known)
            except RemoteError as exc:
                if exc.code != "already_exists":
                    raise
                writer, stale = probe.create(), probe.path_for(known)
            uid = _owner(writer)
        if stale is not None:
            self._remove_empty(files, stale, uid)
        return uid

    def _remove_empty(self, files: FileSystem, path: bytes, uid: int | None) -> None:
        with contextlib.suppress(RemoteError):
            found = lstat_or_none(files, path)
            if found is not None and not found.size and self._belongs(found, uid):
                files.remove(path)

    def owns(self, files: FileSystem, final: bytes, found: Attributes, left_behind: list[Orphan]) -> bool:
        """Return whether this account made ``found``, a hidden file beside ``final``."""
        return found.kind == "file" and self._belongs(found, self.uid(files, final, left_behind))

    def _belongs(self, found: Attributes, uid: int | None) -> bool:
        # Where the server sends no owner, only a name that needs the credential tells who made the file.
        return bool(self._key()) if uid is None or found.uid is None else found.uid == uid

    def leave_alone(self, path: bytes, found: Attributes) -> None:
        """Add a warning about a hidden file that another user may have made."""
        mode = "unknown" if found.permissions is None else f"{found.permissions:04o}"
        text = (
            f"{printable(path)} was left alone: by its type ({found.kind}), owner (uid {found.uid}), mode ({mode}) or"
            " links it is no partial file of this account. See who else can write in that directory."
        )
        if text not in self.warnings:
            self.warnings.append(text)


def _owner(writer: Writer) -> int | None:
    try:
        with writer:
            return writer.attributes().uid
    except RemoteError as exc:
        if exc.code not in ("not_found", "unsupported"):  # object stores answer no FSTAT before the close
            raise
        return None
