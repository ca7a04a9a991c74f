# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a modification time proves nothing."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.racy import is_racy, was_racy_when_read


@pytest.mark.parametrize(("mtime", "racy"), [(0, False), (97, False), (98, True), (100, True), (5000, True)])
def test_a_time_of_two_seconds_ago_or_later_is_racy(mtime: int, racy: bool) -> None:
    assert is_racy(mtime, looked_at=100) is racy


@pytest.mark.parametrize(
    ("before", "after", "racy"),
    [
        (50, 101, True),
        (50, 100, True),
        (50, 103, False),
        (100, 100, False),  # no read has changed the access time meanwhile
        (None, 101, True),
        (50, None, False),
    ],
)
def test_an_access_time_that_changed_is_the_clock_of_the_source(
    before: int | None, after: int | None, racy: bool
) -> None:
    assert was_racy_when_read(Attributes(atime=before, mtime=100), Attributes(atime=after, mtime=100)) is racy
