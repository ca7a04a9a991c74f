# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The valid and invalid values of a selection."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.model import Selection


def test_the_defaults_are_those_of_the_interface() -> None:
    selection = Selection()
    assert (selection.file_type, selection.order_by, selection.when_none) == ("file", "mtime", "fail")
    assert (selection.hidden, selection.ignore_temporary, selection.use_regex) == (False, True, False)
    assert (selection.min_size_bytes, selection.future, selection.future_tolerance_seconds) == (1, "refuse", 300)
    assert selection.name_time() is None


BAD_WISHES: list[tuple[str, dict[str, t.Any]]] = [
    ("file_type", {"file_type": "socket"}),
    ("order_by", {"order_by": "ctime"}),
    ("future", {"future": "ignore"}),
    ("when_none", {"when_none": "warn"}),
    ("limit", {"limit": 0}),
    ("shrink_limit", {"shrink_limit": 1.5}),
    ("shrink_limit", {"shrink_limit": -0.1}),
    ("min_age", {"min_age_seconds": 10, "max_age_seconds": 5}),
    ("min_size", {"min_size_bytes": 10, "max_size_bytes": 5}),
    ("patterns", {"patterns": ("(",), "use_regex": True}),
    ("excludes", {"excludes": ("[z-a]",), "use_regex": True}),
    ("time_format", {"order_by": "name_time"}),
    ("time_format", {"order_by": "name_time", "time_format": "%H"}),
]


@pytest.mark.parametrize(("option", "wish"), BAD_WISHES, ids=lambda value: repr(value)[:60])
def test_an_invalid_value_is_refused_with_its_option(option: str, wish: dict[str, t.Any]) -> None:
    with pytest.raises(InputError, match=option) as caught:
        Selection(**wish)
    assert caught.value.code == "invalid_input"
    assert caught.value.details["option"] == option


def test_a_time_format_that_is_not_used_is_not_checked() -> None:
    assert Selection(order_by="name", time_format="%Q").name_time() is None
