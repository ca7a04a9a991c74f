# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, sizes, shares and times as text."""

from __future__ import annotations

import math
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils import _units
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("36h", 129600),
        ("2d", 172800),
        ("90s", 90),
        ("15m", 900),
        ("1w 2d", 777600),
        ("1w2d", 777600),
        ("1h 30m", 5400),
        (" 5 M ", 300),
        ("0", 0),
        ("12", 12),
        ("1.5h", 5400),
        ("0.5", 0.5),
        (7, 7),
        (2.5, 2.5),
        (3.0, 3),
        (1e-3, 0.001),
    ],
)
def test_a_duration_is_read(text: str | float, seconds: float) -> None:
    result = _units.duration(text, option="min_age")
    assert result == seconds
    assert result.__class__ is (int if float(seconds).is_integer() else float)


@pytest.mark.parametrize("bad", ["", " ", "h", "1x", "1 2", "1 2d", "1d 2", "-1d", -1, "1..5", "1,5h", "1e3", "٣h"])
def test_an_invalid_duration_is_refused(bad: str | float) -> None:
    with pytest.raises(InputError, match="min_age") as caught:
        _units.duration(bad, option="min_age")
    assert caught.value.code == "invalid_input"
    assert "36h" in caught.value.remedy
    assert caught.value.details["option"] == "min_age"


ODD_VALUES: list[t.Any] = [True, None, [], math.nan, math.inf, 10**5000, "9" * 65, 1e300]


@pytest.mark.parametrize("odd", ODD_VALUES, ids=lambda value: type(value).__name__)
def test_odd_values_are_refused_by_all_with_a_short_message(odd: t.Any) -> None:
    for parse in (_units.duration, _units.size, _units.share):
        with pytest.raises(InputError) as caught:
            parse(odd, option="x")
        assert len(caught.value.cause) < 120


def test_a_negative_duration_may_be_allowed() -> None:
    assert _units.duration("-1d 1h", option="offset", allow_negative=True) == -90000
    assert _units.duration(-2.5, option="offset", allow_negative=True) == -2.5
    assert _units.duration("- 5m", option="offset", allow_negative=True) == -300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10MiB", 10 * 1024**2),
        ("1G", 1024**3),
        ("500k", 500 * 1024),
        ("1.5GB", 1_500_000_000),
        ("2kB", 2000),
        ("2KiB", 2048),
        ("3 MB", 3_000_000),
        ("1t", 1024**4),
        ("1TB", 10**12),
        ("1PiB", 1024**5),
        ("7B", 7),
        ("0", 0),
        (1024, 1024),
        ("0.1k", 102),
        (1e6, 1_000_000),
    ],
)
def test_a_size_is_read(text: str | float, expected: int) -> None:
    result = _units.size(text, option="min_size")
    assert result == expected
    assert result.__class__ is int


@pytest.mark.parametrize("bad", ["", "-1", -5, "1G 2M", "1kk", "MiB", "10 Mi", "ten", "1s"])
def test_an_invalid_size_is_refused(bad: str | float) -> None:
    with pytest.raises(InputError, match="min_size") as caught:
        _units.size(bad, option="min_size")
    assert caught.value.code == "invalid_input"
    assert "10MiB" in caught.value.remedy


@pytest.mark.parametrize(("text", "expected"), [("50%", 0.5), (0.25, 0.25), ("0", 0.0), (1, 1.0), ("12.5 %", 0.125)])
def test_a_share_is_read(text: str | float, expected: float) -> None:
    assert _units.share(text, option="shrink_limit") == expected


@pytest.mark.parametrize("bad", ["101%", 1.1, "-1%", "%", "half", "50%%"])
def test_an_invalid_share_is_refused(bad: str | float) -> None:
    with pytest.raises(InputError, match="shrink_limit"):
        _units.share(bad, option="shrink_limit")


def test_a_subclass_of_str_becomes_plain_in_the_error() -> None:
    class Tagged(str):
        def __repr__(self) -> str:
            return "tagged"

    with pytest.raises(InputError) as caught:
        _units.size(Tagged("many"), option="min_size")
    assert caught.value.details["value"].__class__ is str
    assert "'many'" in caught.value.cause


@given(st.integers(0, 10**15))
def test_whole_numbers_are_equal_as_number_and_as_text(number: int) -> None:
    assert _units.duration(number, option="x") == _units.duration(str(number), option="x") == number
    assert _units.size(number, option="x") == _units.size(f" {number} ", option="x") == number


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from("smhdw")), min_size=1, max_size=5))
def test_amounts_add_up_in_any_order(amounts: list[tuple[int, str]]) -> None:
    words = [f"{count}{unit}" for count, unit in amounts]
    expected = sum(_units.duration(word, option="x") for word in words)
    assert _units.duration(" ".join(words), option="x") == expected
    assert _units.duration("".join(reversed(words)), option="x") == expected


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for parse in (_units.duration, _units.size, _units.share):
        try:
            assert parse(text, option="x") >= 0
        except InputError as error:
            assert error.code == "invalid_input"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00Z"),
        (2**32, "2106-02-07T06:28:16Z"),
        (2**63, None),
        (-1, "1969-12-31T23:59:59Z"),
    ],
)
def test_times_as_utc_text(seconds: int | None, text: str | None) -> None:
    assert _units.utc_text(seconds) == text
