# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the options of a selection are read."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._options.selection import read_selection, selection_spec
from ansible_collections.backhaul.sftp.tests.unit.fakes.fragments import comparable, documented
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import parameters


def why(read: t.Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code in ("invalid_input", "unsafe_path")
    return caught.value.cause


def selection(**given: t.Any) -> t.Any:
    return read_selection(parameters(selection_spec(), **given))


def test_the_default_selection_is_the_newest_nonempty_file_without_future_times() -> None:
    read = selection()
    assert (read.order_by, read.min_size_bytes, read.future, read.future_tolerance_seconds, read.when_none) == (
        "mtime",
        1,
        "refuse",
        300,
        "fail",
    )


def test_durations_and_sizes_have_units() -> None:
    read = selection(
        min_age="90s", max_age="36h", min_size="10MiB", max_size="1G", fresh_within="2d", shrink_limit="50%"
    )
    assert (read.min_age_seconds, read.max_age_seconds, read.fresh_within_seconds) == (90, 36 * 3600, 2 * 86400)
    assert (read.min_size_bytes, read.shrink_limit) == (10 * 1024 * 1024, 0.5)


@pytest.mark.parametrize(
    "given",
    [
        {"min_age": "soon"},
        {"min_size": "big"},
        {"shrink_limit": "200%"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../etc/passwd"},
    ],
)
def test_the_error_for_an_invalid_value_names_its_option(given: dict[str, str]) -> None:
    assert next(iter(given)) in why(lambda: selection(**given))


@pytest.mark.parametrize("zone", ["utc", "local", "+02:00", "Europe/Berlin"])
def test_time_zones(zone: str) -> None:
    assert selection(time_zone=zone).wall_clock is not None


def test_the_fragment_documents_this_spec() -> None:
    assert comparable(selection_spec()) == documented("_selection")
