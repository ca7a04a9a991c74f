# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Carrying out one step: transfer, prove, publish."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

from .._errors import BackhaulError, IntegrityError, RemoteError
from .._filesystem import Buffer, FileSystem, Writer
from .._interruption import undivided
from .._model import Attributes, Digest, Progress, RelayOptions, Step
from .._rules.paths import split
from .._rules.plan import owned_attributes
from .aside import aside_path
from .attributes import apply_attributes, lacking, names_of, set_what_was_lost
from .digest import no_progress, read_digest
from .examine import look
from .publish import Draft, Leftover, PrefixDiffersError
from .resume import Beginning, Resumption, after_prefix
from .source import Origin
from .supply import Supply

NEW_DIRECTORY_MODE = 0o755
_UNDER_WAY_BYTES = 64 * 1024 * 1024


@dataclass
class Delivery:
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
    left_behind: list[Leftover] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)
    attributes_changed: list[str] = field(default_factory=list)
    wanted: Attributes | None = None


@dataclass(frozen=True)
class Transfer:
    """One file on its way from its origin to an open destination.

    ``resumption`` is how to go on from an earlier attempt; None starts over. ``progress`` counts what is sent,
    ``resumed`` what need not be, ``checked`` what is read back. ``aside`` says where an old file waits, as for a Draft.
    """

    origin: Origin
    supply: Supply
    files: FileSystem
    options: RelayOptions
    token: t.Callable[[], str]
    progress: Progress = no_progress
    resumed: Progress = no_progress
    checked: Progress = no_progress
    resumption: Resumption | None = None
    aside: t.Callable[[bytes], bytes] = aside_path

    def run(self, step: Step, delivery: Delivery) -> None:
        """Bring the source under the step's path, or leave everything as it was and raise."""
        with contextlib.ExitStack() as undo:
            for directory in step.missing_directories:
                self._make_directory(directory, undo)
            self._deliver(step, delivery)
            undo.pop_all()

    def _make_directory(self, directory: bytes, undo: contextlib.ExitStack) -> None:
        """Make a directory, and remove it again if nothing comes into it; one that another job made is as good."""
        try:
            with undivided():  # a job that is cancelled now knows whether there is something to remove
                self.files.make_directory(directory, mode=NEW_DIRECTORY_MODE)
                undo.callback(self._remove_directory, directory)
        except RemoteError as exc:
            if exc.code != "already_exists" or self.files.attributes(directory, follow=True).kind != "directory":
                raise

    def _remove_directory(self, directory: bytes) -> None:
        with contextlib.suppress(BackhaulError):  # somebody may have put something into it meanwhile
            self.files.remove_directory(directory)

    def _deliver(self, step: Step, delivery: Delivery) -> None:
        draft = Draft(self.files, step.path, token=self.token, left_behind=delivery.left_behind, aside=self.aside)
        try:
            with draft:
                with self._placed(step):
                    try:
                        self._write(draft, step, delivery)
                    except RemoteError as exc:
                        error = self._if_full(exc, step.path)
                        if _may_be_about_going_on(error, delivery):
                            raise PrefixDiffersError(1) from exc
                        raise error from exc
                    delivery.verified_by = self._prove(draft, delivery.sha256)
                    self._finish_closed(draft, step, delivery)
                try:
                    draft.publish(replacing=step.action == "replace", sha256=delivery.sha256)
                finally:
                    delivery.publishing = draft.publishing
        finally:
            delivery.kept, delivery.kept_bytes = draft.kept, draft.kept_bytes

    @contextlib.contextmanager
    def _placed(self, step: Step) -> t.Iterator[None]:
        """Say of every doubt about the copy which file it is about: the source, or the destination's final name."""
        try:
            yield
        except IntegrityError as exc:
            exc.located(path=self.origin.path if exc.role == self.origin.endpoint.role else step.path)
            raise

    def _write(self, draft: Draft, step: Step, delivery: Delivery) -> None:
        begun = Beginning(draft.create()) if self.resumption is None else self.resumption.begin(draft, step)
        with begun.writer as writer:
            draft.filled_bytes = delivery.bytes_resumed = begun.start
            self.resumed(begun.start)
            self._copy(begun, draft, delivery)
            delivery.sha256 = self.origin.digest.get().hexdigest
            draft.seen = self._finish(writer, step, delivery)
            writer.close()
        if draft.seen is None:
            self._require_whole(look(self.files, draft.path))

    def _copy(self, begun: Beginning, draft: Draft, delivery: Delivery) -> None:
        """Bring the source from where the draft begins to its end; every write was acknowledged on return."""
        with contextlib.closing(self._blocks(begun)) as blocks:
            for block in blocks:
                begun.writer.write(draft.filled_bytes, block)
                draft.filled_bytes += len(block)
                delivery.bytes_sent += len(block)
                self.progress(len(block))
        begun.writer.flush()

    def _blocks(self, begun: Beginning) -> t.Generator[Buffer, None, None]:
        if begun.start and begun.start == self.origin.source.size and begun.unproven is None:
            return
        if begun.unproven is None:
            yield from self.supply.blocks(begun.start)
        else:
            yield from after_prefix(self.supply.blocks(0), begun.start, begun.unproven)

    def _finish(self, writer: Writer, step: Step, delivery: Delivery) -> Attributes | None:
        """Make it durable, set its attributes, and check that the server holds as much as was sent.

        Return how it looks then; None where the server tells nothing of a file before it is closed: services in front
        of an object store do so.
        """
        if not writer.sync():
            delivery.not_applied.append("fsync")
        try:
            owner = writer.attributes().uid if step.keeps_mode else None
            delivery.wanted = owned_attributes(step, owner)
            found = apply_attributes(writer.set_attributes, writer.attributes, delivery.wanted, delivery)
        except RemoteError as exc:
            if exc.code not in ("not_found", "unsupported"):
                raise
            return None
        self._require_whole(found)
        return found

    def _finish_closed(self, draft: Draft, step: Step, delivery: Delivery) -> None:
        """Look at the closed file by its name: it must be the one that was written, with the attributes it was given.

        What the server has forgotten at close is set once more.
        """
        named = draft.named()
        wanted = delivery.wanted or owned_attributes(step, named.uid)
        lost = names_of(lacking(named, wanted))
        if lost:
            refused = set(lost) <= set(delivery.not_applied)
            uid = None if draft.seen is None else draft.seen.uid
            named = set_what_was_lost(self.files, draft.path, named, wanted, uid=uid, is_refused=refused)
            named = draft.named()
        lost = names_of(lacking(named, wanted))
        delivery.wanted = wanted
        delivery.not_applied[:] = [name for name in delivery.not_applied if name == "fsync"] + lost

    def _require_whole(self, found: Attributes | None) -> None:
        size = None if found is None else found.size
        if size not in (None, self.origin.source.size):
            raise IntegrityError(
                "short_transfer",
                f"the server holds {size} bytes of {self.origin.source.size} though it acknowledged all of them",
                remedy="Nothing was published. Look at the server's storage before trusting it with backups.",
            )

    def _prove(self, draft: Draft, sha256: str) -> str:
        """Return how the server's copy was proven to be what was read; ``digest_mismatch`` when it is not."""
        if self.options.verify == "acknowledged":
            return "acknowledged"
        found = self._found_there(draft)
        if found.hexdigest != sha256:
            draft.named()  # another run's, which has taken its name: no damage
            raise IntegrityError(
                "digest_mismatch",
                f"what arrived (SHA-256 {found.hexdigest}) is not what left the source ({sha256})",
                remedy="Nothing was published. If it happens again, the server's storage or memory damages data.",
                details={"expected": sha256, "found": found.hexdigest, "verified_by": found.method},
            )
        return found.method

    def _found_there(self, draft: Draft) -> Digest:
        try:
            found = None
            if self.options.verify != "readback":
                found = self.files.digest(draft.path, algorithm="sha256", waiting=lambda: self.checked(0))
            if found is None and self.options.verify != "server":
                found = read_digest(self.files, draft.path, progress=self.checked)
        except RemoteError as exc:
            if exc.code == "not_found":
                draft.named()  # says that it is gone
            raise
        if found is None:
            raise RemoteError(
                "unsupported",
                "the server cannot compute a SHA-256, and verify is 'server'",
                remedy="Let verify be 'auto' or 'readback'. Nothing was published.",
            )
        return found

    def _if_full(self, error: RemoteError, path: bytes) -> BackhaulError:
        """SFTP version 3 says FAILURE for a full disk: ask how much is free, to name what happened."""
        if error.role == "source" or error.code != "remote_failure":
            return error
        try:
            space = self.files.space(split(path)[0])
        except BackhaulError:
            return error
        if space is None or space.free_bytes >= self.origin.source.size:
            return error
        return RemoteError(
            "no_space",
            f"the server failed to write, and {space.free_bytes} bytes are left on its file system",
            remedy="Make room and run again. Nothing was published, and what was there before is still there.",
            path=path,
        )


def _may_be_about_going_on(error: BackhaulError, delivery: Delivery) -> bool:
    """Say whether a server may have refused only to go on with a file: some take files from beginning to end.

    They refuse the first write; what they say after much more than can be under way is about something else.
    """
    at_once = delivery.bytes_resumed > 0 and delivery.bytes_sent <= _UNDER_WAY_BYTES
    return at_once and error.role != "source" and error.code in ("remote_failure", "unsupported", "permission_denied")
