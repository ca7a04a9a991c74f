# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of single values."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._options.values import (
    Params,
    given,
    invalid,
    optional_duration,
    optional_share,
    optional_size,
)


@pytest.mark.parametrize(("value", "text"), [(None, None), ("", None), (" \n", None), (" a ", " a "), (0, "0")])
def test_a_blank_value_is_not_given(value: object, text: str | None) -> None:
    assert given(value) == text


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [(optional_duration, "2m", 120), (optional_size, "2KiB", 2048), (optional_share, "50%", 0.5)],
)
def test_an_amount_may_be_blank(read: t.Callable[[Params, str], object], text: str, value: float) -> None:
    assert [read({"option": given}, "option") for given in (None, " ", text)] == [None, None, value]
    with pytest.raises(InputError) as caught:
        read({"option": "much"}, "option")
    assert caught.value.details["option"] == "option"


def test_the_error_for_a_value_names_the_option_the_value_and_the_role() -> None:
    error = invalid("port", 0, "a number from 1 to 65535", "source")
    assert (error.code, error.role, error.details) == ("invalid_input", "source", {"option": "port"})
    assert error.cause == "port is 0, and must be a number from 1 to 65535"
