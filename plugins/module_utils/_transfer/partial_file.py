# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The temporary file that a copy is written to: created, kept or removed, and renamed to the final name."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._cancellation import shielded
from .._errors import BackhaulError, IntegrityError, LinkError, RemoteError, printable
from .._filesystem import FileSystem, Writer
from .._model import Attributes
from .._names import temporary_name
from .._paths import join, split
from .backup_file import backup_path, move_to_backup
from .checksum import cheapest_digest
from .inspect import lstat_or_none
from .writer_watch import OtherRunFinished

TEMPORARY_MODE = 0o600
# Below this size, sending again is cheaper than verifying a prefix.
WORTH_KEEPING_BYTES = 1024 * 1024
_NAME_ATTEMPTS = 3


@dataclass(frozen=True)
class Orphan:
    """A file of this run that a lost connection or a refusal may have left behind.

    ``restore_to`` is the final name of a backup; ``sha256`` is the digest of the copy that was to replace it, and
    ``moved`` are the attributes of the file that was moved: no other file is renamed back. With ``only_if_exists`` the
    orphan is removed only while that path exists. With ``only_if_empty`` it is removed only while it has no content:
    otherwise it is another run's.
    """

    path: bytes
    restore_to: bytes = b""
    sha256: str = ""
    only_if_exists: bytes = b""
    only_if_empty: bool = False
    moved: Attributes | None = None


class PrefixMismatch(Exception):
    """A partial file whose first ``length`` bytes cannot be resumed from.

    They are not the source's, as its content showed. Or the server refuses to continue any existing file; then
    ``length`` is 1.
    """

    def __init__(self, length: int) -> None:
        super().__init__(f"the first {length} bytes cannot be resumed from")
        self.length = length


def remove_orphan(files: FileSystem, orphan: Orphan) -> None:
    """Rename a backup to its final name if nothing is there; remove any other orphan.

    An orphan that does not exist is no error. A backup is removed only when this run's copy has its final name, proven
    by the digest; any other file there is ``already_exists``. Any other refusal and a lost connection are raised.
    """
    try:
        if orphan.only_if_empty and _has_content(files, orphan.path):
            return  # another run has created it and writes it
        if orphan.restore_to:
            if orphan.moved is not None:
                _require_same(orphan.moved, files.attributes(orphan.path, follow=False))
            files.rename(orphan.path, orphan.restore_to)
        elif not orphan.only_if_exists or lstat_or_none(files, orphan.only_if_exists) is not None:
            files.remove(orphan.path)  # without a file of the final name, another run is about to restore this backup
    except RemoteError as exc:
        if exc.code == "not_found" or (orphan.restore_to and lstat_or_none(files, orphan.path) is None):
            return  # never moved, or restored already: some servers check the target before the source
        if not (exc.code == "already_exists" and orphan.restore_to and _is_replaced(files, orphan)):
            raise
        remove_orphan(files, Orphan(orphan.path))


def _require_same(moved: Attributes, found: Attributes) -> None:
    if not moved.is_same_file(found):
        raise RemoteError("remote_failure", "the old file that was moved aside was replaced there by another one")


def _has_content(files: FileSystem, path: bytes) -> bool:
    found = lstat_or_none(files, path)
    return found is not None and bool(found.size)


def _is_replaced(files: FileSystem, orphan: Orphan) -> bool:
    return bool(orphan.sha256) and cheapest_digest(files, orphan.restore_to).hexdigest == orphan.sha256


