# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Names that some servers take for the same one."""

from __future__ import annotations

import typing as t
import unicodedata

from .._names import as_text
from .._paths import SEPARATOR, normalise


def folded(path: bytes) -> str:
    """Return what a path has in common with all those that a server may take for it.

    Letter case goes (Windows, macOS), so does the way in which Unicode writes an accent (macOS), and so do dots and
    spaces at the end of a component (Windows). No server folds all of this; a pair too many does no harm.
    """
    text = as_text(normalise(path))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = unicodedata.normalize("NFC", text.casefold())
    return "/".join(part.rstrip(". ") for part in text.split("/"))


def first_difference(one: bytes, other: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the directory in which two different paths part, and the name that each of them has there."""
    ours, theirs = normalise(one).split(SEPARATOR), normalise(other).split(SEPARATOR)
    count = next(number for number, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1])
    return SEPARATOR.join(ours[:count]) or (SEPARATOR if count else b"."), ours[count], theirs[count]


def namesakes(paths: t.Iterable[bytes]) -> list[list[bytes]]:
    """Return the groups of different paths that fold to the same, in the order in which they come."""
    groups: dict[str, list[bytes]] = {}
    for path in dict.fromkeys(map(normalise, paths)):
        groups.setdefault(folded(path), []).append(path)
    return [group for group in groups.values() if len(group) > 1]
