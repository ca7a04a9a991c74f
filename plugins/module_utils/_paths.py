# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Paths on a server: bytes with ``/`` between the names, put together and taken apart without asking the server.

Nothing here resolves ``..``: where ``a`` is a symlink, ``a/..`` is not where it was found (POSIX.1-2017, 4.13).
"""

from __future__ import annotations

from ._errors import InputError, printable
from ._names import suspicion

SEPARATOR = b"/"
HERE = b"."


def encode(text: str, *, option: str) -> bytes:
    """Return the path that the playbook's author typed as bytes; raises ``InputError`` ``unsafe_path``.

    UTF-8, with bytes that came in as surrogate escapes (PEP 383) going out as they were.
    """
    try:
        path = str(text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise InputError("unsafe_path", f"{option}: the path is not valid Unicode", remedy="Correct the path.") from exc
    return require_safe(path, what=option)


def decode(path: bytes) -> str:
    """Return the text from which :func:`encode` makes the same bytes again; to show a path, use ``shown``."""
    return path.decode("utf-8", "surrogateescape")


def require_safe(path: bytes, *, what: str) -> bytes:
    """Return ``path`` when it can be sent to a server.

    Raises ``InputError`` ``unsafe_path`` when it is empty or has a NUL; ``what`` names the option or the thing.
    """
    if not path:
        raise InputError("unsafe_path", f"{what}: the path is empty", remedy="Give a path.")
    if b"\0" in path:
        # Servers written in C end the name at the NUL and would act on another file than the one that was checked.
        raise InputError("unsafe_path", f"{what}: the path contains a NUL byte", remedy="Correct the path.", path=path)
    return path


def require_safe_name(name: bytes, *, what: str) -> bytes:
    """Return ``name`` when it is one plain component of a path; raises ``InputError`` ``unsafe_path``."""
    reason = suspicion(name)
    if reason:
        raise InputError(
            "unsafe_path",
            f"{what}: {printable(name)!r} cannot be used as a file name: {reason}",
            remedy="Choose a plain base name; a name like this is never joined to a path.",
            path=name,
        )
    return name


def normalise(path: bytes) -> bytes:
    """Drop repeated and trailing slashes and ``.`` components; ``..`` stays, and an empty path is ``.``."""
    parts = [part for part in path.split(SEPARATOR) if part not in (b"", HERE)]
    root = SEPARATOR if path.startswith(SEPARATOR) else b""
    return root + SEPARATOR.join(parts) or HERE


def join(directory: bytes, name: bytes) -> bytes:
    """Return the path of ``name`` in ``directory``; ``.`` leaves the name alone.

    ``name`` may come from a server: raises ``InputError`` ``unsafe_path`` unless it is one plain component.
    """
    return beneath(directory) + require_safe_name(name, what="name")


def beneath(directory: bytes) -> bytes:
    """Return what to put in front of the names of a directory's entries, so that they become their paths.

    The names must have been checked (``suspicion``), as ``join`` does it for a single one.
    """
    parent = normalise(require_safe(directory, what="directory") if directory else HERE)
    if parent == HERE:
        return b""
    return parent if parent == SEPARATOR else parent + SEPARATOR


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return the directory (``.`` or ``/`` where none is named) and the last component of the normalised path.

    The last component is empty for ``/`` and may be ``..``; ``join`` of the two parts gives the path again otherwise.
    """
    clean = normalise(path)
    directory, separator, name = clean.rpartition(SEPARATOR)
    if separator and not directory:
        return SEPARATOR, name
    return directory or HERE, name


def names_directory(path: bytes) -> bool:
    """Say whether the spelling alone makes ``path`` a directory: it ends in ``/``, ``.`` or ``..``."""
    return path.rpartition(SEPARATOR)[2] in (b"", HERE, b"..")


def destination_path(base: bytes, source_name: bytes) -> bytes:
    """Return where a file called ``source_name`` goes: into ``base`` when that ends in ``/``, else to ``base`` itself.

    Raises ``InputError`` ``unsafe_path`` when the name is not a plain one, or when ``base`` can only be a directory but
    has no trailing slash.
    """
    require_safe(base, what="path")
    if base.endswith(SEPARATOR):
        return join(base, source_name)
    if names_directory(base):
        raise InputError(
            "unsafe_path",
            f"path: {printable(base)!r} is a directory and not a file name",
            remedy='Add a "/" at the end to copy into this directory.',
            path=base,
        )
    require_safe_name(source_name, what="name")
    return normalise(base)


def is_within(root: bytes, path: bytes) -> bool:
    """Say whether ``path`` is ``root`` or below it, by its spelling alone; anything with ``..`` below it is not."""
    below = _below(normalise(root), normalise(path))
    return below is not None and b".." not in below.split(SEPARATOR)


def _below(top: bytes, inner: bytes) -> bytes | None:
    """Return the part of a normalised path after ``top``, or None when it begins otherwise."""
    if top == HERE:
        return None if inner.startswith(SEPARATOR) else inner
    prefix = top if top == SEPARATOR else top + SEPARATOR
    return inner[len(prefix) :] if inner == top or inner.startswith(prefix) else None
