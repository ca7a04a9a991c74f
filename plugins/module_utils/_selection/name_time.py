# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Find times in file names, by a format like that of ``strptime``.

Names of months are English in every locale, and digits are ASCII. No clock and no time zone database is read.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from .._errors import InputError, printable
from .._names import as_text

# Converts the wall clock time in a name to seconds since 1970. Raises ValueError or OverflowError for invalid times.
WallClock = t.Callable[[datetime.datetime], float]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_DIRECTIVES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "0[1-9]|1[0-2]",
    "d": "0[1-9]|[12][0-9]|3[01]",
    "j": "00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6]",
    "H": "[01][0-9]|2[0-3]",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "B": "(?i:" + "|".join(_MONTHS) + ")",
    "b": "(?i:" + "|".join(month[:3] for month in _MONTHS) + ")",
    # Nine to eleven digits are the years 1973 to 5138. Fewer digits are more likely a counter.
    "s": "[0-9]{9,11}",
    "z": "Z|[+-](?:0[0-9]|1[0-9]|2[0-3]):?[0-5][0-9]",
    "Z": "UTC|GMT|Z",
}
_SUPPORTED = " ".join(f"%{directive}" for directive in _DIRECTIVES) + " %%"
_ENDS_IN_DIGIT = frozenset("YymdjHMSs")
# Each directive on the left needs one of the directives on the right.
_NEEDS = {"m": "Yy", "B": "Yy", "b": "Yy", "j": "Yy", "d": "mBb", "H": "dj", "M": "H", "S": "M", "z": "H", "Z": "H"}
_EXCLUSIVE = ("Yys", "mBbjs", "djs", "Hs", "zZs")
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])\Z")


def utc(wall: datetime.datetime) -> float:
    """Return the seconds since 1970 of a wall clock time in UTC."""
    return (wall.replace(tzinfo=datetime.timezone.utc) - _EPOCH).total_seconds()


def in_zone(zone: datetime.tzinfo) -> WallClock:
    """Return the rule of a time zone. A time that occurs twice in autumn means the first one (``fold`` is 0)."""

    def read(wall: datetime.datetime) -> float:
        return (wall.replace(tzinfo=zone) - _EPOCH).total_seconds()

    return read


def fixed_wall_clock(text: str) -> WallClock | None:
    """Return the rule for ``utc`` (``Z``, ``GMT``) or an offset such as ``+02:00``; None for any other text.

    The caller handles other zones, since they need the zone database or the clock of the machine.
    """
    if text.strip().lower() in ("utc", "z", "gmt"):
        return utc
    found = _OFFSET.match(text.strip())
    return None if found is None else in_zone(_offset(found))


class NameTime:
    """A compiled format that finds the time in a name.

    The format may match anywhere in the name; the leftmost valid time is used. A number at either end of the format
    does not match a part of a longer number. A missing month or day is the first, a missing time of day is midnight.
    Raises ``InputError`` ``invalid_input`` for a format that does not define a time.
    """

    def __init__(self, time_format: str, *, wall_clock: WallClock, option: str = "time_format") -> None:
        pieces = _pieces(time_format, option=option)
        directives = [letter for letter, _literal in pieces if letter]
        problem = _problem(directives)
        if problem:
            raise _bad_format(option, time_format, problem)
        self._wall_clock = wall_clock
        self._pattern = re.compile(_expression(pieces))

    def find(self, name: bytes) -> int | None:
        """Return the time in ``name`` in seconds since 1970, or None when there is none."""
        text = as_text(name)
        found = self._pattern.search(text)
        while found is not None:
            seconds = self._seconds(found.groupdict())
            if seconds is not None:
                return seconds
            found = self._pattern.search(text, found.start() + 1)
        return None

    def _seconds(self, fields: t.Mapping[str, str]) -> int | None:
        if "s" in fields:
            return int(fields["s"])
        try:
            wall = _wall_time(fields)
            return int(_zone_in_name(fields, self._wall_clock)(wall))
        except (ValueError, OverflowError):
            # 30 February, day 366 of a common year, or year 0.
            return None


