# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Setting attributes on exactly the file that was looked at, and on no other that has its name by then."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import RemoteError
from .._filesystem import AttributesHandle, FileSystem
from .._model import Attributes
from .._paths import split
from .inspect import lstat_or_none

_GROUP_OR_OTHERS_WRITE, _STICKY = 0o022, 0o1000
# A refusal with one of these codes is no answer to the attributes that were to be set.
_NOT_ABOUT_ATTRIBUTES = ("protocol_violation", "already_exists", "not_found")


class Record(t.Protocol):
    """Where it is noted which attributes were set and which not."""

    attributes_changed: list[str]
    not_applied: list[str]


@contextlib.contextmanager
def opened_as_seen(
    files: FileSystem, path: bytes, seen: Attributes, *, for_writing: bool = False
) -> t.Iterator[AttributesHandle]:
    """Open the file that LSTAT has just shown as ``seen``; ``already_exists`` when another has taken its name.

    What is open (FSTAT) and what has the name then (LSTAT again) must be the same, so that no link was followed.
    """
    with files.open_attributes(path, for_writing=for_writing) as handle:
        opened, named = handle.attributes(), lstat_or_none(files, path)
        if named is None or not (opened.is_unchanged_in(seen) and named.is_unchanged_in(seen)):
            raise RemoteError("already_exists", "another file took its name while it was looked at", path=path)
        yield handle


def set_through_handle(files: FileSystem, path: bytes, seen: Attributes, wanted: Attributes) -> None:
    """Set attributes on the file that was seen, through a handle that is open for reading or else for writing."""
    try:
        with opened_as_seen(files, path, seen) as handle:
            handle.set_attributes(wanted)
    except RemoteError as exc:
        if exc.code != "permission_denied":
            raise
    else:
        return
    with opened_as_seen(files, path, seen, for_writing=True) as handle:
        handle.set_attributes(wanted)


def set_on_file(files: FileSystem, path: bytes, seen: Attributes, wanted: Attributes) -> None:
    """Set attributes through a handle, or by name where that follows no link; RemoteError when neither is possible."""
    try:
        set_through_handle(files, path, seen, wanted)
    except RemoteError as exc:
        if exc.code in _NOT_ABOUT_ATTRIBUTES:
            raise
        files.set_attributes(path, wanted, follow=False)


def adjust(files: FileSystem, path: bytes, planned: Attributes, wanted: Attributes, record: Record) -> None:
    """Set attributes on a file that is in place already, if it is still the one that was ``planned`` for."""

    def apply(part: Attributes) -> None:
        seen = files.attributes(path, follow=False)
        if not seen.is_same_file(planned):
            raise RemoteError("already_exists", "another file took its name since it was compared", path=path)
        set_on_file(files, path, seen, part)

    apply_attributes(apply, lambda: files.attributes(path, follow=False), wanted, record)


def set_ownership(
    files: FileSystem, path: bytes, planned: Attributes | None, ownership: Attributes, record: Record
) -> None:
    """Set uid and gid of a file that is in place, where they differ, through a handle of that file.

    ``planned`` are the attributes of the file that must still have the name, None where they are not known. The mode of
    ``ownership`` is set with them, since chown(2) clears set-id bits. What is not permitted is noted in
    ``not_applied``.
    """
    if ownership == Attributes():
        return
    found = files.attributes(path, follow=False)
    if planned is not None and not found.is_same_file(planned):
        raise RemoteError("already_exists", "another file took its name before it got its owner", path=path)
    parts = {
        "owner": Attributes(uid=ownership.uid, mode=ownership.mode),
        "group": Attributes(gid=ownership.gid, mode=ownership.mode),
    }
    differs = {
        "owner": ownership.uid not in (None, found.uid),
        "group": ownership.gid not in (None, found.gid),
    }
    names = [name for name in parts if differs[name]]
    if not names:
        return
    try:
        with opened_as_seen(files, path, found) as handle:
            for name in names:
                permitted = _is_permitted(handle, parts[name])
                (record.attributes_changed if permitted else record.not_applied).append(name)
    except RemoteError as exc:
        if exc.code != "permission_denied":
            raise
        record.not_applied.extend(names)


