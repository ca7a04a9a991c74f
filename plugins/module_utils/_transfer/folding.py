# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Names that some servers do not distinguish."""

from __future__ import annotations

import typing as t
import unicodedata

from .._names import as_text
from .._paths import SEPARATOR, normalise


def folded(path: bytes) -> str:
    """Return the form that a path shares with all paths that a server may not distinguish from it.

    It has no letter case (Windows, macOS), one Unicode normalisation form (macOS), and no dots and spaces at the end of
    a component (Windows). No server folds all of these; a path too many in a group does no harm.
    """
    text = as_text(normalise(path))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = unicodedata.normalize("NFC", text.casefold())
    return "/".join(part.rstrip(". ") for part in text.split("/"))


def first_difference(one: bytes, other: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the last directory that two different paths share, and the name below it in each."""
    first, second = normalise(one).split(SEPARATOR), normalise(other).split(SEPARATOR)
    count = next(number for number, pair in enumerate(zip(first, second)) if pair[0] != pair[1])
    return SEPARATOR.join(first[:count]) or (SEPARATOR if count else b"."), first[count], second[count]


def namesakes(paths: t.Iterable[bytes]) -> list[list[bytes]]:
    """Return the groups of different paths that fold to the same, in the order of their first paths."""
    groups: dict[str, list[bytes]] = {}
    for path in dict.fromkeys(map(normalise, paths)):
        groups.setdefault(folded(path), []).append(path)
    return [group for group in groups.values() if len(group) > 1]