class PartialFile:
    """A file that is written beside its final name; a context manager.

    ``create`` creates it exclusively, ``reopen`` opens the one of an earlier attempt, ``publish`` renames it to the
    final name. ``seen`` are its attributes through the handle that wrote it (FSTAT); None where the server answers that
    only after the close. ``publishing`` is true once a rename was requested: after a lost connection the file may have
    either name.

    The exit removes the file, unless it has the name by which the next attempt finds it, is large enough to be resumed,
    and the attempt was interrupted. Then it is ``kept``, and ``kept_bytes`` is its size, None where the server can no
    longer be asked. A file that cannot be removed is appended to ``left_behind``. ``backup_path`` returns where the
    current file is kept on a server that cannot replace it in one step.
    """

    def __init__(
        self,
        files: FileSystem,
        final: bytes,
        *,
        token: t.Callable[[], str],
        left_behind: list[Orphan],
        backup_path: t.Callable[[bytes], bytes] = backup_path,
    ) -> None:
        self._files = files
        self._final = final
        self._token = token
        self._left_behind = left_behind
        self._backup_path = backup_path
        self.seen: Attributes | None = None
        self._path: bytes | None = None
        self._can_be_found = False
        self.filled_bytes = 0
        self.publishing = False
        self.kept = False
        self.kept_bytes: int | None = None

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(self, _exc_type: object, error: BaseException | None, _traceback: object) -> None:
        if self._path is not None and not (self._can_be_found and self._is_worth_keeping(error)):
            self._remove_or_note(Orphan(self._path))

    def _is_worth_keeping(self, error: BaseException | None) -> bool:
        if not _is_interruption(error) or self.filled_bytes < WORTH_KEEPING_BYTES:
            return False
        try:
            self.kept_bytes = self._files.attributes(self.path, follow=False).size or 0
        except LinkError:
            self.kept = True  # the attempt that resumes it will see its size
        except RemoteError:
            return False
        else:
            self.kept = self.kept_bytes >= WORTH_KEEPING_BYTES
        return self.kept

    def _remove_or_note(self, orphan: Orphan) -> None:
        try:
            remove_orphan(self._files, orphan)
        except BackhaulError:  # an error that is being raised says more
            self._left_behind.append(orphan)

    @property
    def path(self) -> bytes:
        """The temporary path; only after ``create`` or ``reopen``."""
        if self._path is None:
            raise RuntimeError("the partial file was not created")
        return self._path

    def path_for(self, token: str) -> bytes:
        """Return the temporary path for a token: beside the final name, so that one rename publishes the file."""
        directory, name = split(self._final)
        return join(directory, temporary_name(name, token))

    def create(self) -> Writer:
        """Create the file under a random name."""
        for _attempt in range(_NAME_ATTEMPTS - 1):
            try:
                return self._create(self._token())
            except RemoteError as exc:
                if exc.code != "already_exists":
                    raise
        return self._create(self._token())

    def create_to_be_found(self, token: str) -> Writer:
        """Create the file under the name that the next attempt looks for; ``already_exists`` if there is one."""
        writer = self._create(token)
        self._can_be_found = True
        return writer

    def _create(self, token: str) -> Writer:
        path = self.path_for(token)
        try:
            with shielded():  # a cancellation must not come between the creation and the note to remove it
                writer = self._files.create(path, mode=TEMPORARY_MODE)
                self._path = path
        except BackhaulError as exc:
            if exc.breaks_link:
                self._left_behind.append(Orphan(path, only_if_empty=True))  # perhaps only the reply was lost
            raise
        return writer

    def reopen(self, token: str) -> Writer:
        """Open the file that an earlier attempt left under this token, for writing."""
        path = self.path_for(token)
        writer = self._files.reopen(path)
        self._path, self._can_be_found = path, True
        return writer

    def disown(self) -> None:
        """Do not delete the partial file on exit: another run owns or has published it."""
        self._path = None

    def named(self) -> Attributes:
        """Return the attributes of the temporary path (LSTAT), which must be the file that was written.

        Raises OtherRunFinished when the file is gone or another run's, if other runs can find it; ``publish_failed``
        otherwise, and for a file of another user.
        """
        found = lstat_or_none(self._files, self.path)
        if found is not None and (self.seen is None or self.seen.is_same_file(found)):
            return found
        path, planted = self.path, found is not None and self._is_planted(found)
        self.disown()
        error = _vanished_error(path) if found is None else _taken_error(path)
        raise error if planted or not self._can_be_found else OtherRunFinished(error)

    def _is_planted(self, found: Attributes) -> bool:
        """Return whether no run of this account can have made the file: no regular file, or another owner's."""
        other_owner = self.seen is not None and found.has_other_owner(self.seen)
        return other_owner or found.kind not in ("file", "unknown")

    def publish(self, *, replacing: bool, sha256: str = "") -> None:
        """Rename to the final name; after ``publish_failed`` the previous file still has that name.

        Raises OtherRunFinished when a partial file that other runs can find is gone. The published file must have the
        owner of the partial file. ``sha256`` is the digest of the content, by which a later clean-up recognises the
        copy. A cancellation takes effect after the last rename.
        """
        self.publishing = True
        with shielded():
            try:
                if not replacing:
                    self._files.rename(self.path, self._final)
                elif not self._replaced():
                    self._replace_via_backup(sha256)
            except RemoteError as exc:
                if exc.breaks_link:
                    raise
                self.publishing = False
                refused = _publish_error(exc, self._final)
                if self._can_be_found and exc.code in ("not_found", "already_exists"):
                    if lstat_or_none(self._files, self.path) is None:
                        self.disown()
                        raise OtherRunFinished(refused) from exc
                    if replacing:  # another run has restored the previous file
                        raise OtherRunFinished(refused) from exc
                raise refused from exc
            self._path = None
            self._require_same_owner()

    def _require_same_owner(self) -> None:
        """Check what was published: where other users can rename files, one may have exchanged the partial file."""
        try:
            found = lstat_or_none(self._files, self._final)
        except RemoteError as exc:
            if exc.breaks_link:
                raise
            return  # the rename was done, and only this LSTAT was refused
        if found is not None and self._is_planted(found):
            self.publishing = False
            raise _taken_error(self._final)

    def _replaced(self) -> bool:
        """Rename over the current file in one step; return False where the server cannot, announced or not."""
        if not self._files.features().can_replace:
            return False
        try:
            self._files.replace(self.path, self._final)
        except RemoteError as exc:
            if exc.code != "unsupported":
                raise
            return False
        return True

    def _replace_via_backup(self, sha256: str) -> None:
        """Replace without posix-rename: rename the current file to its backup name, and back after a failure."""
        backup, otherwise = self._backup_path(self._final), self.path_for(self._token())
        self._files.attributes(self.path, follow=False)  # not_found: another run has published it, and nothing is moved
        old = self._files.attributes(self._final, follow=False)
        uid = None if self.seen is None else self.seen.uid
        try:
            backup = move_to_backup(self._files, self._final, backup, uid=uid, otherwise=otherwise)
        except BackhaulError as exc:
            if exc.breaks_link:
                self._left_behind.append(Orphan(backup, restore_to=self._final, sha256=sha256, moved=old))
            raise
        try:
            self._files.rename(self.path, self._final)
        except BackhaulError:
            self._remove_or_note(Orphan(backup, restore_to=self._final, sha256=sha256, moved=old))
            raise
        self._path = None
        self._remove_or_note(Orphan(backup, only_if_exists=self._final))


