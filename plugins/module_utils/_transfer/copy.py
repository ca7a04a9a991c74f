# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Carrying out one step: transfer, prove, publish."""

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
from .backup_file import backup_path
from .checksum import no_progress, read_digest
from .inspect import lstat_or_none
from .known_facts import KnownFacts
from .partial_file import Orphan, PartialFile, PrefixMismatch
from .plan import owned_attributes
from .resume import OpenPartial, ResumePlan, skip_verified_prefix
from .shared_read import BlockSource
from .source import SourceFile

NEW_DIRECTORY_MODE = 0o755
_UNDER_WAY_BYTES = 64 * 1024 * 1024


@dataclass
class AttemptResult:
    """What a transfer achieved so far; it survives a failure, so that a retry knows what may have happened.

    ``wanted`` are the attributes that the copy was to get, once it was known whose it is.
    """

    bytes_sent: int = 0
    bytes_resumed: int = 0
    verified_by: str = ""
    sha256: str = ""
    publishing: bool = False
    kept: bool = False
    kept_bytes: int | None = None
    left_behind: list[Orphan] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)
    attributes_changed: list[str] = field(default_factory=list)
    wanted: Attributes | None = None


@dataclass(frozen=True)
class Transfer:
    """One file on its way from its origin to an open destination.

    ``resumption`` is how to go on from an earlier attempt; None starts over. ``progress`` counts what is sent,
    ``resumed`` what need not be, ``checked`` what is read back. ``aside`` says where an old file waits, as for a Draft.
    """

    source_file: SourceFile
    block_source: BlockSource
    files: FileSystem
    options: RelayOptions
    facts: KnownFacts
    token: t.Callable[[], str]
    progress: Progress = no_progress
    resumed: Progress = no_progress
    checked: Progress = no_progress
    resume_plan: ResumePlan | None = None
    aside: t.Callable[[bytes], bytes] = backup_path

    def run(self, step: Step, result: AttemptResult) -> None:
        """Bring the source under the step's path, or leave everything as it was and raise."""
        with contextlib.ExitStack() as undo:
            for directory in step.missing_directories:
                self._make_directory(directory, undo)
            self._write_and_publish(step, result)
            undo.pop_all()

    def _make_directory(self, directory: bytes, undo: contextlib.ExitStack) -> None:
        """Make a directory, and remove it again if nothing comes into it; one that another job made is as good."""
        try:
            with shielded():  # a job that is cancelled now knows whether there is something to remove
                self.files.make_directory(directory, mode=NEW_DIRECTORY_MODE)
                undo.callback(self._remove_directory, directory)
        except RemoteError as exc:
            if exc.code != "already_exists" or self.files.attributes(directory, follow=True).kind != "directory":
                raise

    def _remove_directory(self, directory: bytes) -> None:
        with contextlib.suppress(BackhaulError):  # somebody may have put something into it meanwhile
            self.files.remove_directory(directory)

    def _write_and_publish(self, step: Step, result: AttemptResult) -> None:
        partial = PartialFile(self.files, step.path, token=self.token, left_behind=result.left_behind, aside=self.aside)
        try:
            with partial:
                with self._placed(step):
                    try:
                        self._write(partial, step, result)
                    except RemoteError as exc:
                        error = self._as_no_space(exc, step.path)
                        if _may_be_about_going_on(error, result):
                            raise PrefixMismatch(1) from exc
                        raise error from exc
                    result.verified_by = self._verify(partial, result.sha256)
                    self._finish_closed(partial, step, result)
                try:
                    partial.publish(replacing=step.action == "replace", sha256=result.sha256)
                finally:
                    result.publishing = partial.publishing
        finally:
            result.kept, result.kept_bytes = partial.kept, partial.kept_bytes

    @contextlib.contextmanager
    def _placed(self, step: Step) -> t.Iterator[None]:
        """Say of every doubt about the copy which file it is about: the source, or the destination's final name."""
        try:
            yield
        except IntegrityError as exc:
            exc.with_location(path=self.source_file.path if exc.role == self.source_file.endpoint.role else step.path)
            raise

    def _write(self, partial: PartialFile, step: Step, result: AttemptResult) -> None:
        begun = OpenPartial(partial.create()) if self.resume_plan is None else self.resume_plan.begin(partial, step)
        with begun.writer as writer:
            partial.filled_bytes = result.bytes_resumed = begun.start
            self.resumed(begun.start)
            self._copy(begun, partial, result)
            result.sha256 = self.source_file.digest.get().hexdigest
            partial.seen = self._finish(writer, step, result)
            writer.close()
        if partial.seen is None:
            self._require_whole(lstat_or_none(self.files, partial.path))

    def _copy(self, begun: OpenPartial, partial: PartialFile, result: AttemptResult) -> None:
        """Bring the source from where the draft begins to its end; every write was acknowledged on return."""
        with contextlib.closing(self._blocks(begun)) as blocks:
            for block in blocks:
                begun.writer.write(partial.filled_bytes, block)
                partial.filled_bytes += len(block)
                result.bytes_sent += len(block)
                self.progress(len(block))
        begun.writer.flush()

    def _blocks(self, begun: OpenPartial) -> t.Generator[Buffer, None, None]:
        if begun.start and begun.start == self.source_file.source.size and begun.expected_prefix is None:
            return
        if begun.expected_prefix is None:
            yield from self.block_source.blocks(begun.start)
        else:
            yield from skip_verified_prefix(self.block_source.blocks(0), begun.start, begun.expected_prefix)

    def _finish(self, writer: Writer, step: Step, result: AttemptResult) -> Attributes | None:
        """Make it durable, set its attributes, and check that the server holds as much as was sent.

        Return how it looks then; None where the server tells nothing of a file before it is closed: services in front
        of an object store do so.
        """
        if not writer.sync():
            result.not_applied.append("fsync")
        try:
            owner = writer.attributes().uid if step.keeps_mode else None
            result.wanted = owned_attributes(step, owner)
            found = apply_attributes(writer.set_attributes, writer.attributes, result.wanted, result)
        except RemoteError as exc:
            if exc.code not in ("not_found", "unsupported"):
                raise
            return None
        self._require_whole(found)
        return found

    def _finish_closed(self, partial: PartialFile, step: Step, result: AttemptResult) -> None:
        """Look at the closed file by its name: it must be the one that was written, with the attributes it was given.

        What the server has forgotten at close is set once more.
        """
        named = partial.named()
        wanted = result.wanted or owned_attributes(step, named.uid)
        lost = names_of(lacking(named, wanted))
        if lost:
            refused = set(lost) <= set(result.not_applied)
            uid = None if partial.seen is None else partial.seen.uid
            named = set_what_was_lost(self.files, partial.path, named, wanted, uid=uid, is_refused=refused)
            named = partial.named()
        lost = names_of(lacking(named, wanted))
        result.wanted = wanted
        result.not_applied[:] = [name for name in result.not_applied if name == "fsync"] + lost

    def _require_whole(self, found: Attributes | None) -> None:
        size = None if found is None else found.size
        if size not in (None, self.source_file.source.size):
            raise IntegrityError(
                "short_transfer",
                f"the server holds {size} bytes of {self.source_file.source.size} though it acknowledged all of them",
                remedy="Nothing was published. Look at the server's storage before trusting it with backups.",
            )

    def _verify(self, partial: PartialFile, sha256: str) -> str:
        """Return how the server's copy was proven to be what was read; ``digest_mismatch`` when it is not."""
        if self.options.verify == "acknowledged":
            return "acknowledged"
        found = self._remote_digest(partial)
        if found.hexdigest != sha256:
            partial.named()  # another run's, which has taken its name: no damage
            raise IntegrityError(
                "digest_mismatch",
                f"what arrived (SHA-256 {found.hexdigest}) is not what left the source ({sha256})",
                remedy="Nothing was published. If it happens again, the server's storage or memory damages data.",
                details={"expected": sha256, "found": found.hexdigest, "verified_by": found.method},
            )
        return found.method

    def _remote_digest(self, partial: PartialFile) -> Digest:
        try:
            found = None
            if self.options.verify != "readback":
                found = self.files.digest(
                    partial.path,
                    algorithm="sha256",
                    waiting=lambda: self.checked(0),
                    without_command=self.facts.without_command(self.source_file.source.size),
                )
            if found is None and self.options.verify != "server":
                found = read_digest(self.files, partial.path, progress=self.checked)
        except RemoteError as exc:
            if exc.code == "not_found":
                partial.named()  # says that it is gone
            raise
        if found is None:
            raise RemoteError(
                "unsupported",
                "the server cannot compute a SHA-256, and verify is 'server'",
                remedy="Let verify be 'auto' or 'readback'. Nothing was published.",
            )
        return found

    def _as_no_space(self, error: RemoteError, path: bytes) -> BackhaulError:
        """SFTP version 3 says FAILURE for a full disk: ask how much is free, to name what happened."""
        if error.role == "source" or error.code != "remote_failure":
            return error
        try:
            space = self.files.space(split(path)[0])
        except BackhaulError:
            return error
        if space is None or space.free_bytes >= self.source_file.source.size:
            return error
        return RemoteError(
            "no_space",
            f"the server failed to write, and {space.free_bytes} bytes are left on its file system",
            remedy="Make room and run again. Nothing was published, and what was there before is still there.",
            path=path,
        )


def _may_be_about_going_on(error: BackhaulError, result: AttemptResult) -> bool:
    """Say whether a server may have refused only to go on with a file: some take files from beginning to end.

    They refuse the first write; what they say after much more than can be under way is about something else.
    """
    at_once = result.bytes_resumed > 0 and result.bytes_sent <= _UNDER_WAY_BYTES
    return at_once and error.role != "source" and error.code in ("remote_failure", "unsupported", "permission_denied")
