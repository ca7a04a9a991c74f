# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Going on where an earlier attempt ended: with what is proven to be the beginning of this very source."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import RemoteError
from .._filesystem import Buffer, FileSystem, Writer
from .._model import Attributes, Digest, Progress, Step
from .account import Account
from .background_hasher import BackgroundHasher
from .checksum import cheapest_digest, no_progress
from .inspect import lstat_or_none
from .partial_file import TEMPORARY_MODE, WORTH_KEEPING_BYTES, Orphan, PartialFile, PrefixMismatch
from .plan import owned_attributes
from .source import SourceFile
from .writer_watch import OtherRunFinished, WriterWatch

# Prefixes are whole blocks of this size, which every way of hashing them can do.
_UNIT_BYTES = 256 * 1024
# As much as can be under way when a link is lost: over several channels, writes before the last may be missing.
_IN_FLIGHT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class OpenPartial:
    """A draft that is open for writing; its first ``offset`` bytes need not be sent.

    ``unproven`` is their digest where the source's server could not hash its own: they are still to be read and
    compared.
    """

    writer: Writer
    offset: int = 0
    expected_prefix: Digest | None = None


@dataclass(frozen=True)
class ResumePlan:
    """How to begin a draft, given what earlier attempts left.

    ``account`` knows what belongs to us there, and ``turn`` waits for others who write it. ``ours`` says that an
    attempt of this same task left it, so that no other run does. ``below`` is a length that has turned out to differ; 0
    stands for none.
    """

    files: FileSystem
    source_file: SourceFile
    account: Account
    writer_watch: WriterWatch
    left_behind: list[Orphan]
    is_own: bool = False
    mismatch_at: int = 0
    checked: Progress = no_progress

    def begin(self, partial: PartialFile, step: Step) -> OpenPartial:
        """Create the draft, or take over the partial file of this source once its beginning is proven.

        What is there under that name and is not a partial file of this account is left alone, with a warning: the draft
        gets a name that nobody knows then. Raises OtherRunFinished when another run was at it and has ended, and
        ``locked`` while it is.
        """
        token = self._token()
        try:
            return OpenPartial(partial.create_to_be_found(token))
        except RemoteError as exc:
            if exc.code != "already_exists":
                raise
        path = partial.path_for(token)
        found = lstat_or_none(self.files, path)
        if found is None:
            self.writer_watch.gone(path)
        if not self._is_ours(found, step):
            return self._beside(partial, path, found)
        if not self.is_own:
            found = self.writer_watch.wait(self.files, path, found, complete_bytes=self.source_file.source.size)
        if not self._is_ours(found, step):
            return self._beside(partial, path, found)
        return self._taken_over(partial, token, found, step) or self._started_over(partial, token, found, step)

    def _is_ours(self, found: Attributes, step: Step) -> bool:
        """Say whether this is a draft of this account: a regular file with the mode of one, at its beginning or end.

        More than one link makes it another file of this account, perhaps: writing to it would change that one.
        """
        if found.size is None or found.links not in (None, 1):
            return False
        if not self.account.owns(self.files, step.path, found, self.left_behind):
            return False
        uid = self.account.uid(self.files, step.path, self.left_behind)
        return found.permissions in (TEMPORARY_MODE, owned_attributes(step, uid).mode)

    def _beside(self, partial: PartialFile, path: bytes, found: Attributes) -> OpenPartial:
        self.account.leave_alone(path, found)
        return OpenPartial(partial.create())

    def _taken_over(self, partial: PartialFile, token: str, found: Attributes, step: Step) -> OpenPartial | None:
        """Return the partial file, open where it is right; None when it is of no use."""
        path = partial.path_for(token)
        try:
            proven = self._proven(path, found.size or 0)
        except RemoteError as exc:
            if exc.code == "not_found" and exc.role != self.source_file.endpoint.role:
                self.writer_watch.gone(path)  # its run has published it meanwhile
            if exc.code == "remote_failure" and exc.role != self.source_file.endpoint.role:
                return None  # it cannot be read, and is started over
            raise
        if proven is None:
            return None
        try:
            return OpenPartial(self._opened(partial, token, found, step), *proven)
        except RemoteError:
            return None  # whatever the reason is that it cannot be gone on with, it can be started over

    def _started_over(self, partial: PartialFile, token: str, found: Attributes, step: Step) -> OpenPartial:
        """Put a new file in its place: what it holds is not the source's, and may be another file's by a hard link.

        Should its run only have slept, it finds out before it publishes that the name is not its file's any more.
        """
        path = partial.path_for(token)
        now = lstat_or_none(self.files, path)
        if now is None or (self.writer_watch.may_wait and (now.size, now.mtime) != (found.size, found.mtime)):
            self.writer_watch.gone(path)
        if not self._is_ours(now, step):
            return self._beside(partial, path, now)
        try:
            self.files.remove(path)
            return OpenPartial(partial.create_to_be_found(token))
        except RemoteError as exc:
            if exc.code in ("not_found", "already_exists"):
                raise OtherRunFinished(exc) from exc
            if exc.breaks_link:
                raise
            return OpenPartial(partial.create())  # some servers remove no file that a dead connection of ours has open

    def _token(self) -> str:
        source, end = self.source_file.source, self.source_file.endpoint
        where = f"{end.host}:{end.port}" if not end.local else ""
        facts = (source.path, b"%d %d" % (source.size, source.mtime))
        return self.account.job_token(where.encode("utf-8", "surrogateescape"), *facts)

    def _proven(self, path: bytes, size: int) -> tuple[int, Digest | None] | None:
        """Return how much of the partial file is right, and what is still to be compared; None for nothing."""
        for length in self._lengths(size):
            ours = self.source_file.prefix_digest(length)
            whole = length == size
            theirs = cheapest_digest(self.files, path, length=None if whole else length, progress=self.checked)
            if ours is None:
                return length, theirs
            if ours.hexdigest == theirs.hexdigest:
                return length, None
        return None

    def _lengths(self, size: int) -> t.Iterator[int]:
        if size > self.source_file.source.size:
            return
        below = self.mismatch_at or size + 1
        tried = 0
        for candidate in (size, size - _IN_FLIGHT_BYTES):
            is_small = candidate == size < WORTH_KEEPING_BYTES
            whole = is_small or candidate == self.source_file.source.size
            length = candidate if whole else candidate - candidate % _UNIT_BYTES
            if (is_small or length >= WORTH_KEEPING_BYTES) and 0 < length < below and length != tried:
                tried = length
                yield length

    def _opened(self, partial: PartialFile, token: str, found: Attributes, step: Step) -> Writer:
        """Open the partial file, and make sure that it is still the one that was looked at, and no link to another."""
        writer = partial.reopen(token)
        partial.filled_bytes = found.size or 0  # worth keeping, should the link be lost before the first write
        try:
            opened, named = writer.attributes(), lstat_or_none(self.files, partial.path)
            same = named is not None and (opened.size, opened.mtime) == (found.size, found.mtime)
            if named is None or (named.kind == "file" and not same and self.writer_watch.may_wait):
                partial.disown()  # another run writes it, or has published it
                self.writer_watch.gone(partial.path_for(token))
            if named.kind != "file" or not same or not self._is_ours(opened, step) or not opened.is_same_file(named):
                raise RemoteError("already_exists", "the partial file was replaced while it was looked at")
        except BaseException:
            writer.__exit__(RemoteError, None, None)
            raise
        return writer


def skip_verified_prefix(blocks: t.Iterator[Buffer], length: int, expected: Digest) -> t.Generator[Buffer, None, None]:
    """Yield what follows the first ``length`` bytes, once these are seen to have the digest that is expected."""
    left = length
    with BackgroundHasher() as hasher:
        for block in blocks:
            view = memoryview(block)
            if left:
                head, view = view[:left], view[left:]
                hasher.update(head)
                left -= len(head)
                if not left and hasher.hexdigest() != expected.hexdigest:
                    raise PrefixMismatch(length)
            if view:
                yield view
