# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Readers of single values, which the other files of this room share."""

from __future__ import annotations

import typing as t

from .. import _units
from .._errors import InputError

Spec = t.Dict[str, t.Any]
Params = t.Mapping[str, t.Any]


def given(value: object) -> str | None:
    """Return the value as a str with all its spaces, or None if it is blank."""
    return None if value is None or not str(value).strip() else str(value)


def invalid(option: str, value: object, expected: str, role: str = "") -> InputError:
    """Return the error for a value that its option does not accept."""
    return InputError(
        "invalid_input", f"{option} is {value!r}, and must be {expected}", role=role, details={"option": option}
    )


def optional_duration(params: Params, option: str) -> _units.Number | None:
    """Return the seconds of a duration, or None if the option is blank."""
    value = given(params[option])
    return None if value is None else _units.duration(value, option=option)


def optional_size(params: Params, option: str) -> int | None:
    """Return the bytes of a size, or None if the option is blank."""
    value = given(params[option])
    return None if value is None else _units.size(value, option=option)


def optional_share(params: Params, option: str) -> float | None:
    """Return the share from 0 to 1, or None if the option is blank."""
    value = given(params[option])
    return None if value is None else _units.share(value, option=option)
