# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns, excludes, hidden and temporary names."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.name_rules import NameRules


def reason(rules: NameRules, name: bytes) -> str:
    refusal = rules.refusal(name)
    return refusal[0] if refusal else ""


def test_without_patterns_every_plain_name_is_accepted() -> None:
    assert reason(NameRules(), b"anything") == ""


@pytest.mark.parametrize(
    ("pattern", "name", "taken"),
    [
        ("*.tar", b"a.tar", True),
        ("*.tar", b"a.tar.part", False),
        ("*.tar", b"a.TAR", False),
        ("db-?.tar", b"db-1.tar", True),
        ("db-?.tar", "db-\u00fc.tar".encode(), True),
        ("db-?.tar", b"db-\xff.tar", True),
        ("db-[12].tar", b"db-2.tar", True),
        ("db-[!12].tar", b"db-2.tar", False),
        ("*", b"with\nnewline", True),
        ("a*z", b"a\n\x1bz", True),
        ("f\u00fcr*", "f\u00fcr-1".encode(), True),
    ],
)
def test_globs_match_the_whole_name_by_characters_and_case(pattern: str, name: bytes, taken: bool) -> None:
    assert (reason(NameRules(patterns=[pattern]), name) == "") is taken


@pytest.mark.parametrize(
    ("pattern", "name", "taken"),
    [
        (r"db-\d+\.tar", b"db-12.tar", True),
        (r"db-\d+\.tar", b"db-12.tar.gz", False),
        (r"db-\d+\.tar", b"olddb-12.tar", False),
        (r"db-\d+\.tar$", b"db-12.tar\n", False),
        (r"a|ab", b"ab", True),
        (r"(?i)DB.*", b"db-1", True),
    ],
)
def test_expressions_match_the_whole_name(pattern: str, name: bytes, taken: bool) -> None:
    assert (reason(NameRules(patterns=[pattern], use_regex=True), name) == "") is taken


@pytest.mark.parametrize("option", ["patterns", "excludes"])
def test_a_broken_expression_names_the_option(option: str) -> None:
    with pytest.raises(InputError, match=option) as caught:
        NameRules(**{option: ["("]}, use_regex=True)  # type: ignore[arg-type]
    assert caught.value.code == "invalid_input"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a\\b.tar", "suspicious_name"),
        (b"x.sql", "not_matched"),
        (b".x.sql", "not_matched"),
        (b"old.tar", "excluded"),
        (b".tar~", "not_matched"),
        (b".hidden.tar", "hidden"),
        (b"a.tar", ""),
    ],
)
def test_each_refusal_has_its_code(name: bytes, expected: str) -> None:
    assert reason(NameRules(patterns=["*.tar", "*b.tar"], excludes=["old*"]), name) == expected


def test_temporary_comes_before_hidden_and_each_can_be_allowed() -> None:
    partial = b".backhaul-12345678-x.tar.part"
    assert reason(NameRules(), partial) == "temporary"
    assert reason(NameRules(ignore_temporary=False), partial) == "hidden"
    assert reason(NameRules(ignore_temporary=False, hidden=True), partial) == ""
    assert reason(NameRules(ignore_temporary=False), b"x.tar.part") == ""
    assert reason(NameRules(hidden=True), b".x.tar") == ""


@given(st.text("ab*?[]!-.", max_size=8), st.text("ab-.!", min_size=1, max_size=8))
@example("[?-.]", "a")
def test_globs_match_as_in_python(pattern: str, name: str) -> None:
    try:
        fnmatch.fnmatchcase(name, pattern)
    except re.error:  # Python 3.9 translates a reversed range to an invalid expression
        with pytest.raises(InputError, match="is not a glob"):
            NameRules(patterns=[pattern])
        return
    rules = NameRules(patterns=[pattern], hidden=True)
    if name not in (".", ".."):
        assert (reason(rules, name.encode()) == "") is fnmatch.fnmatchcase(name, pattern)


@pytest.mark.parametrize(("name", "reason"), [("x" * 255, None), ("x" * 256, "name_too_long"), ("\u00e9" * 255, None)])
def test_a_regular_expression_is_not_applied_to_a_name_that_is_too_long(name: str, reason: str | None) -> None:
    refusal = NameRules(patterns=(".*",), use_regex=True).refusal(name.encode())
    assert (refusal[0] if refusal else None) == reason


def test_globs_match_names_of_any_length() -> None:
    assert NameRules(patterns=("*",)).refusal(b"x" * 1000) is None
    assert NameRules(use_regex=True).refusal(b"x" * 1000) is None
