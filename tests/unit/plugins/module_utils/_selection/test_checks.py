# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the newest file."""

from __future__ import annotations

import json
import stat

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import SelectionError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, RemoteFile
from ansible_collections.backhaul.sftp.plugins.module_utils._selection import checks

REGULAR = stat.S_IFREG | 0o600
FILE = RemoteFile(b"/b/x.tar", Attributes(size=10, mode=REGULAR, mtime=1000))


def test_equal_attributes_are_no_error() -> None:
    again = Attributes(size=10, mode=stat.S_IFREG | 0o644, mtime=1000, atime=5)
    assert checks.unstable_error(FILE, again) is None


@pytest.mark.parametrize(
    ("second", "word"),
    [
        (Attributes(size=11, mode=REGULAR, mtime=1000), "size was 10 and is 11"),
        (Attributes(size=10, mode=REGULAR, mtime=1001), "mtime was 1000 and is 1001"),
        (Attributes(size=10, mode=stat.S_IFLNK | 0o777, mtime=1000), "kind was file and is link"),
        (Attributes(mode=REGULAR, mtime=1000), "size was 10 and is None"),
        (None, "gone"),
    ],
)
def test_a_file_whose_attributes_changed_is_incomplete(second: Attributes | None, word: str) -> None:
    error = checks.unstable_error(FILE, second)
    assert error is not None
    assert (error.code, error.path) == ("incomplete", b"/b/x.tar")
    assert word in error.cause


@pytest.mark.parametrize(
    ("examined", "counts", "reason"),
    [
        (0, {}, "empty"),
        (3, {"not_matched": 3}, "nothing_matched"),
        (3, {"not_matched": 1, "too_old": 2}, "all_too_old"),
        (3, {"hidden": 1, "not_a_file": 1, "too_small": 1}, "all_too_small"),
        (3, {"too_new": 1, "too_small": 2}, "mixed"),
        (2, {"temporary": 2}, "all_temporary"),
        (2, {"temporary": 1, "not_a_file": 1}, "mixed"),
    ],
)
def test_no_match_has_a_reason(examined: int, counts: dict[str, int], reason: str) -> None:
    error = checks.no_match(examined, counts)
    assert error.code == "no_match"
    assert error.details == {"reason": reason, "examined": examined, "skipped_counts": counts}
    assert all(name in error.cause for name in counts)


def test_every_error_is_plain_json_and_one_line_with_a_remedy() -> None:
    hostile = RemoteFile(b"/\x1b[2J\n\xff", Attributes())
    errors = [
        checks.no_match(0, {}),
        checks.listed_twice(hostile.path),
        checks.too_many_repeats(5),
        checks.attributes_missing(hostile, ("size", "mtime")),
        checks.unstable_error(hostile, None),
    ]
    for error in errors:
        assert isinstance(error, SelectionError)
        json.dumps(error.to_fail_json())
        assert error.remedy
        assert error.cause.isprintable()
