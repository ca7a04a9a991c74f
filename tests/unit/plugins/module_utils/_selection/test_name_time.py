# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times in file names."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.name_time import (
    NameTime,
    fixed_wall_clock,
    in_zone,
    utc,
)


def find(time_format: str, name: bytes) -> str | None:
    seconds = NameTime(time_format, wall_clock=utc).find(name)
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize(
    ("time_format", "name", "expected"),
    [
        ("%Y%m%d-%H%M%S", b"db-20260715-013059.tar.gz", "2026-07-15T01:30:59"),
        ("%Y-%m-%d_%H-%M", b"web_2026-07-15_23-05.tar", "2026-07-15T23:05:00"),
        ("%Y%m%d", b"20260715", "2026-07-15T00:00:00"),
        ("%d.%m.%y", b"dump 15.07.26.sql", "2026-07-15T00:00:00"),
        ("%d%b%Y", b"x-15JUL2026.dmp", "2026-07-15T00:00:00"),
        ("%d-%B-%Y", b"15-july-2026", "2026-07-15T00:00:00"),
        ("%Y%j", b"vol2026196", "2026-07-15T00:00:00"),
        ("%Y.%j", b"vol-2026.196", "2026-07-15T00:00:00"),
        ("%Y.%j", b"vol-2026.366", None),
        ("%Y.%j", b"vol-2028.366", "2028-12-31T00:00:00"),
        ("-%s.", b"pg-3-1784079000.dump", "2026-07-15T01:30:00"),
        ("%s", b"pg-3-1784079000.dump", "2026-07-15T01:30:00"),
        ("%Y%m%dT%H%M%S%z", b"a-20260715T033000+0200.tar", "2026-07-15T01:30:00"),
        ("%Y%m%dT%H%M%S%z", b"a-20260715T013000Z.tar", "2026-07-15T01:30:00"),
        ("%Y%m%dT%H%M%S%z", b"a-20260714T200000-05:30.tar", "2026-07-15T01:30:00"),
        ("%Y%m%d %H%M %Z", b"a-20260715 0130 UTC", "2026-07-15T01:30:00"),
        ("100%%-%Y", b"100%-2026", "2026-01-01T00:00:00"),
        ("%Y-%m", b"monthly-2026-07.tar", "2026-07-01T00:00:00"),
        ("(%Y)[%m]", b"x(2026)[07]", "2026-07-01T00:00:00"),
        ("f\u00fcr-%Y", "f\u00fcr-2026".encode(), "2026-01-01T00:00:00"),
        ("%y", b"x69", "1969-01-01T00:00:00"),
        ("%y", b"x68", "2068-01-01T00:00:00"),
        ("%Y", b"\xff\xfe2026\n", "2026-01-01T00:00:00"),
    ],
)
def test_the_time_in_a_name(time_format: str, name: bytes, expected: str | None) -> None:
    assert find(time_format, name) == expected


@pytest.mark.parametrize(
    "name",
    [b"", b"backup.tar", b"2026-7-5", b"2026-13-01", b"2026-02-30", b"0000-01-01", b"12026-07-15", b"2026-07-151"],
)
def test_a_name_without_a_time(name: bytes) -> None:
    assert find("%Y-%m-%d", name) is None


def test_digits_of_other_scripts_are_no_time() -> None:
    assert find("%Y", "\u0662\u0660\u0662\u0666".encode()) is None


def test_an_invalid_time_does_not_hide_a_later_valid_one() -> None:
    assert find("%Y%m%d", b"20260230-20260715.tar") == "2026-07-15T00:00:00"
    assert find("%Y%m%d", b"job12345678-20260715.tar") == "2026-07-15T00:00:00"
    assert find("%d-%m-%Y", b"31-31-12-2026") == "2026-12-31T00:00:00"
    assert find("%d-%m-%y", b"30-02-03-26") == "2026-03-02T00:00:00"


def test_the_leftmost_time_is_used_unless_text_in_the_format_selects_another() -> None:
    assert find("%Y%m%d", b"20260101_to_20260715") == "2026-01-01T00:00:00"
    assert find("to_%Y%m%d", b"20260101_to_20260715") == "2026-07-15T00:00:00"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "none of"),
        ("backup", "none of"),
        ("%H%M", "needs"),
        ("%Y-%d", "%d needs"),
        ("%Y%m%d%M", "%M needs %H"),
        ("%Y%m%d%S", "%S needs %M"),
        ("%Y-%H", "%H needs"),
        ("%Y%m%d%z", "%z needs"),
        ("%Y%y", "same thing"),
        ("%Y%s", "same thing"),
        ("%Y%j%d", "same thing"),
        ("%Y%m%b", "same thing"),
        ("%Y%m%d%d", "same thing"),
        ("%Y%m%d%H%H", "same thing"),
        ("%Y%m%d%H%M%M", "comes twice"),
        ("%Y%Q", "'%Q' is not supported"),
        ("%Y%", "not supported"),
        ("%Y%\n", "not supported"),
        ("%c", "'%c' is not supported"),
    ],
)
def test_a_format_that_does_not_define_a_time_is_refused(bad: str, why: str) -> None:
    with pytest.raises(InputError, match=re.escape(why)) as caught:
        NameTime(bad, wall_clock=utc, option="time_format")
    assert caught.value.code == "invalid_input"
    assert caught.value.details["option"] == "time_format"
    assert "%Y" in caught.value.remedy
    assert "\n" not in caught.value.cause