def _is_interruption(error: BaseException | None) -> bool:
    """Return whether a later attempt may resume: after a lost connection, an error of the source, or a cancellation."""
    if isinstance(error, RemoteError):
        return error.role == "source"
    if isinstance(error, Exception):
        return isinstance(error, (LinkError, PrefixMismatch))
    return error is not None


def _vanished_error(path: bytes) -> IntegrityError:
    return IntegrityError(
        "publish_failed",
        "the copy was moved or removed by the server, or by somebody else, as soon as it was closed",
        remedy="Nothing was published. Look for what processes uploads there, and relay to another directory.",
        details={"temporary_name": printable(path)},
    )


def _taken_error(path: bytes) -> IntegrityError:
    return IntegrityError(
        "publish_failed",
        "another file took the place of the copy, in a directory where others can write",
        remedy="Do not use what has the final name now. See who can write there, and relay to a directory where only"
        " this account can, or one with the sticky bit.",
        role="destination",
        path=path,
        details={"taken": printable(path)},
    )


def _publish_error(error: RemoteError, final: bytes) -> BackhaulError:
    if error.code == "already_exists":
        return error.with_location(path=final)
    return IntegrityError(
        "publish_failed",
        f"the verified copy could not be renamed to its final name: {error.cause}",
        remedy="What was there before is still there. Check the directory's permissions on the server.",
        role="destination",
        path=final,
        details={"refused": error.code},
    )
