# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not asked for every one of many files."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, Space
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.known_facts import SMALL_FILE_BYTES, KnownFacts

END = Endpoint(role="destination", host="h")
GIB = 1024**3


@pytest.mark.parametrize(
    ("facts", "size", "expected"),
    [
        (KnownFacts(many_files=True), SMALL_FILE_BYTES, True),
        (KnownFacts(many_files=True), SMALL_FILE_BYTES + 1, False),
        (KnownFacts(many_files=True, verify="server"), 1, False),
        (KnownFacts(), 1, False),
    ],
)
def test_no_command_is_started_for_one_of_many_small_files(facts: KnownFacts, size: int, expected: bool) -> None:
    assert facts.without_command(size) is expected


def test_directories_are_known_for_their_endpoint_alone() -> None:
    facts = KnownFacts()
    facts.add_directories(END, [b"/d"])
    assert facts.has_directory(END, b"/d")
    assert not facts.has_directory(Endpoint(role="destination", host="other"), b"/d")


@pytest.mark.parametrize(
    ("free_bytes", "size", "times"), [(100 * GIB, 1, 1), (GIB // 2, 1, 3), (100 * GIB, SMALL_FILE_BYTES + 1, 3)]
)
def test_the_space_is_asked_for_again_where_there_is_little_or_much_is_needed(
    free_bytes: int, size: int, times: int
) -> None:
    asked: list[bytes] = []

    def ask(path: bytes) -> Space:
        asked.append(path)
        return Space(free_bytes, free_bytes)

    facts = KnownFacts(many_files=True)
    for _file in range(3):
        assert facts.space(END, b"/d", ask, size_bytes=size) == Space(free_bytes, free_bytes)
    assert len(asked) == times
