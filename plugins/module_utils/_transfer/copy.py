# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The pieces of one copy: write to a partial file, verify it, and set its attributes."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

from .._cancellation import shielded
from .._errors import BackhaulError, IntegrityError, RemoteError
from .._filesystem import Buffer, FileSystem, Writer
from .._model import Attributes, Digest, Progress, RelayOptions, Step
from .._paths import split
from .attributes import apply_attributes, lacking, names_of, set_what_was_lost
from .checksum import read_digest
from .directories import make_directory
from .inspect import lstat_or_none
from .known_facts import KnownFacts
from .partial_file import Orphan, PartialFile, PrefixMismatch
from .plan import owned_attributes
from .resume import OpenPartial, ResumePlan, skip_verified_prefix
from .shared_read import BlockSource
from .source import SourceFile

# Writes that may be unacknowledged at one time: a refusal of the first write arrives before more than this was sent.
_UNACKNOWLEDGED_BYTES = 64 * 1024 * 1024


@dataclass
class AttemptResult:
    """What one attempt has done so far. It is complete after a failure, too: a retry depends on it.

    ``wanted`` are the attributes that the copy was to get, known once its owner is known.
    """

    partial: PartialFile | None = None
    bytes_sent: int = 0
    bytes_resumed: int = 0
    verified_by: str = ""
    sha256: str = ""
    left_behind: list[Orphan] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)
    attributes_changed: list[str] = field(default_factory=list)
    wanted: Attributes | None = None


@contextlib.contextmanager
def new_directories(files: FileSystem, paths: t.Sequence[bytes]) -> t.Iterator[None]:
    """Create directories, outermost first; remove those that were created here if the block raises.

    A directory that another job created meanwhile is used and not removed.
    """
    with contextlib.ExitStack() as undo:
        for path in paths:
            with shielded():  # a cancellation must not come between the creation and the note to undo it
                if make_directory(files, path):
                    undo.callback(_remove_directory, files, path)
        yield
        undo.pop_all()


def _remove_directory(files: FileSystem, path: bytes) -> None:
    with contextlib.suppress(BackhaulError):  # another job may have put a file into it
        files.remove_directory(path)


