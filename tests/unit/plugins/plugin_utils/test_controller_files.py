# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on the controller. The integration tests cover the search for files."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.plugin_utils._controller_files import _with_slash_of


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [("a", "/b/a", "/b/a"), ("a/", "/b/a", "/b/a/"), ("a/", "/b/a/", "/b/a/"), ("/", "/", "/")],
)
def test_the_slash_at_the_end_is_kept(given: str, found: str, expected: str) -> None:
    assert _with_slash_of(given, found) == expected
