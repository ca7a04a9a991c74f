# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Join and split paths of a server: bytes, with ``/`` between the names. No request is sent.

``..`` is never resolved: if ``a`` is a symbolic link, ``a/..`` is not the directory that holds ``a`` (POSIX.1-2017,
4.13).
"""

from __future__ import annotations

from ._errors import InputError, printable
from ._names import suspicion

SEPARATOR = b"/"
HERE = b"."


def encode(text: str, *, option: str) -> bytes:
    """Return a path from a playbook as UTF-8 bytes. Raises ``InputError`` ``unsafe_path``.

    Surrogate escapes become the bytes that they stand for (PEP 383).
    """
    try:
        path = str(text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise InputError("unsafe_path", f"{option}: the path is not valid Unicode", remedy="Correct the path.") from exc
    return require_safe(path, what=option)


def decode(path: bytes) -> str:
    """Return the text that :func:`encode` turns into the same bytes. To show a path, use ``_errors.printable``."""
    return path.decode("utf-8", "surrogateescape")


def require_safe(path: bytes, *, what: str) -> bytes:
    """Return ``path`` unchanged. Raises ``InputError`` ``unsafe_path`` when it is empty or has a NUL byte.

    ``what`` names the path in the message.
    """
    if not path:
        raise InputError("unsafe_path", f"{what}: the path is empty", remedy="Give a path.")
    if b"\0" in path:
        # A server written in C ends the name at the NUL, and would use a file other than the one that was checked.
        raise InputError("unsafe_path", f"{what}: the path contains a NUL byte", remedy="Correct the path.", path=path)
    return path


def require_safe_name(name: bytes, *, what: str) -> bytes:
    """Return ``name`` unchanged. Raises ``InputError`` ``unsafe_path`` unless it is one plain component of a path."""
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
    """Return the path without repeated slashes, trailing slashes and ``.`` components; an empty path becomes ``.``."""
    parts = [part for part in path.split(SEPARATOR) if part not in (b"", HERE)]
    root = SEPARATOR if path.startswith(SEPARATOR) else b""
    return root + SEPARATOR.join(parts) or HERE


def join(directory: bytes, name: bytes) -> bytes:
    """Return the path of ``name`` in ``directory``; in ``.`` that is the name itself.

    ``name`` may come from a server. Raises ``InputError`` ``unsafe_path`` unless it is one plain component.
    """
    return beneath(directory) + require_safe_name(name, what="name")


def beneath(directory: bytes) -> bytes:
    """Return the prefix that turns the names of a directory's entries into paths.

    The caller checks the names with ``suspicion``, as ``join`` does for a single name.
    """
    parent = normalise(require_safe(directory, what="directory") if directory else HERE)
    if parent == HERE:
        return b""
    return parent if parent == SEPARATOR else parent + SEPARATOR


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return the directory and the last component of the normalised path; the directory is ``.`` where none is named.

    The last component is empty for ``/`` and may be ``..``. In all other cases ``join`` of both parts is the path.
    """
    clean = normalise(path)
    directory, separator, name = clean.rpartition(SEPARATOR)
    if separator and not directory:
        return SEPARATOR, name
    return directory or HERE, name


def names_directory(path: bytes) -> bool:
    """Return whether the spelling makes ``path`` a directory: its last component is empty, ``.`` or ``..``."""
    return path.rpartition(SEPARATOR)[2] in (b"", HERE, b"..")


def destination_path(base: bytes, source_name: bytes) -> bytes:
    """Return the path of the copy: ``source_name`` in ``base`` if ``base`` ends in ``/``, else ``base`` itself.

    Raises ``InputError`` ``unsafe_path`` when the name is no plain component, or when ``base`` ends in ``.`` or ``..``.
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
    """Return whether ``path`` is ``root`` or below it, by spelling; a path with ``..`` after ``root`` is not."""
    below = _below(normalise(root), normalise(path))
    return below is not None and b".." not in below.split(SEPARATOR)


def _below(top: bytes, inner: bytes) -> bytes | None:
    """Return the part of a normalised path after ``top``, or None when the path is not below ``top``."""
    if top == HERE:
        return None if inner.startswith(SEPARATOR) else inner
    prefix = top if top == SEPARATOR else top + SEPARATOR
    return inner[len(prefix) :] if inner == top or inner.startswith(prefix) else None
