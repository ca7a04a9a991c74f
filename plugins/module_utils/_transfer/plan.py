# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Decide what has to be done for one destination, from what was seen there."""

from __future__ import annotations

from dataclasses import replace

from .._errors import InputError, RemoteError
from .._model import Attributes, Comparison, RelayOptions, Source, Step
from .._paths import join, split

NEW_FILE_MODE = 0o600
# Neither set-id nor sticky.
_PLAIN_BITS = 0o777


def decide(
    path: bytes,
    *,
    found: Attributes | None,
    comparison: Comparison,
    source: Source,
    options: RelayOptions,
    missing: tuple[bytes, ...] = (),
) -> Step:
    """Return the step for a destination; ``missing`` are the directories that must be made for it.

    ``already_exists`` when another file is there and ``if_exists`` is ``fail``.
    """
    wanted = wanted_attributes(found, source, options)
    ownership = _ownership(None, options)
    if found is None:
        return Step("create", path, comparison, None, adjust=wanted, missing_directories=missing, ownership=ownership)
    stated = _stated_mode(source, options)
    if comparison.same:
        drift, ownership = _drift(found, wanted, stated=stated), _ownership(found, options)
        action = "keep" if drift == ownership == Attributes() else "adjust"
        return Step(action, path, comparison, found, adjust=drift, ownership=ownership)
    if options.if_exists == "skip":
        return Step("skip", path, comparison, found)
    if options.if_exists == "fail":
        raise RemoteError(
            "already_exists",
            "another file is there already, and if_exists is 'fail'",
            remedy="Remove it, choose another path, or let if_exists be 'replace', 'skip' or 'version'.",
            path=path,
        )
    keeps_mode = stated is None and wanted.mode != NEW_FILE_MODE
    return Step("replace", path, comparison, found, adjust=wanted, keeps_mode=keeps_mode, ownership=ownership)


def _ownership(found: Attributes | None, options: RelayOptions) -> Attributes:
    """Return the uid and gid to set, without those that the file that was ``found`` has, and the mode that is stated.

    Setting them clears the set-id bits (chown(2)), so that the stated ones are set again.
    """
    uid = options.uid if found is None or found.uid != options.uid else None
    gid = options.gid if found is None or found.gid != options.gid else None
    return Attributes() if uid is None and gid is None else Attributes(uid=uid, gid=gid, mode=options.mode)


def wanted_attributes(found: Attributes | None, source: Source, options: RelayOptions) -> Attributes:
    """Return the attributes that the copy is to have: a mode always, times where they are to be preserved.

    The set-id and sticky bits come from a mode that is stated, and never from a file.
    """
    mode = _stated_mode(source, options)
    if mode is None:
        mode = NEW_FILE_MODE if found is None or found.permissions is None else found.permissions & _PLAIN_BITS
    mtime = source.mtime if options.preserve_mtime else None
    return Attributes(mode=mode, atime=mtime, mtime=mtime)


def _stated_mode(source: Source, options: RelayOptions) -> int | None:
    if options.preserve_mode and source.mode is not None:
        return source.mode & _PLAIN_BITS
    return options.mode


def owned_attributes(step: Step, uid: int | None) -> Attributes:
    """Return what is to be set on a copy whose owner is ``uid``, None where the server tells none.

    The permissions of the file that is replaced are kept only if it has the same owner: another user may have put it
    there to have the copy readable, or set-id.
    """
    before = None if step.before is None else step.before.uid
    if step.keeps_mode and (uid is None or uid != before):
        return replace(step.adjust, mode=NEW_FILE_MODE)
    return step.adjust


def _drift(found: Attributes, wanted: Attributes, *, stated: int | None) -> Attributes:
    """Return what must be set on a file whose content is right already."""
    mode = stated if stated != found.permissions else None
    mtime = wanted.mtime if wanted.mtime != found.mtime else None
    return Attributes(mode=mode, atime=mtime, mtime=mtime)


def require_file(path: bytes, found: Attributes) -> None:
    """Raise unless what was found at a destination may be replaced by a file: LSTAT must say "regular file"."""
    if found.kind == "directory":
        raise InputError(
            "invalid_input",
            "the destination is a directory",
            remedy="End the path with '/' to copy into it.",
            path=path,
        )
    if found.kind != "file":
        raise InputError(
            "unsafe_path",
            f"the destination is there already and is not a regular file (it is {_article(found.kind)})",
            remedy="Nothing is written through links or into devices. Remove it, or choose another path.",
            path=path,
        )


def _article(kind: str) -> str:
    return {"link": "a symbolic link", "unknown": "of a type that the server does not tell"}.get(kind, "something else")


def versioned_path(path: bytes, stamp: str) -> bytes:
    """Return where ``if_exists: version`` puts a file whose plain path is taken by another.

    ``stamp`` is the source's modification time as text, so that the same backup has the same name on every run. It
    goes in front of the first dot: ``db.tar.gz`` becomes ``db-20260102T030405Z.tar.gz``.
    """
    directory, name = split(path)
    stem, dot, ending = (name, b"", b"") if name.startswith(b".") else name.partition(b".")
    return join(directory, stem + b"-" + stamp.encode("ascii") + dot + ending)