@dataclass(frozen=True)
class Transfer:
    """One source file and the partial file that it is copied to.

    ``resume_plan`` says how to continue an earlier attempt; None starts at the first byte. ``progress`` counts the
    bytes that are sent, ``resumed`` those that need not be, ``checked`` those that are read back.
    """

    files: FileSystem
    step: Step
    partial: PartialFile
    result: AttemptResult
    source_file: SourceFile
    block_source: BlockSource
    options: RelayOptions
    facts: KnownFacts
    progress: Progress
    resumed: Progress
    checked: Progress
    resume_plan: ResumePlan | None

    def copy(self) -> None:
        """Write the source's content and attributes to the partial file, sync and close it.

        Every write, the sync, the close and the size are checked. Raises PrefixMismatch when the server refuses to
        continue an existing file.
        """
        partial, result = self.partial, self.result
        try:
            opened = self._open()
            with opened.writer as writer:
                partial.filled_bytes = result.bytes_resumed = opened.offset
                self.resumed(opened.offset)
                with contextlib.closing(self._blocks(opened)) as blocks:
                    for block in blocks:
                        writer.write(partial.filled_bytes, block)
                        partial.filled_bytes += len(block)
                        result.bytes_sent += len(block)
                        self.progress(len(block))
                writer.flush()
                result.sha256 = self.source_file.digest.get().hexdigest
                partial.seen = self._sync_and_set_attributes(writer)
                writer.close()
            if partial.seen is None:
                self._require_size(lstat_or_none(self.files, partial.path))
        except RemoteError as exc:
            error = self._as_no_space(exc)
            if self._refuses_to_resume(error):
                raise PrefixMismatch(1) from exc
            raise error from exc

    def _open(self) -> OpenPartial:
        if self.resume_plan is None:
            return OpenPartial(self.partial.create())
        return self.resume_plan.begin(self.partial, self.step)

    def _blocks(self, opened: OpenPartial) -> t.Generator[Buffer, None, None]:
        if opened.expected_prefix is not None:
            yield from skip_verified_prefix(self.block_source.blocks(0), opened.offset, opened.expected_prefix)
        elif not opened.offset or opened.offset != self.source_file.source.size:
            yield from self.block_source.blocks(opened.offset)

    def _sync_and_set_attributes(self, writer: Writer) -> Attributes | None:
        """Sync, set the attributes, check the size, and return the attributes of the open file (FSTAT).

        None where the server answers no FSTAT before the file is closed, as services in front of an object store do.
        """
        if not writer.sync():
            self.result.not_applied.append("fsync")
        try:
            owner = writer.attributes().uid if self.step.keeps_mode else None
            self.result.wanted = owned_attributes(self.step, owner)
            found = apply_attributes(writer.set_attributes, writer.attributes, self.result.wanted, self.result)
        except RemoteError as exc:
            if exc.code not in ("not_found", "unsupported"):
                raise
            return None
        self._require_size(found)
        return found

    def _require_size(self, found: Attributes | None) -> None:
        size = None if found is None else found.size
        if size not in (None, self.source_file.source.size):
            raise IntegrityError(
                "short_transfer",
                f"the server holds {size} bytes of {self.source_file.source.size} though it acknowledged all of them",
                remedy="Nothing was published. Look at the server's storage before trusting it with backups.",
            )

    def verify(self) -> str:
        """Compare the digest of the closed partial file with the source's, and return the method (``verified_by``).

        Raises ``digest_mismatch`` when they differ.
        """
        if self.options.verify == "acknowledged":
            return "acknowledged"
        found, sha256 = self._remote_digest(), self.result.sha256
        if found.hexdigest != sha256:
            self.partial.named()  # raises when the file was exchanged: then nothing is damaged
            raise IntegrityError(
                "digest_mismatch",
                f"what arrived (SHA-256 {found.hexdigest}) is not what left the source ({sha256})",
                remedy="Nothing was published. If it happens again, the server's storage or memory damages data.",
                details={"expected": sha256, "found": found.hexdigest, "verified_by": found.method},
            )
        return found.method

    def _remote_digest(self) -> Digest:
        path, verify = self.partial.path, self.options.verify
        try:
            found = None
            if verify != "readback":
                found = self.files.digest(
                    path,
                    algorithm="sha256",
                    waiting=lambda: self.checked(0),
                    without_command=self.facts.without_command(self.source_file.source.size),
                )
            if found is None and verify != "server":
                found = read_digest(self.files, path, progress=self.checked)
        except RemoteError as exc:
            if exc.code == "not_found":
                self.partial.named()  # raises the error for a file that is gone
            raise
        if found is None:
            raise RemoteError(
                "unsupported",
                "the server cannot compute a SHA-256, and verify is 'server'",
                remedy="Let verify be 'auto' or 'readback'. Nothing was published.",
            )
        return found

    def restore_attributes(self) -> None:
        """Check by LSTAT that the closed file is the one that was written, and set again what the server lost at close.

        The attributes that it has in the end decide ``not_applied``.
        """
        partial, result = self.partial, self.result
        named = partial.named()
        wanted = result.wanted or owned_attributes(self.step, named.uid)
        lost = names_of(lacking(named, wanted))
        if lost:
            refused = set(lost) <= set(result.not_applied)
            uid = None if partial.seen is None else partial.seen.uid
            set_what_was_lost(self.files, partial.path, named, wanted, uid=uid, is_refused=refused)
            named = partial.named()
        lost = names_of(lacking(named, wanted))
        result.wanted = wanted
        result.not_applied[:] = [name for name in result.not_applied if name == "fsync"] + lost

    def _as_no_space(self, error: RemoteError) -> BackhaulError:
        """Return ``no_space`` for a failure on a full disk: SFTP version 3 has only SSH_FX_FAILURE for that."""
        if error.role == "source" or error.code != "remote_failure":
            return error
        try:
            space = self.files.space(split(self.step.path)[0])
        except BackhaulError:
            return error
        if space is None or space.free_bytes >= self.source_file.source.size:
            return error
        return RemoteError(
            "no_space",
            f"the server failed to write, and {space.free_bytes} bytes are left on its file system",
            remedy="Make room and run again. Nothing was published, and what was there before is still there.",
            path=self.step.path,
        )

    def _refuses_to_resume(self, error: BackhaulError) -> bool:
        """Return whether the server may have refused only to continue a file: some take files from the first byte only.

        Such a server refuses the first write. An error after more than the unacknowledged bytes has another cause.
        """
        early = self.result.bytes_resumed > 0 and self.result.bytes_sent <= _UNACKNOWLEDGED_BYTES
        return early and error.role != "source" and error.code in ("remote_failure", "unsupported", "permission_denied")
