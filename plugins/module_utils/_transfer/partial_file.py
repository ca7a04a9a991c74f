# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""From a temporary name to the final one, or to nothing at all."""

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
# Less than this is sent again sooner than it is proven to be right.
WORTH_KEEPING_BYTES = 1024 * 1024
_TRIES = 3


@dataclass(frozen=True)
class Orphan:
    """A file of ours that a lost link or a refusal may have left behind.

    ``belongs`` is where it came from, for an old file that was moved aside to make room for a copy with this
    ``sha256``, and ``moved`` how it looked then: no other file is brought back. ``replaced`` is the file without which
    it must not be removed, once that copy has its name. With ``only_empty`` it is removed only while nothing is in it:
    else it is another run's.
    """

    path: bytes
    restore_to: bytes = b""
    sha256: str = ""
    only_if_exists: bytes = b""
    only_if_empty: bool = False
    moved: Attributes | None = None


class PrefixMismatch(Exception):
    """What an earlier attempt left is of no use from ``length`` bytes on.

    It does not begin as the source does, as found while it was read; or the server lets nobody go on with it, and then
    the length is 1.
    """

    def __init__(self, length: int) -> None:
        super().__init__(f"the first {length} bytes cannot be gone on with")
        self.length = length


def remove_orphan(files: FileSystem, left: Orphan) -> None:
    """Bring an old file back if nothing has taken its place, else remove what was left behind.

    That it is not there is fine: nobody knew. An old file is removed only when its place is taken by our copy, proven
    by its digest; anybody else's file there is ``already_exists``. Any other refusal, and a lost link, is raised.
    """
    try:
        if left.only_if_empty and _has_content(files, left.path):
            return  # it was never ours: another run writes it
        if left.restore_to:
            if left.moved is not None:
                _require_same(left.moved, files.attributes(left.path, follow=False))
            files.rename(left.path, left.restore_to)
        elif (
            not left.only_if_exists or lstat_or_none(files, left.only_if_exists) is not None
        ):  # else another run brings it back
            files.remove(left.path)
    except RemoteError as exc:
        if exc.code == "not_found" or (left.restore_to and lstat_or_none(files, left.path) is None):
            return  # it was never moved, or is back: some servers look at the target first
        if not (exc.code == "already_exists" and left.restore_to and _is_ours(files, left)):
            raise
        remove_orphan(files, Orphan(left.path))


def _require_same(moved: Attributes, found: Attributes) -> None:
    if not moved.is_same_file(found):
        raise RemoteError("remote_failure", "the old file that was moved aside was replaced there by another one")


def _has_content(files: FileSystem, path: bytes) -> bool:
    found = lstat_or_none(files, path)
    return found is not None and bool(found.size)


def _is_ours(files: FileSystem, left: Orphan) -> bool:
    return bool(left.sha256) and cheapest_digest(files, left.restore_to).hexdigest == left.sha256