def _pieces(time_format: str, *, option: str) -> list[tuple[str, str]]:
    """Split a format into pieces (directive letter, "") and ("", literal text). Raises ``InputError``."""
    pieces: list[tuple[str, str]] = []
    for found in re.finditer(r"%(.?)|([^%]+)", time_format, re.DOTALL):
        letter, literal = found[1], found[2]
        if literal is not None or letter == "%":
            pieces.append(("", literal or "%"))
        elif letter in _DIRECTIVES:
            pieces.append((letter, ""))
        else:
            raise _bad_format(option, time_format, f"{found[0]!r} is not supported")
    return pieces


def _problem(directives: t.Sequence[str]) -> str:
    """Return why these directives do not define a time; an empty text if they do."""
    for group in _EXCLUSIVE:
        clash = [letter for letter in directives if letter in group]
        if len(clash) > 1:
            return f"%{clash[0]} and %{clash[1]} say the same thing"
    twice = [letter for letter in directives if directives.count(letter) > 1]
    if twice:
        return f"%{twice[0]} comes twice"
    for letter in directives:
        if letter in _NEEDS and not set(_NEEDS[letter]) & set(directives):
            return f"%{letter} needs %{' or %'.join(_NEEDS[letter])}"
    return "" if set(directives) & set("Yys") else "it has none of %Y, %y and %s"


def _expression(pieces: t.Sequence[tuple[str, str]]) -> str:
    body = "".join(
        f"(?P<{letter}>{_DIRECTIVES[letter]})" if letter else re.escape(literal) for letter, literal in pieces
    )
    before = "(?<![0-9])" if pieces[0][0] in _ENDS_IN_DIGIT else ""
    after = "(?![0-9])" if pieces[-1][0] in _ENDS_IN_DIGIT else ""
    return before + body + after


def _wall_time(fields: t.Mapping[str, str]) -> datetime.datetime:
    day = datetime.datetime(_year(fields), _month(fields), int(fields.get("d", "1")))
    if "j" in fields:
        day += datetime.timedelta(days=int(fields["j"]) - 1)
        if day.year != _year(fields):
            raise ValueError("the year has no such day")
    return day.replace(
        hour=int(fields.get("H", "0")), minute=int(fields.get("M", "0")), second=int(fields.get("S", "0"))
    )


def _year(fields: t.Mapping[str, str]) -> int:
    if "Y" in fields:
        return int(fields["Y"])
    short = int(fields["y"])
    # POSIX.1-2017, strptime: 69 to 99 mean 1969 to 1999.
    return short + (1900 if short >= 69 else 2000)


def _month(fields: t.Mapping[str, str]) -> int:
    word = fields.get("B", fields.get("b", "")).lower()
    if word:
        return next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(word))
    return int(fields.get("m", "1"))


def _zone_in_name(fields: t.Mapping[str, str], otherwise: WallClock) -> WallClock:
    if "Z" in fields or fields.get("z") == "Z":
        return utc
    found = _OFFSET.match(fields.get("z", ""))
    return otherwise if found is None else in_zone(_offset(found))


def _offset(found: t.Match[str]) -> datetime.timezone:
    offset = datetime.timedelta(hours=int(found[2]), minutes=int(found[3]))
    return datetime.timezone(-offset if found[1] == "-" else offset)


def _bad_format(option: str, time_format: str, problem: str) -> InputError:
    cut = printable(time_format.encode("utf-8", "backslashreplace"), limit=128)
    return InputError(
        "invalid_input",
        f"{option}: {cut!r} is not a usable time format: {problem}",
        remedy=f"Use {_SUPPORTED} and the text around them, for example 'backup-%Y%m%d-%H%M%S'.",
        details={"option": option, "value": cut},
    )
