# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Convert durations, sizes and shares from text to numbers, and times from numbers to text."""

from __future__ import annotations

import datetime
import math
import re
import typing as t
from decimal import Decimal

from ._errors import InputError

Number = t.Union[int, float]

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DECIMAL_POWERS = {"kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5}
_BINARY_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "kib": 1, "mib": 2, "gib": 3, "tib": 4, "pib": 5}
_BYTES: dict[str, int] = {
    "": 1,
    "b": 1,
    **{unit: 1000**power for unit, power in _DECIMAL_POWERS.items()},
    **{unit: 1024**power for unit, power in _BINARY_POWERS.items()},
}

_DURATION_FORMS = "seconds as a number, or amounts with s, m, h, d or w, such as 90s, 36h, 2d or 1w 2d"
_SIZE_FORMS = "bytes as a number, or an amount with B, k, M, G, T, KiB, MiB, GiB, kB, MB or GB, such as 500k or 10MiB"
_SHARE_FORMS = "a number from 0 to 1, or a percentage such as 50%"

# Longer texts are refused, so that every amount fits a float and every refused value fits a message.
_LONGEST_TEXT = 64
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)[ \t]*([a-z]*)[ \t]*", re.IGNORECASE)


def duration(value: str | float, *, option: str, allow_negative: bool = False) -> Number:
    """Return a duration in seconds, as ``int`` when it is whole and as ``float`` otherwise.

    A number is seconds. A text is a sum of amounts with the units s, m, h, d (24 hours) and w, such as ``1w 2d`` or
    ``1h30m``. A leading minus sign applies to the whole text. Raises ``InputError`` ``invalid_input``.
    """
    text = _text(value)
    negative = text.startswith("-")
    amounts = _amounts(text[1:].lstrip() if negative else text, _SECONDS)
    if amounts is None or (negative and not allow_negative):
        raise _invalid("duration", value, option=option, forms=_DURATION_FORMS)
    seconds = -sum(amounts) if negative else sum(amounts)
    return int(seconds) if seconds == int(seconds) else float(seconds)


def size(value: str | float, *, option: str) -> int:
    """Return a size in bytes, rounded down. Raises ``InputError`` ``invalid_input``.

    Units are case-insensitive. ``kB``, ``MB``, ``GB``, ``TB`` and ``PB`` are powers of 1000 (SI). ``KiB``, ``MiB``,
    ``GiB``, ``TiB`` and ``PiB`` are powers of 1024, and so are ``k``, ``M``, ``G``, ``T`` and ``P`` alone, as in
    Ansible's own ``find``.
    """
    amounts = _amounts(_text(value), _BYTES)
    if amounts is None or len(amounts) != 1:
        raise _invalid("size", value, option=option, forms=_SIZE_FORMS)
    return int(amounts[0])


def share(value: str | float, *, option: str) -> float:
    """Return a share from 0.0 to 1.0, written as ``0.5`` or ``50%``. Raises ``InputError`` ``invalid_input``."""
    text = _text(value)
    percent = text.endswith("%")
    amounts = _amounts(text[:-1] if percent else text, {"": 1})
    if amounts is None or len(amounts) != 1:
        raise _invalid("share", value, option=option, forms=_SHARE_FORMS)
    result = amounts[0] / 100 if percent else amounts[0]
    if result > 1:
        raise _invalid("share", value, option=option, forms=_SHARE_FORMS)
    return float(result)


def _text(value: object) -> str:
    """Return a value as text without an exponent; a boolean, NaN, an infinity or a huge number becomes ``?``."""
    if isinstance(value, bool):
        return "?"
    if isinstance(value, float):
        return format(Decimal(repr(float(value))), "f") if math.isfinite(value) else "?"
    if isinstance(value, int):
        # Python refuses to convert an int of more than 4300 digits to text (sys.set_int_max_str_digits).
        return str(int(value)) if abs(value) < 10**_LONGEST_TEXT else "?"
    return str(value).strip()


def _amounts(text: str, units: t.Mapping[str, int]) -> list[Decimal] | None:
    """Return the amounts in the smallest unit, or None when a part of the text is not an amount.

    A single amount needs no unit; several amounts each need one.
    """
    if not text or len(text) > _LONGEST_TEXT or not text.isascii():
        return None
    result: list[Decimal] = []
    position = 0
    while position < len(text):
        found = _AMOUNT.match(text, position)
        if found is None or found[2].lower() not in units:
            return None
        result.append(Decimal(found[1]) * units[found[2].lower()])
        position = found.end()
    return result if len(result) == 1 or _every_amount_has_a_unit(text) else None


def _every_amount_has_a_unit(text: str) -> bool:
    # "1 2d" and "1h 30" are probably mistakes.
    return all(found[2] for found in _AMOUNT.finditer(text))


def _plain(value: object) -> object:
    # Ansible's tagged strings have their own repr, and repr() of a huge integer raises ValueError.
    if isinstance(value, str):
        return str(value)
    return "a huge number" if isinstance(value, int) and abs(value) >= 10**_LONGEST_TEXT else value


def _invalid(noun: str, value: object, *, option: str, forms: str) -> InputError:
    cut = repr(_plain(value))[:_LONGEST_TEXT]
    return InputError(
        "invalid_input",
        f"{option}: {cut} is not a {noun}",
        remedy=f"Give {forms}.",
        details={"option": option, "value": cut},
    )


def utc_text(seconds: int | None) -> str | None:
    """Return seconds since 1970 as ISO 8601 in UTC; None for None and for a time that ``datetime`` cannot represent."""
    if seconds is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return None
