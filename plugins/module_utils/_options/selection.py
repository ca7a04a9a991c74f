# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Options that choose a backup (documentation: the fragment ``_selection``)."""

from __future__ import annotations

import time
import zoneinfo

from .. import _units
from .._selection.model import FILE_TYPES, FUTURE_POLICIES, ORDERS, Selection
from .._selection.name_time import WallClock, fixed_wall_clock, in_zone
from .values import Params, Spec, given, invalid, optional_duration, optional_share, optional_size


def selection_spec() -> Spec:
    """Return the spec of the search options."""
    return {
        "patterns": {"type": "list", "elements": "str", "default": []},
        "excludes": {"type": "list", "elements": "str", "default": []},
        "use_regex": {"type": "bool", "default": False},
        "recurse": {"type": "bool", "default": False},
        "depth": {"type": "int"},
        "file_type": {"type": "str", "choices": sorted(FILE_TYPES), "default": "file"},
        "hidden": {"type": "bool", "default": False},
        "ignore_temporary": {"type": "bool", "default": True},
        "order_by": {"type": "str", "choices": sorted(ORDERS), "default": "mtime"},
        "time_format": {"type": "str"},
        "time_zone": {"type": "str", "default": "utc"},
        "limit": {"type": "int"},
        "min_age": {"type": "str"},
        "max_age": {"type": "str"},
        "min_size": {"type": "str", "default": "1"},
        "max_size": {"type": "str"},
        "stable_for": {"type": "str"},
        "shrink_limit": {"type": "str"},
        "future": {"type": "str", "choices": sorted(FUTURE_POLICIES), "default": "refuse"},
        "future_tolerance": {"type": "str", "default": "5m"},
        "fresh_within": {"type": "str"},
        "checksum": {"type": "str", "choices": ["none", "sha256", "sha512"], "default": "none"},
        "when_none": {"type": "str", "choices": ["fail", "ok"], "default": "fail"},
    }


def read_selection(params: Params) -> Selection:
    """Return the selection that the parameters describe. Raises ``InputError`` ``invalid_input``."""
    return Selection(
        patterns=tuple(str(pattern) for pattern in params["patterns"]),
        excludes=tuple(str(pattern) for pattern in params["excludes"]),
        use_regex=params["use_regex"],
        file_type=params["file_type"],
        hidden=params["hidden"],
        ignore_temporary=params["ignore_temporary"],
        order_by=params["order_by"],
        time_format=given(params["time_format"]) or "",
        wall_clock=_wall_clock(params["time_zone"]),
        limit=params["limit"],
        min_age_seconds=optional_duration(params, "min_age"),
        max_age_seconds=optional_duration(params, "max_age"),
        min_size_bytes=_units.size(params["min_size"], option="min_size"),
        max_size_bytes=optional_size(params, "max_size"),
        shrink_limit=optional_share(params, "shrink_limit"),
        future=params["future"],
        future_tolerance_seconds=_units.duration(params["future_tolerance"], option="future_tolerance"),
        fresh_within_seconds=optional_duration(params, "fresh_within"),
        when_none=params["when_none"],
    )


def read_stable_seconds(params: Params) -> _units.Number | None:
    """Return the seconds during which a selected file must not change, or None for no such check."""
    return optional_duration(params, "stable_for")


def _wall_clock(zone: str) -> WallClock:
    """Return the rule that converts times in names; ``zone`` is ``utc``, an offset, ``local`` or a zone's name."""
    fixed = fixed_wall_clock(str(zone))
    if fixed is not None:
        return fixed
    if zone == "local":
        return lambda wall: time.mktime(wall.timetuple())
    try:
        return in_zone(zoneinfo.ZoneInfo(str(zone)))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise invalid("time_zone", zone, "'utc', 'local', an offset such as '+02:00' or a known zone") from exc