class CentralEurope(datetime.tzinfo):
    """A zone with summer time from April to September; an hour that occurs twice in October is the first (PEP 495)."""

    def utcoffset(self, dt: datetime.datetime | None) -> datetime.timedelta:
        summer = dt is not None and (4 <= dt.month <= 9 or (dt.month == 10 and not dt.fold))
        return datetime.timedelta(hours=2 if summer else 1)

    def dst(self, dt: datetime.datetime | None) -> datetime.timedelta:
        return self.utcoffset(dt) - datetime.timedelta(hours=1)

    def tzname(self, dt: datetime.datetime | None) -> str:
        return "CET"


def test_the_wall_clock_is_in_the_zone_that_was_stated() -> None:
    zone = NameTime("%Y%m%d%H", wall_clock=in_zone(CentralEurope()))
    fixed = fixed_wall_clock("-03:30")
    assert fixed is not None
    assert zone.find(b"2026071502") == 1784073600
    assert zone.find(b"2026011501") == 1768435200
    assert zone.find(b"2026102502") == 1792886400
    assert NameTime("%Y%m%d%H", wall_clock=fixed).find(b"2026071421") == 1784079000 - 3600


@pytest.mark.parametrize("text", ["utc", "UTC", "Z", "gmt", "+00:00", "-0000"])
def test_utc_has_several_names(text: str) -> None:
    rule = fixed_wall_clock(text)
    assert rule is not None
    assert rule(datetime.datetime(2026, 7, 15)) == 1784073600


@pytest.mark.parametrize("text", ["", "local", "Europe/Berlin", "+2", "+25:00", "+02:60", "+02:00x", "\u0661\u0661:00"])
def test_other_zones_are_left_to_the_caller(text: str) -> None:
    assert fixed_wall_clock(text) is None


def test_a_clock_that_raises_gives_no_time() -> None:
    def refuses(wall: datetime.datetime) -> float:
        raise OverflowError("out of range for platform time_t")

    assert NameTime("%Y", wall_clock=refuses).find(b"2026") is None
    assert NameTime("%Y%m%d%H%z", wall_clock=utc).find(b"0001010100+2359") is not None


moments = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(9999, 12, 30)).map(
    lambda m: m.replace(microsecond=0)
)
affixes = st.binary(max_size=20).filter(lambda raw: not re.search(rb"[0-9]", raw))
# %b and %B are left out: those of the platform depend on the locale.
formats = st.sampled_from(
    ["%Y%m%d%H%M%S", "%Y-%m-%d_%H.%M.%S", "%H-%M-%S_%d-%m-%Y", "%Y.%j-%H%M%S", "a%Y%m%d-%H:%M:%S%%b"]
)


@given(moments, affixes, affixes, formats, st.integers(-23 * 60, 23 * 60))
def test_a_time_from_strftime_is_found(
    moment: datetime.datetime, before: bytes, after: bytes, time_format: str, offset: int
) -> None:
    zone = datetime.timezone(datetime.timedelta(minutes=offset))
    # strftime does not pad the year on every platform, but these years have four digits.
    name = before + moment.strftime(time_format).encode() + after
    assert NameTime(time_format, wall_clock=in_zone(zone)).find(name) == moment.replace(tzinfo=zone).timestamp()


@given(st.integers(10**8, 10**11 - 1), affixes, affixes)
def test_seconds_since_1970_are_found(seconds: int, before: bytes, after: bytes) -> None:
    assert NameTime("%s", wall_clock=utc).find(before + b"%d" % seconds + after) == seconds


@given(st.binary(max_size=300), st.text("%YymdjHMSbBszZ-_ab", max_size=12))
def test_any_name_under_any_format_gives_a_time_or_none(name: bytes, time_format: str) -> None:
    try:
        compiled = NameTime(time_format, wall_clock=utc)
    except InputError:
        return
    assert compiled.find(name) is None or isinstance(compiled.find(name), int)
