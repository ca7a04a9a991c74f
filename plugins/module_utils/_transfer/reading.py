# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read the file that was inspected, and no other that got its name meanwhile.

SFTP version 3 can neither open a file without following links nor hash an open one. So the attributes from the
inspection (LSTAT) are compared with those of the open file (FSTAT) and with those of the path after that (LSTAT again).
A user who puts a link in the file's place for a moment can copy its size and times, but not its owner.
"""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import IntegrityError, RemoteError
from .._filesystem import FileSystem, Reader
from .._model import Attributes, Digest, Progress
from .background_hasher import BackgroundHasher
from .checksum import no_progress

# OpenSSH for Windows derives the executable bits from the file's name, and so sends them in LSTAT only.
_COMPARED_MODE_BITS = 0o7666


@contextlib.contextmanager
def opened(files: FileSystem, path: bytes, seen: Attributes) -> t.Iterator[Reader]:
    """Yield a reader of the file that was ``seen``; ``source_changed`` when that is not what was opened."""
    try:
        reader = files.open_reader(path)
    except RemoteError:
        require_same(path, seen, files.attributes(path, follow=False))
        raise
    with reader:
        opened_now, named_now = reader.opened_and_named()
        require_same(path, seen, opened_now)
        require_same(path, seen, named_now)
        yield reader


def read_again(
    reader: Reader, path: bytes, seen: Attributes, *, algorithm: str = "sha256", progress: Progress = no_progress
) -> Digest:
    """Return the digest of an open file, by reading all of it."""
    with BackgroundHasher(algorithm) as hasher:
        for block in reader.blocks():
            hasher.update(block)
            progress(len(block))
        require_unwritten(path, seen, reader.attributes())
        return Digest(algorithm, hasher.hexdigest(), "readback")


def server_digest(
    files: FileSystem,
    path: bytes,
    seen: Attributes,
    *,
    algorithm: str = "sha256",
    length: int | None = None,
    progress: Progress = no_progress,
    without_command: bool = False,
) -> Digest | None:
    """Return the digest that the server computed of the file that was ``seen``; None when it cannot.

    The request has a path and follows links: the file of that path must be the same afterwards.
    """
    found = files.digest(
        path, algorithm=algorithm, length=length, waiting=lambda: progress(0), without_command=without_command
    )
    if found is not None:
        require_same(path, seen, files.attributes(path, follow=False))
    return found


def hashed(
    files: FileSystem,
    path: bytes,
    seen: Attributes,
    *,
    algorithm: str = "sha256",
    progress: Progress = no_progress,
    without_command: bool = False,
) -> Digest:
    """Return the digest of the file that was ``seen``: the server's if it has one, else by reading the file."""
    by_server = server_digest(
        files, path, seen, algorithm=algorithm, progress=progress, without_command=without_command
    )
    if by_server is not None:
        return by_server
    with opened(files, path, seen) as reader:
        return read_again(reader, path, seen, algorithm=algorithm, progress=progress)


def require_same(path: bytes, seen: Attributes, found: Attributes) -> None:
    """Raise ``source_changed`` unless both are attributes of the same regular file, as far as they tell."""
    require_unwritten(path, seen, found)
    before, now = _identity(seen), _identity(found)
    differences = [name for name in before if None not in (before[name], now[name]) and before[name] != now[name]]
    if differences:
        raise source_changed(f"it is another file now, of another {' and '.join(differences)}", path)


def require_unwritten(path: bytes, seen: Attributes, found: Attributes) -> None:
    """Raise ``source_changed`` unless ``found`` is a regular file of the same size and modification time."""
    if found.kind not in ("file", "unknown"):
        raise source_changed("it is not a regular file any more", path)
    if (found.size, found.mtime) != (seen.size, seen.mtime):
        raise source_changed(f"size and mtime were {seen.size}, {seen.mtime} and are {found.size}, {found.mtime}", path)


def source_changed(how: str, path: bytes) -> IntegrityError:
    """Return the error for a source that is replaced or written to while it is read."""
    return IntegrityError(
        "source_changed",
        f"the source changed while it was read: {how}",
        remedy="Nothing was published. Relay backups only after they are complete (stable_for).",
        path=path,
    )


def _identity(found: Attributes) -> dict[str, int | None]:
    mode = found.permissions
    return {"owner": found.uid, "group": found.gid, "mode": None if mode is None else mode & _COMPARED_MODE_BITS}