class PartialFile:
    """A file that is being written beside its final name; a context manager.

    ``create`` opens it exclusively, ``adopt`` takes over what an earlier attempt left, ``publish`` gives it the final
    name. ``seen`` is how it looked through the handle that it was written with, as far as the server says that before
    it is closed. ``publishing`` is true from the moment the server was asked to rename: after a lost connection nobody
    knows, then, which name it has.

    It is removed on every exit, unless it has the name by which the next attempt finds it, was filled enough to be
    worth that, and nothing but an interruption ended this attempt: then it is ``kept``, and ``kept_bytes`` says how
    much the server has, if it can still be asked. What could not be removed for now is appended to ``left_behind``.
    ``aside`` says where the old file waits on a server that replaces none in one step.
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
            self._clear_away(Orphan(self._path))

    def _is_worth_keeping(self, error: BaseException | None) -> bool:
        if not _is_interruption(error) or self.filled_bytes < WORTH_KEEPING_BYTES:
            return False
        try:
            self.kept_bytes = self._files.attributes(self.path, follow=False).size or 0
        except LinkError:
            self.kept = True  # how much arrived will be seen by who goes on with it
        except RemoteError:
            return False
        else:
            self.kept = self.kept_bytes >= WORTH_KEEPING_BYTES
        return self.kept

    def _clear_away(self, left: Orphan) -> None:
        try:
            remove_orphan(self._files, left)
        except BackhaulError:  # the error that may be on its way says more, and a lost link says the same
            self._left_behind.append(left)

    @property
    def path(self) -> bytes:
        """The temporary path; only after ``create``."""
        if self._path is None:
            raise RuntimeError("the draft was not created")
        return self._path

    def path_for(self, token: str) -> bytes:
        """Return where the draft is with this token: beside the final name, so that renaming it is a single step."""
        directory, name = split(self._final)
        return join(directory, temporary_name(name, token))

    def create(self) -> Writer:
        """Create the draft under a name that nobody can know before."""
        for _attempt in range(_TRIES - 1):
            try:
                return self._create(self._token())
            except RemoteError as exc:
                if exc.code != "already_exists":
                    raise
        return self._create(self._token())

    def create_to_be_found(self, token: str) -> Writer:
        """Create the draft where the next attempt will look for it; ``already_exists`` if an earlier one left it."""
        writer = self._create(token)
        self._can_be_found = True
        return writer

    def _create(self, token: str) -> Writer:
        path = self.path_for(token)
        try:
            with shielded():  # a job that is cancelled now knows whether there is something to remove
                writer = self._files.create(path, mode=TEMPORARY_MODE)
                self._path = path
        except BackhaulError as exc:
            if exc.breaks_link:
                self._left_behind.append(Orphan(path, only_if_empty=True))  # only the answer may have been lost
            raise
        return writer

    def reopen(self, token: str) -> Writer:
        """Take over what an earlier attempt left under this token, and open it for writing."""
        path = self.path_for(token)
        writer = self._files.reopen(path)
        self._path, self._can_be_found = path, True
        return writer

    def disown(self) -> None:
        """Leave what has the draft's name to another run, which is at it or has brought it to an end."""
        self._path = None

    def named(self) -> Attributes:
        """Return what has the draft's name (LSTAT), which must be the file that was written.

        Raises OtherRunFinished when it is gone or another run's, where other runs can find it. A file of another user
        is left alone: ``publish_failed``.
        """
        found = lstat_or_none(self._files, self.path)
        if found is not None and (self.seen is None or self.seen.is_same_file(found)):
            return found
        path, planted = self.path, found is not None and self._is_planted(found)
        self.disown()
        error = _moved_away(path) if found is None else _taken(path)
        raise error if planted or not self._can_be_found else OtherRunFinished(error)

    def _is_planted(self, found: Attributes) -> bool:
        """Say whether no run of this account made what was found: it is no regular file, or another account's."""
        other_owner = self.seen is not None and found.has_other_owner(self.seen)
        return other_owner or found.kind not in ("file", "unknown")

    def publish(self, *, replacing: bool, sha256: str = "") -> None:
        """Rename to the final name; ``publish_failed`` leaves what was there before under that name.

        OtherRunFinished says that the draft, which others can find, is not there any more. What has the final name then
        must belong to whom the draft belonged to.

        ``sha256`` is that of the draft, by which it can be told from anybody else's file later. A job that is cancelled
        meanwhile ends only after this is done.
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
                refused = _not_published(exc, self._final)
                if self._can_be_found and exc.code in ("not_found", "already_exists"):
                    if lstat_or_none(self._files, self.path) is None:
                        self.disown()
                        raise OtherRunFinished(refused) from exc
                    if replacing:  # another run has brought the old file back
                        raise OtherRunFinished(refused) from exc
                raise refused from exc
            self._path = None
            self._require_ours()

    def _require_ours(self) -> None:
        """Look at what was published: where others can rename files, one of theirs may have taken the draft's name."""
        try:
            found = lstat_or_none(self._files, self._final)
        except RemoteError as exc:
            if exc.breaks_link:
                raise
            return  # the rename succeeded, and only this look at its result was refused
        if found is not None and self._is_planted(found):
            self.publishing = False
            raise _taken(self._final)

    def _replaced(self) -> bool:
        """Rename over the old file in one step; False where the server cannot, or announces it and says so only now."""
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
        """Replace without posix-rename: move the old file aside, and back if the new one cannot take its place."""
        aside, otherwise = self._backup_path(self._final), self.path_for(self._token())
        self._files.attributes(self.path, follow=False)  # gone: another run has published it, and nothing is to move
        old = self._files.attributes(self._final, follow=False)
        uid = None if self.seen is None else self.seen.uid
        try:
            aside = move_to_backup(self._files, self._final, aside, uid=uid, otherwise=otherwise)
        except BackhaulError as exc:
            if exc.breaks_link:
                self._left_behind.append(Orphan(aside, restore_to=self._final, sha256=sha256, moved=old))
            raise
        try:
            self._files.rename(self.path, self._final)
        except BackhaulError:
            self._clear_away(Orphan(aside, restore_to=self._final, sha256=sha256, moved=old))
            raise
        self._path = None
        self._clear_away(Orphan(aside, only_if_exists=self._final))


def _is_interruption(error: BaseException | None) -> bool:
    """Say whether a later attempt may go on where this one ended: a lost link, a refusing source, a cancelled job."""
    if isinstance(error, RemoteError):
        return error.role == "source"
    if isinstance(error, Exception):
        return isinstance(error, (LinkError, PrefixMismatch))
    return error is not None


def _moved_away(path: bytes) -> IntegrityError:
    return IntegrityError(
        "publish_failed",
        "the copy was moved or removed by the server, or by somebody else, as soon as it was closed",
        remedy="Nothing was published. Look for what processes uploads there, and relay to another directory.",
        details={"temporary_name": printable(path)},
    )


def _taken(path: bytes) -> IntegrityError:
    return IntegrityError(
        "publish_failed",
        "another file took the place of the copy, in a directory where others can write",
        remedy="Do not use what has the final name now. See who can write there, and relay to a directory where only"
        " this account can, or one with the sticky bit.",
        role="destination",
        path=path,
        details={"taken": printable(path)},
    )


def _not_published(error: RemoteError, final: bytes) -> BackhaulError:
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
