# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Whether enough destinations of a relay succeeded."""

from __future__ import annotations

import typing as t

from .._errors import BackhaulError, InputError, printable
from . import results
from .request import ModuleResult


def read_needed(min_success: int | None, count: int) -> int:
    """Return how many of ``count`` destinations must succeed."""
    if min_success is None:
        return count
    if not 1 <= min_success <= count:
        raise InputError(
            "invalid_input",
            f"min_success is {min_success}, and must be from 1 to the number of destinations ({count})",
            details={"option": "min_success"},
        )
    return min_success


def relay_result(
    result: results.Json, errors: t.Sequence[BackhaulError], *, count: int, needed: int, warnings: t.Sequence[str]
) -> ModuleResult:
    """Return the answer where of ``count`` destinations those with ``errors`` failed."""
    if count - len(errors) >= needed:
        told = [printable(_on_one_line(error)) for error in errors]
        return ModuleResult(result, warnings=(*warnings, *told))
    if count > 1:
        errors[0].details["failed"] = len(errors)
        errors[0].details["succeeded"] = count - len(errors)
    return ModuleResult(result, error=errors[0], warnings=tuple(warnings))


def _on_one_line(error: BackhaulError) -> bytes:
    return error.message.replace("\n", " ").encode("utf-8", "surrogateescape")
