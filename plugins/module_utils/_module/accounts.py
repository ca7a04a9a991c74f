# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The owner and the group of copies on this machine."""

from __future__ import annotations

import grp
import pwd
import typing as t

from .._errors import InputError
from .._model import Attributes


def read_ownership(owner: str | None, group: str | None) -> Attributes:
    """Return the ids of an account and a group, given by name or number; ``invalid_input`` for unknown ones."""
    uid = _number("owner", owner, lambda name: pwd.getpwnam(name).pw_uid)
    return Attributes(uid=uid, gid=_number("group", group, lambda name: grp.getgrnam(name).gr_gid))


def _number(option: str, given: str | None, look_up: t.Callable[[str], int]) -> int | None:
    if given is None or not str(given).strip():
        return None
    try:
        return int(given) if str(given).isdecimal() else look_up(str(given))
    except KeyError:
        raise InputError(
            "invalid_input",
            f"{option} is {str(given)!r}, which this machine does not know",
            remedy="Give the name of one that exists here, or its number.",
            details={"option": option},
        ) from None
