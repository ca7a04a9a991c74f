# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The data types of a selection: the rules that files must meet, and the files that were selected."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._errors import InputError
from .._model import RemoteFile
from .._units import Number
from .name_rules import NameRules
from .name_time import NameTime, WallClock, utc

FILE_TYPES = ("any", "file", "directory", "link")
ORDERS = ("mtime", "name", "name_time", "size")
FUTURE_POLICIES = ("refuse", "skip", "allow")


@dataclass(frozen=True)
class Selection:
    """The parsed options of ``sftp_find``: ages and tolerances in seconds, sizes in bytes, ``shrink_limit`` as a share.

    The time of a file is its mtime, or with ``order_by`` ``name_time`` the time in its name, read by ``time_format``
    and ``wall_clock``. ``min_age_seconds`` always refers to the mtime, to leave out files that are still being written.
    Size limits apply to regular files only. Raises ``InputError`` ``invalid_input`` for values that contradict.
    """

    patterns: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    use_regex: bool = False
    file_type: str = "file"
    hidden: bool = False
    ignore_temporary: bool = True
    order_by: str = "mtime"
    time_format: str = ""
    wall_clock: WallClock = utc
    limit: int | None = None
    min_age_seconds: Number | None = None
    max_age_seconds: Number | None = None
    min_size_bytes: int = 1
    max_size_bytes: int | None = None
    shrink_limit: float | None = None
    future: str = "refuse"
    future_tolerance_seconds: Number = 300
    fresh_within_seconds: Number | None = None
    when_none: str = "fail"

    def __post_init__(self) -> None:
        _require_choice("file_type", self.file_type, FILE_TYPES)
        _require_choice("order_by", self.order_by, ORDERS)
        _require_choice("future", self.future, FUTURE_POLICIES)
        _require_choice("when_none", self.when_none, ("fail", "ok"))
        if self.limit is not None and self.limit < 1:
            raise _invalid("limit", "must be at least 1")
        if self.shrink_limit is not None and not 0 <= self.shrink_limit <= 1:
            raise _invalid("shrink_limit", "must be a share from 0 to 1")
        _require_range("age", self.min_age_seconds, self.max_age_seconds)
        _require_range("size", self.min_size_bytes, self.max_size_bytes)
        self.name_rules()
        self.name_time()

    def name_rules(self) -> NameRules:
        """Return the compiled rules for names."""
        return NameRules(
            patterns=self.patterns,
            excludes=self.excludes,
            use_regex=self.use_regex,
            hidden=self.hidden,
            ignore_temporary=self.ignore_temporary,
        )

    def name_time(self) -> NameTime | None:
        """Return the compiled time format, or None when the order is not by the time in names."""
        if self.order_by != "name_time":
            return None
        return NameTime(self.time_format, wall_clock=self.wall_clock)


@dataclass(frozen=True)
class Skipped:
    """A file that was not selected: a stable reason code, and a text for people.

    With a ``count`` above 1 the entry represents that many files below the directory ``path``.
    """

    path: bytes
    reason: str
    text: str
    count: int = 1


@dataclass(frozen=True)
class Selected:
    """The selected files, newest first; ``latest`` is the first of them.

    ``qualified`` counts all good files, including those beyond the limit. ``latest_time`` is in seconds since 1970.
    ``tied_with`` is the second file when it differs from the first only by the rule for ties (greater name first, then
    greater path). ``skipped`` lists at most the first thousand files, without those that matched no pattern;
    ``skipped_counts`` counts all of them by reason. ``is_cut``: the bounds of a result left fewer files than requested.
    """

    latest: RemoteFile | None
    latest_time: int | None
    files: tuple[RemoteFile, ...]
    tied_with: RemoteFile | None
    qualified: int
    examined: int
    skipped: tuple[Skipped, ...]
    skipped_counts: t.Mapping[str, int] = field(default_factory=dict)
    is_cut: bool = False


class Candidate(t.NamedTuple):
    """A good file. The first two fields define the order; ``sequence`` is unique."""

    key: tuple[int, bytes, bytes]
    sequence: int
    time: int
    file: RemoteFile


def _require_choice(option: str, value: str, choices: t.Sequence[str]) -> None:
    if value not in choices:
        raise _invalid(option, "must be one of " + ", ".join(choices))


def _require_range(what: str, least: Number | None, most: Number | None) -> None:
    if least is not None and most is not None and least > most:
        raise _invalid(f"min_{what}", f"is more than max_{what}, so that nothing can match")


def _invalid(option: str, problem: str) -> InputError:
    return InputError("invalid_input", f"{option} {problem}", remedy="Correct the task.", details={"option": option})
