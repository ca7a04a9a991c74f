# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Carrying the bytes: one reader, one writer, one pass, hashed on the way."""

from __future__ import annotations

import hashlib

from .._errors import IntegrityError
from .._filesystem import Reader, Writer
from .._model import Attributes, Progress


def copy(reader: Reader, writer: Writer, *, size: int, progress: Progress) -> str:
    """Copy all of ``reader`` to ``writer`` and return the SHA-256 of what was read.

    Every write was acknowledged on return. A file that ends before ``size`` is ``short_transfer``, one that goes on
    beyond it ``source_changed``.
    """
    hasher = hashlib.sha256()
    offset = 0
    for block in reader.blocks():
        if offset + len(block) > size:
            raise source_changed(f"it is longer than the {size} bytes it had when it was opened")
        writer.write(offset, block)
        hasher.update(block)
        offset += len(block)
        progress(len(block))
    writer.flush()
    if offset != size:
        raise IntegrityError(
            "short_transfer",
            f"the source ended after {offset} of {size} bytes",
            remedy="The server cut the file short, or something truncates it. Nothing was published.",
            role="source",
        )
    return hasher.hexdigest()


def source_changed(how: str) -> IntegrityError:
    """Return the error for a source that is written to while it is read."""
    return IntegrityError(
        "source_changed",
        f"the source changed while it was read: {how}",
        remedy="Nothing was published. Relay backups only after they are complete (stable_for).",
        role="source",
    )


def require_unchanged(before: Attributes, after: Attributes) -> None:
    """Raise ``source_changed`` when an open file has another size or modification time than before."""
    if (before.size, before.mtime) != (after.size, after.mtime):
        raise source_changed(f"size and mtime were {before.size}, {before.mtime} and are {after.size}, {after.mtime}")
