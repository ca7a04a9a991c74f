# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Destination paths for the files of a directory or of a list."""

from __future__ import annotations

import typing as t

from .._errors import InputError, printable
from .._paths import SEPARATOR, join, names_directory, normalise, require_safe, split


def tree_base(source: bytes, dest: bytes) -> bytes:
    """Return the directory that the content of the directory ``source`` is copied to.

    It is ``dest`` itself when ``source`` ends in a slash, else a directory in it with the source's name, as with
    rsync and Ansible's ``copy``.
    """
    require_safe(dest, what="dest")
    return normalise(dest) if names_directory(source) else join(dest, split(source)[1])


def below(top: bytes, path: bytes) -> bytes:
    """Return ``path`` relative to the directory ``top``; ValueError when it is not inside."""
    prefix, clean = join(top, b"x")[:-1], normalise(path)
    if not clean.startswith(prefix) or clean == prefix:
        raise ValueError("the path is not in the directory")
    return clean[len(prefix) :]


def joined(directory: bytes, relative: bytes) -> bytes:
    """Return ``relative`` joined to ``directory``; each component may be a server's text and must be a plain name."""
    for name in relative.split(SEPARATOR):
        directory = join(directory, name)
    return directory


def places(sources: t.Sequence[bytes], dest: bytes) -> list[bytes]:
    """Return the destination of each file of a list: in the directory ``dest``, with its own name.

    ``invalid_input`` when two of them would have the same name.
    """
    found: dict[bytes, bytes] = {}
    for source in sources:
        place = join(dest, split(source)[1])
        if place in found:
            raise InputError(
                "invalid_input",
                f"{printable(found[place])} and {printable(source)} would both become {printable(place)}",
                remedy="Copy them by two tasks into two directories.",
                details={"option": "paths"},
            )
        found[place] = source
    return list(found)
