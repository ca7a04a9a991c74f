# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Checks of the newest file. Each one is pure, and raises or returns one error when the file is no good backup."""

from __future__ import annotations

import typing as t

from .._errors import SelectionError, printable
from .._model import Attributes, RemoteFile
from .model import Candidate, Selection

# Reasons of files whose name and kind were right.
_NEAR_MISSES = frozenset({"no_time_in_name", "future", "too_new", "too_old", "too_small", "too_big"})


def is_future(time: int, *, selection: Selection, now: float) -> bool:
    """Return whether a time is after ``now`` by more than the tolerance.

    A modification time before 1970 is, too: on the wire it is an unsigned 32-bit number, which wraps to a time after
    2038 (draft-ietf-secsh-filexfer-02, section 5).
    """
    return time > now + selection.future_tolerance_seconds


def require_plausible(latest: Candidate, *, selection: Selection, now: float) -> None:
    """Raise ``suspicious`` when the time of the newest file is in the future, or is zero."""
    path = latest.file.path
    if selection.future == "refuse" and is_future(latest.time, selection=selection, now=now):
        raise _suspicious(
            path,
            "future",
            f"has a time {_age(latest.time - now)} in the future",
            "Correct the clock or the file's time, or set 'future' to skip or allow.",
        )
    if selection.future != "allow" and selection.order_by == "mtime" and latest.time <= 0:
        raise _suspicious(
            path,
            "no_time",
            "has no modification time (it is zero), and no other file has one",
            "Order by name or name_time, or set 'future' to allow to take the times as they are.",
        )


def require_not_shrunk(latest: Candidate, *, before: Candidate | None, selection: Selection) -> None:
    """Raise ``suspicious`` when the newest file is too small a share of the one before. Only files are compared."""
    share = selection.shrink_limit
    new, old = latest.file.attributes, before.file.attributes if before else Attributes()
    if share is None or new.kind != "file" or old.kind != "file" or new.size is None or old.size is None:
        return
    if new.size < old.size * share:
        raise _suspicious(
            latest.file.path,
            "shrunk",
            f"has {new.size} bytes, less than {share:.0%} of the {old.size} bytes of the one before",
            "Find out why the backup shrank; if that is right, lower 'shrink_limit' for one run.",
        )


def require_fresh(latest: Candidate, *, selection: Selection, now: float) -> None:
    """Raise ``stale`` when the newest file is too old: the job that makes the backups may have failed."""
    wanted, age = selection.fresh_within_seconds, now - latest.time
    if wanted is None or age <= wanted:
        return
    raise SelectionError(
        "stale",
        f"the newest, {printable(latest.file.path)}, is {_age(age)} old, and {_age(wanted)} are allowed",
        remedy="Look at the job that makes the backups: it has not delivered in time.",
        path=latest.file.path,
        details={"age_seconds": round(age), "fresh_within_seconds": wanted},
    )


def listed_twice(path: bytes) -> SelectionError:
    """Return the error for a newest file that the server listed twice."""
    return _suspicious(path, "repeated", "was listed twice by the server", "List it by hand to see what it is.")


def too_many_repeats(limit: int) -> SelectionError:
    """Return the error for a listing that repeats more than ``limit`` names, as an endless one does."""
    return SelectionError(
        "suspicious",
        f"the server listed more than {limit} names twice",
        remedy="Ask whoever runs the server: a listing like this cannot be relied on.",
        details={"reason": "repeated"},
    )


def attributes_missing(file: RemoteFile, missing: t.Sequence[str]) -> SelectionError:
    """Return the error for a file without the attributes that are needed to find the newest file."""
    return SelectionError(
        "suspicious",
        f"the server does not tell the {listing(missing)} of {printable(file.path)}, so the newest is unknown",
        remedy="Leave such files out by 'patterns' or 'excludes', or use a server that tells it.",
        path=file.path,
        details={"reason": "attributes_missing", "missing": list(missing)},
    )


def unstable_error(first: RemoteFile, second: Attributes | None) -> SelectionError | None:
    """Return the error ``incomplete`` when a file changed between two readings of its attributes, else None.

    ``second`` is None when the file no longer exists.
    """
    changes = ["it is gone"] if second is None else _changes(first.attributes, second)
    if not changes:
        return None
    return SelectionError(
        "incomplete",
        f"{printable(first.path)} is still changing: " + ", ".join(changes),
        remedy="Try again when it is finished, or set 'min_age' so that files are left alone until then.",
        path=first.path,
    )


def _changes(before: Attributes, after: Attributes) -> list[str]:
    pairs = (
        ("kind", before.kind, after.kind),
        ("size", before.size, after.size),
        ("mtime", before.mtime, after.mtime),
    )
    return [f"its {what} was {old} and is {new}" for what, old, new in pairs if old != new]


def no_match(examined: int, counts: t.Mapping[str, int]) -> SelectionError:
    """Return the error for a listing without a good file; ``counts`` are the numbers of skipped files by reason."""
    reason = _reason(examined, counts)
    reasons = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return SelectionError(
        "no_match",
        f"none of {examined} entries qualifies: {reasons}" if examined else "there is nothing in the directory",
        remedy="Compare the path, the patterns and the limits with what is there, or set 'when_none' to ok.",
        details={"reason": reason, "examined": examined, "skipped_counts": dict(counts)},
    )


def _reason(examined: int, counts: t.Mapping[str, int]) -> str:
    """Return ``empty``, ``nothing_matched``, ``all_`` with the only reason, or ``mixed``.

    Files whose name and kind were right decide the reason; when there are none, all files that match a pattern do.
    """
    near = [reason for reason in counts if reason in _NEAR_MISSES]
    reasons = near or [reason for reason in counts if reason != "not_matched"]
    if not reasons:
        return "nothing_matched" if examined else "empty"
    return f"all_{reasons[0]}" if len(reasons) == 1 else "mixed"


def _suspicious(path: bytes, reason: str, cause: str, remedy: str) -> SelectionError:
    return SelectionError(
        "suspicious", f"the newest, {printable(path)}, {cause}", remedy=remedy, path=path, details={"reason": reason}
    )


def _age(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def listing(names: t.Sequence[str]) -> str:
    """Join names for a message."""
    return " and ".join(names)
