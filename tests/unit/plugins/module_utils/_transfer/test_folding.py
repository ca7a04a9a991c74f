# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that some servers do not distinguish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.folding import first_difference, folded, namesakes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"/a/Db.gz", b"/a/dB.gz"),
        (b"/A/db", b"/a/db"),
        (b"/a/db.", b"/a/db"),
        (b"/a/db. .", b"/a/db"),
        (b"/a /db", b"/a/db"),
        ("caf\u00e9".encode(), "CAFE\u0301".encode()),
        ("stra\u00dfe".encode(), b"STRASSE"),
        (b"a//b/", b"A/./B"),
    ],
)
def test_names_that_a_server_may_not_distinguish_fold_to_the_same(one: bytes, other: bytes) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [(b"a", b"b"), (b"a/b", b"ab"), (b"a.b", b"ab"), (b"\xff", b"\xfe")])
def test_different_names_stay_different(one: bytes, other: bytes) -> None:
    assert folded(one) != folded(other)


@given(st.binary())
def test_any_bytes_are_folded_and_stay_as_they_are_then(path: bytes) -> None:
    again = folded(path).encode("utf-8", "surrogateescape")
    assert folded(again) == folded(path)


def test_namesakes_are_found_in_groups_and_what_comes_twice_is_none() -> None:
    assert namesakes([b"a", b"B", b"A", b"c", b"b", b"a", b"./a"]) == [[b"a", b"A"], [b"B", b"b"]]
    assert namesakes([b"a", b"a"]) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (b"/in/Db", b"/in/dB", (b"/in", b"Db", b"dB")),
        (b"/Db", b"/dB", (b"/", b"Db", b"dB")),
        (b"Db", b"dB", (b".", b"Db", b"dB")),
        (b"/in/A/x/f", b"/in/a/x/f", (b"/in", b"A", b"a")),
    ],
)
def test_the_first_difference_of_two_paths(one: bytes, other: bytes, expected: tuple[bytes, bytes, bytes]) -> None:
    assert first_difference(one, other) == expected
