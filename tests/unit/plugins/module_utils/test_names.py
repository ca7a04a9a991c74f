# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Base names: safe, temporary, made by this collection."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils import _names

base_names = st.binary(min_size=1, max_size=300).filter(lambda name: not _names.suspicion(name))
text_names = st.text(min_size=1, max_size=120).map(lambda text: text.encode("utf-8", "ignore")).filter(bool)
tokens = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=64)


@pytest.mark.parametrize("bad", [b"", b".", b"..", b"/", b"../x", b"a/b", b"/etc/x", b"a\0b", b"\0", b"a\\b"])
def test_names_that_could_choose_another_directory_are_suspicious(bad: bytes) -> None:
    assert _names.suspicion(bad)


@pytest.mark.parametrize(
    "good",
    [b"...", b".x", b"-rf", b"~", b"a b", b"a\nb", b"\x1b[2J", b"*?[", b"$(id)", b"\xff\xfe", b"x" * 255, b"{{ a }}"],
)
def test_unusual_names_are_not_suspicious(good: bytes) -> None:
    assert _names.suspicion(good) == ""


@pytest.mark.parametrize("name", [b"x.part", b"x.TMP", b"x.tar.filepart", b"notes~", b".backhaul-lock", b".part"])
def test_names_of_unfinished_files_are_temporary(name: bytes) -> None:
    assert _names.is_temporary(name)


@pytest.mark.parametrize("name", [b"x.tar", b"part", b"tmp", b"x.part.tar", b"backhaul-x", b"x.backhaul-"])
def test_finished_files_are_not_temporary(name: bytes) -> None:
    assert not _names.is_temporary(name)


def test_a_temporary_name_can_be_parsed() -> None:
    name = _names.temporary_name(b"db.tar", "0123abcd")
    assert name == b".backhaul-0123abcd-db.tar.part"
    assert _names.parse_temporary_name(name) == _names.TemporaryName("0123abcd", b"db.tar", is_cut=False)


@given(st.one_of(base_names, text_names.filter(lambda name: not _names.suspicion(name))), tokens)
@example(b"x" * 255, "a" * 64)
@example(b"\x80" * 300, "a" * 8)
@example(b"x" * 225, "a" * 8)
def test_temporary_names_are_valid_and_belong_to_their_file(final: bytes, token: str) -> None:
    name = _names.temporary_name(final, token)
    assert len(name) <= 255
    assert _names.suspicion(name) == ""
    assert _names.is_own_name(name)
    assert _names.is_temporary(name)
    assert _names.is_temporary_for(name, final)
    parsed = _names.parse_temporary_name(name)
    assert parsed is not None
    assert parsed.token == token
    assert final.startswith(parsed.final_name) if parsed.is_cut else final == parsed.final_name


@given(st.text(st.characters(min_codepoint=0x80, exclude_categories=["Cs"]), min_size=60, max_size=255), tokens)
def test_a_name_in_utf_8_stays_utf_8_when_it_is_cut(text: str, token: str) -> None:
    _names.temporary_name(text.encode(), token).decode("utf-8")


@given(base_names, base_names, tokens)
def test_different_names_never_share_a_temporary_name(one: bytes, other: bytes, token: str) -> None:
    same = _names.temporary_name(one, token) == _names.temporary_name(other, token)
    assert same == (one == other)


def test_long_names_that_differ_only_at_the_end_stay_apart() -> None:
    one, other = b"x" * 250 + b"1", b"x" * 250 + b"2"
    assert _names.temporary_name(one, "a" * 8) != _names.temporary_name(other, "a" * 8)
    assert not _names.is_temporary_for(_names.temporary_name(one, "a" * 8), other)


@pytest.mark.parametrize(
    "token", ["", "short", "UPPERCASE", "a" * 65, "has-dash-x", "newline0\n", "../../..", "\u0661" * 8]
)
def test_an_invalid_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        _names.temporary_name(b"x", token)


@pytest.mark.parametrize(
    "name",
    [b"x", b".backhaul-", b".backhaul-12345678-.part", b".backhaul-1234567-x.part", b".backhaul-12345678-x",
     b".backhaul-12345678-x.part\n", b".backhaul-12345678-" + b"x" * 250 + b".part"],
)  # fmt: skip
def test_other_names_are_not_parsed(name: bytes) -> None:
    assert _names.parse_temporary_name(name) is None
    assert not _names.is_temporary_for(name, b"x")


@given(st.lists(st.binary(max_size=4), max_size=60))
def test_repeated_names_are_detected(listed: list[bytes]) -> None:
    seen = _names.SeenNames()
    assert [seen.seen_before(name) for name in listed] == [name in listed[:index] for index, name in enumerate(listed)]


def test_the_number_of_stored_names_is_bounded() -> None:
    seen = _names.SeenNames(limit=3)
    assert not any(seen.seen_before(b"%d" % number) for number in range(10))
    assert [seen.seen_before(b"%d" % number) for number in range(5)] == [True, True, True, False, False]


@given(st.binary())
def test_text_for_matching_keeps_every_byte(name: bytes) -> None:
    assert _names.as_text(name).encode("utf-8", "surrogateescape") == name
