# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Digests of files, by whoever can compute them for the least traffic."""

from __future__ import annotations

import threading
import typing as t

from .._cancellation import acquire
from .._errors import IntegrityError, RemoteError
from .._filesystem import FileSystem
from .._model import Attributes, Comparison, Digest, Endpoint, Progress
from .background_hasher import BackgroundHasher
from .workers import run_both

# From the strongest claim about what a later reader will get to the one that costs most; the weakest is reported.
_METHOD_ORDER = ("local", "check-file", "command", "readback")
# From this size on both ends hash at the same time.
_WORTH_A_THREAD_BYTES = 8 * 1024 * 1024


def no_progress(_byte_count: int) -> None:
    """Ignore progress."""


def unwatched(_endpoint: Endpoint, _path: bytes) -> Progress:
    """Watch nothing."""
    return no_progress


def read_digest(
    files: FileSystem,
    path: bytes,
    *,
    algorithm: str = "sha256",
    length: int | None = None,
    progress: Progress = no_progress,
) -> Digest:
    """Read a file, or its first ``length`` bytes, back from its server and hash it here; constant memory."""
    with BackgroundHasher(algorithm) as hasher, files.open_reader(path) as reader:
        for block in reader.blocks(length=length):
            hasher.update(block)
            progress(len(block))
        return Digest(algorithm, hasher.hexdigest(), "readback")


def cheapest_digest(
    files: FileSystem,
    path: bytes,
    *,
    algorithm: str = "sha256",
    length: int | None = None,
    progress: Progress = no_progress,
    without_command: bool = False,
) -> Digest:
    """Return the server's own digest, of all or the first ``length`` bytes; where it has none, read and hash them.

    ``without_command`` starts no command on the server for it.
    """
    theirs = files.digest(
        path, algorithm=algorithm, length=length, waiting=lambda: progress(0), without_command=without_command
    )
    return theirs or read_digest(files, path, algorithm=algorithm, length=length, progress=progress)


class SourceDigest:
    """The digest of the source, computed at most once per task, on the first use."""

    def __init__(self, compute: t.Callable[[], Digest], path: bytes) -> None:
        self._compute = compute
        self._path = path
        self._computing = threading.Lock()
        self.known: Digest | None = None

    def get(self) -> Digest:
        """Return the digest, computing it on the first call; any thread may ask."""
        acquire(self._computing)
        try:
            if self.known is None:
                self.known = self._compute()
            return self.known
        finally:
            self._computing.release()

    def record_streamed(self, hexdigest: str) -> None:
        """Record the digest of what a transfer read; ``source_changed`` when a different one is known."""
        self._require_same(hexdigest)
        self.known = self.known or Digest("sha256", hexdigest, "stream")

    def taken_again(self, digest: Digest) -> None:
        """Record the digest of the source after it was read; ``source_changed`` when a different one is known."""
        self._require_same(digest.hexdigest)
        self.known = digest

    def _require_same(self, hexdigest: str) -> None:
        if self.known is not None and self.known.hexdigest != hexdigest:
            raise IntegrityError(
                "source_changed",
                "the source's content is not what it was earlier in this task",
                remedy="Something writes to it. Relay backups only after they are complete (stable_for).",
                role="source",
                path=self._path,
            )


def compare(
    files: FileSystem,
    path: bytes,
    found: Attributes | None,
    *,
    size: int,
    mtime: int,
    source: SourceDigest,
    policy: str,
    is_racy: bool = False,
    progress: Progress = no_progress,
    without_command: bool = False,
) -> Comparison:
    """Return whether the file that was ``found`` at ``path`` is the same as the source, by the cheapest proof.

    ``policy`` is ``compare`` of ``sftp_relay``: ``auto`` and ``checksum`` compare SHA-256, ``size_mtime`` what the
    listing says, unless the source ``is_racy``. Different sizes need no digest. A file at ``path`` that the server
    fails to read counts as different; permission denied is raised.
    """
    if found is None:
        return Comparison(same=False, compared_by="nothing")
    if found.size != size:
        return Comparison(same=False, compared_by="size")
    if policy == "size_mtime" and not (is_racy and found.mtime == mtime):
        return Comparison(same=found.mtime == mtime, compared_by="size_mtime")
    unreadable = Comparison(same=False, compared_by="unreadable")
    if size < _WORTH_A_THREAD_BYTES or source.known is not None:
        theirs = _digest_if_readable(files, path, progress, without_command)
        if theirs is None:
            return unreadable
        ours = source.get()
    else:
        theirs, ours = run_both(lambda: _digest_if_readable(files, path, progress, without_command), source.get)
        if theirs is None:
            return unreadable
    weakest = max(theirs.method, ours.method, key=lambda method: _METHOD_ORDER.index(_costed(method)))
    return Comparison(same=theirs.hexdigest == ours.hexdigest, compared_by=_costed(weakest), digest=theirs)


def _digest_if_readable(files: FileSystem, path: bytes, progress: Progress, without_command: bool) -> Digest | None:
    """Return the digest of an existing file; None when reading it fails (a bad sector, a damaged object)."""
    try:
        return cheapest_digest(files, path, progress=progress, without_command=without_command)
    except RemoteError as exc:
        if exc.code != "remote_failure":
            raise
        return None


def _costed(method: str) -> str:
    """Return the method whose cost counts: a digest that was streamed took one reading of the file."""
    return "readback" if method == "stream" else method