def _is_permitted(handle: AttributesHandle, part: Attributes) -> bool:
    try:
        handle.set_attributes(part)
    except RemoteError as exc:
        if exc.code != "permission_denied":
            raise
        return False
    return True


def set_what_was_lost(
    files: FileSystem, path: bytes, named: Attributes, wanted: Attributes, *, uid: int | None, is_refused: bool
) -> Attributes:
    """Set on a closed file what the closing has undone, and return how it looks then.

    Some servers forget at close what they were told before, and some take attributes by name only. ``uid`` is the owner
    of what this account creates, as seen on a handle. With ``is_refused`` a handle was tried before.
    """
    ways: list[t.Callable[[Attributes], None]] = [
        lambda lost: files.set_attributes(path, lost, follow=False),
        lambda lost: _set_by_name(files, path, lost, uid=uid),
    ]
    if not is_refused:
        ways.insert(0, lambda lost: set_through_handle(files, path, named, lost))
    for way in ways:
        lost = lacking(named, wanted)
        if lost == Attributes():
            break
        try:
            way(lost)
        except RemoteError as exc:
            if exc.code == "protocol_violation":
                raise
        else:
            named = files.attributes(path, follow=False)
    return named


def _set_by_name(files: FileSystem, path: bytes, wanted: Attributes, *, uid: int | None) -> None:
    """Set attributes by a name that would be followed if it were a link: only where no other user can make it one."""
    directory = Attributes() if uid is None else files.attributes(split(path)[0], follow=True)
    mode = directory.permissions
    if mode is None or directory.uid not in (uid, 0) or (mode & _GROUP_OR_OTHERS_WRITE and not mode & _STICKY):
        raise RemoteError("unsupported", "other users could put a link in the file's place", path=path)
    files.set_attributes(path, wanted, follow=True)


def lacking(found: Attributes, wanted: Attributes) -> Attributes:
    """Return the mode and the times that are wanted and not there."""
    mtime_differs = wanted.mtime is not None and found.mtime != wanted.mtime
    return Attributes(
        mode=wanted.mode if wanted.mode is not None and found.permissions != wanted.mode else None,
        atime=wanted.atime if mtime_differs else None,
        mtime=wanted.mtime if mtime_differs else None,
    )


def names_of(part: Attributes) -> list[str]:
    """Return what results call the mode and the times that are not None."""
    return [name for name in ("mode", "mtime") if getattr(part, name) is not None]


def apply_attributes(
    apply: t.Callable[[Attributes], None], lstat_or_none: t.Callable[[], Attributes], wanted: Attributes, record: Record
) -> Attributes:
    """Set mode and times, one after the other where a server refuses both at once, and return what is there then.

    What a server refuses, or says yes to and does not keep, is noted in ``not_applied`` and is not an error.
    """
    parts = {"mode": Attributes(mode=wanted.mode), "mtime": Attributes(atime=wanted.atime, mtime=wanted.mtime)}
    asked = [name for name, part in parts.items() if part != Attributes()]
    if not (len(asked) > 1 and _accepted(apply, wanted)):
        asked = [name for name in asked if _accepted(apply, parts[name])]
    found = lstat_or_none()
    lost = names_of(lacking(found, wanted))
    for name in names_of(wanted):
        applied = name in asked and name not in lost
        (record.attributes_changed if applied else record.not_applied).append(name)
    return found


def _accepted(apply: t.Callable[[Attributes], None], part: Attributes) -> bool:
    try:
        apply(part)
    except RemoteError as exc:
        if exc.code == "protocol_violation":
            raise
        return False
    return True
