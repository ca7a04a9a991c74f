# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter as Ansible loads it; ``test_errors`` covers the escaped characters."""

from __future__ import annotations

from ansible_collections.backhaul.sftp.plugins.filter.printable import FilterModule


def test_text_becomes_one_line_of_printable_characters() -> None:
    printable = FilterModule().filters()["printable"]
    assert printable("db\nvault9: created\u2028\x9b31m\u202e \u00fc") == (
        "db\\nvault9: created\\u2028\\x9b31m\\u202e \u00fc"
    )
    assert printable("x" * 10_000) == "x" * 10_000
    assert printable(7) == "7"
