# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Continue the partial file of an earlier attempt, once its content is proven to be a prefix of the source."""

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

# A prefix is a multiple of this size, which every method can hash.
_UNIT_BYTES = 256 * 1024
# Writes that may be unacknowledged when a connection is lost: with several channels, any of them may be missing.
_IN_FLIGHT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class OpenPartial:
    """A partial file that is open for writing; its first ``offset`` bytes need not be sent.

    ``expected_prefix`` is their digest where the source's server could not hash its prefix: then the source is read
    from the first byte, and compared.
    """

    writer: Writer
    offset: int = 0
    expected_prefix: Digest | None = None


@dataclass(frozen=True)
class ResumePlan:
    """How to open the partial file, given what earlier attempts left.

    ``account`` tells this account's files from others, and ``writer_watch`` waits for other runs that write the file.
    ``is_own`` says that an earlier attempt of this task left it, so that no other run writes it. ``mismatch_at`` is a
    length whose prefix turned out to differ from the source's; 0 for none.
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
        """Create the partial file, or reopen that of an earlier attempt once its prefix is proven.

        A file of that name which is no partial file of this account is left alone, with a warning; then a random name
        is used. Raises OtherRunFinished when another run has written the file and finished, and ``locked`` while it
        writes longer than the lock timeout.
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
            self.writer_watch.raise_finished(path)
        if not self._is_partial(found, step):
            return self._create_elsewhere(partial, path, found)
        if not self.is_own:
            complete_bytes = self.source_file.source.size
            found = self.writer_watch.wait_until_idle(self.files, path, found, complete_bytes=complete_bytes)
        if not self._is_partial(found, step):
            return self._create_elsewhere(partial, path, found)
        return self._resume(partial, token, found, step) or self._start_over(partial, token, found, step)

    def _is_partial(self, found: Attributes, step: Step) -> bool:
        """Return whether this is a partial file of this account: a regular file with the first or the final mode.

        A file with more than one link may be another file of this account: writing to it would change that one.
        """
        if found.size is None or found.links not in (None, 1):
            return False
        if not self.account.owns(self.files, step.path, found, self.left_behind):
            return False
        uid = self.account.uid(self.files, step.path, self.left_behind)
        return found.permissions in (TEMPORARY_MODE, owned_attributes(step, uid).mode)

    def _create_elsewhere(self, partial: PartialFile, path: bytes, found: Attributes) -> OpenPartial:
        self.account.leave_alone(path, found)
        return OpenPartial(partial.create())

    def _resume(self, partial: PartialFile, token: str, found: Attributes, step: Step) -> OpenPartial | None:
        """Return the partial file, open behind its proven prefix; None when it cannot be used."""
        path = partial.path_for(token)
        try:
            prefix = self._verified_prefix(path, found.size or 0)
        except RemoteError as exc:
            if exc.code == "not_found" and exc.role != self.source_file.endpoint.role:
                self.writer_watch.raise_finished(path)  # its run has published it meanwhile
            if exc.code == "remote_failure" and exc.role != self.source_file.endpoint.role:
                return None  # the file cannot be read: start over
            raise
        if prefix is None:
            return None
        try:
            return OpenPartial(self._reopen(partial, token, found, step), *prefix)
        except RemoteError:
            return None  # the server refuses to reopen it: start over

    def _start_over(self, partial: PartialFile, token: str, found: Attributes, step: Step) -> OpenPartial:
        """Replace the file by a new one: its content is not the source's, and may be another file's by a hard link.

        If its run still exists, that run notices before it publishes that the name is another file's.
        """
        path = partial.path_for(token)
        now = lstat_or_none(self.files, path)
        if now is None or (self.writer_watch.may_wait and (now.size, now.mtime) != (found.size, found.mtime)):
            self.writer_watch.raise_finished(path)
        if not self._is_partial(now, step):
            return self._create_elsewhere(partial, path, now)
        try:
            self.files.remove(path)
            return OpenPartial(partial.create_to_be_found(token))
        except RemoteError as exc:
            if exc.code in ("not_found", "already_exists"):
                raise OtherRunFinished(exc) from exc
            if exc.breaks_link:
                raise
            return OpenPartial(partial.create())  # some servers remove no file that a lost connection still has open

    def _token(self) -> str:
        source, end = self.source_file.source, self.source_file.endpoint
        where = f"{end.host}:{end.port}" if not end.local else ""
        facts = (source.path, b"%d %d" % (source.size, source.mtime))
        return self.account.job_token(where.encode("utf-8", "surrogateescape"), *facts)

    def _verified_prefix(self, path: bytes, size: int) -> tuple[int, Digest | None] | None:
        """Return the length of the prefix that is right, and its digest if the source's is still to be compared.

        None when no prefix is right.
        """
        for length in self._lengths(size):
            expected = self.source_file.prefix_digest(length)
            whole = length == size
            found = cheapest_digest(self.files, path, length=None if whole else length, progress=self.checked)
            if expected is None:
                return length, found
            if expected.hexdigest == found.hexdigest:
                return length, None
        return None

    def _lengths(self, size: int) -> t.Iterator[int]:
        """Yield the lengths of the prefixes to verify, the longest first."""
        if size > self.source_file.source.size:
            return
        limit = self.mismatch_at or size + 1
        tried = 0
        for candidate in (size, size - _IN_FLIGHT_BYTES):
            is_small = candidate == size < WORTH_KEEPING_BYTES
            whole = is_small or candidate == self.source_file.source.size
            length = candidate if whole else candidate - candidate % _UNIT_BYTES
            if (is_small or length >= WORTH_KEEPING_BYTES) and 0 < length < limit and length != tried:
                tried = length
                yield length

    def _reopen(self, partial: PartialFile, token: str, found: Attributes, step: Step) -> Writer:
        """Open the partial file for writing; ``already_exists`` when it is not the inspected file, or a link."""
        writer = partial.reopen(token)
        partial.filled_bytes = found.size or 0  # large enough to keep if the connection is lost before the first write
        try:
            opened, named = writer.attributes(), lstat_or_none(self.files, partial.path)
            same = named is not None and (opened.size, opened.mtime) == (found.size, found.mtime)
            if named is None or (named.kind == "file" and not same and self.writer_watch.may_wait):
                partial.disown()  # another run writes or has published it
                self.writer_watch.raise_finished(partial.path_for(token))
            if named.kind != "file" or not same or not self._is_partial(opened, step) or not opened.is_same_file(named):
                raise RemoteError("already_exists", "the partial file was replaced while it was looked at")
        except BaseException:
            writer.__exit__(RemoteError, None, None)
            raise
        return writer


def skip_verified_prefix(blocks: t.Iterator[Buffer], length: int, expected: Digest) -> t.Generator[Buffer, None, None]:
    """Yield what follows the first ``length`` bytes; PrefixMismatch when these do not have the expected digest."""
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
