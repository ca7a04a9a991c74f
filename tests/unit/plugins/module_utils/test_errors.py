# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as data, and remote bytes made printable."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils import _errors
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, printable

CLASSES = [
    _errors.InputError,
    _errors.TrustError,
    _errors.LinkError,
    _errors.RemoteError,
    _errors.SelectionError,
    _errors.IntegrityError,
]
CODES = [(cls, code) for cls in CLASSES for code in sorted(cls.codes)]


@pytest.mark.parametrize(("cls", "code"), CODES)
def test_every_code_belongs_to_one_class_and_is_in_the_tree(cls: type[BackhaulError], code: str) -> None:
    assert [other for other in CLASSES if code in other.codes] == [cls]
    assert code in (_errors.__doc__ or "")
    assert cls(code, "cause").to_dict()["code"] == code


@pytest.mark.parametrize("cls", CLASSES)
def test_a_code_of_another_class_is_a_value_error(cls: type[BackhaulError]) -> None:
    with pytest.raises(ValueError, match="no code"):
        cls("no_such_code", "cause")


def test_only_the_network_is_retried() -> None:
    assert [cls for cls in CLASSES if cls.retryable] == [_errors.LinkError]


def test_the_first_line_is_the_cause_with_its_place_and_the_second_the_remedy() -> None:
    error = _errors.RemoteError(
        "not_found", "nothing there", remedy="look elsewhere", role="source", host="h", path=b"/a"
    )
    assert str(error) == error.message == "source h: nothing there\nlook elsewhere"
    assert error.to_fail_json()["msg"] == error.message
    assert str(_errors.RemoteError("not_found", "nothing there")) == "nothing there"


def test_the_location_is_set_once_and_never_changed() -> None:
    error = _errors.RemoteError("not_found", "no", role="source")
    assert error.with_location(role="destination", host="h", path=b"") is error
    error.with_location(role="x", host="other", path=b"/other")
    assert (error.role, error.host, error.path) == ("source", "h", b"")


def test_an_error_is_plain_json() -> None:
    error = _errors.LinkError("timed_out", "slow", path=b"/\xff", details={"attempts": 2})
    fields = json.loads(json.dumps(error.to_dict()))
    assert (fields["retryable"], fields["details"], fields["path"], fields["path_base64"]) == (
        True,
        {"attempts": 2},
        "/\\xff",
        "L/8=",
    )
    assert fields["role"] is None
    assert "path_base64" not in _errors.LinkError("timed_out", "slow", path=b"/a").to_dict()


def test_details_are_a_copy() -> None:
    details = {"a": 1}
    error = _errors.LinkError("timed_out", "slow", details=details)
    error.details["b"] = 2
    assert details == {"a": 1}


@pytest.mark.parametrize(
    ("remote", "text"),
    [
        (b"plain {{ x }} $(id)", "plain {{ x }} $(id)"),
        ("grün".encode(), "grün"),
        (b"\x1b[2J", "\\x1b[2J"),
        (b"a\r\n\0", "a\\r\\n\\x00"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egpj.exe".encode(), "\\u202egpj.exe"),
        ("\u2028".encode(), "\\u2028"),
        ("a\u0085b\u2029c".encode(), "a\\x85b\\u2029c"),
        ("\u009b31m\x7f".encode(), "\\x9b31m\\x7f"),
        ("a\u200bb\ufeffc\u2060d\u00ade".encode(), "a\\u200bb\\ufeffc\\u2060d\\xade"),
        ("a\ufe0fb\U000e0041c\U000e0100".encode(), "a\\ufe0fb\\U000e0041c\\U000e0100"),
        ("a\u3164b\u115fc\u2800d\u034fe".encode(), "a\\u3164b\\u115fc\\u2800d\\u034fe"),
        ("a\u00a0b\u3000c\u202fd".encode(), "a\\xa0b\\u3000c\\u202fd"),
        ("a\u200eb\u2066c\u061cd".encode(), "a\\u200eb\\u2066c\\u061cd"),
        ("\ue000\U0010ffff".encode(), "\\ue000\\U0010ffff"),
        (b"", ""),
    ],
)
def test_remote_bytes_are_made_printable(remote: bytes, text: str) -> None:
    assert printable(remote) == text


def test_text_is_shown_like_the_bytes_that_it_was_made_from() -> None:
    assert printable("a\nb\u202e\udcff\ud800") == "a\\nb\\u202e\\xff\\ud800"
    assert printable("x" * 20, limit=10) == "x" * 10 + "... (10 more characters)"


@given(st.text(max_size=300))
def test_any_text_becomes_printable_and_stays_so(remote: str) -> None:
    text = printable(remote)
    assert text.isprintable()
    assert printable(text) == text
    assert remote.isprintable() or text != remote


def test_remote_text_in_an_error_is_printable_in_every_form() -> None:
    forged = "db\nvault9: created\u2028\x9b31m\u202e"
    error = _errors.RemoteError(
        "remote_failure", forged, remedy=f"ask\n{forged}\u2028", details={"said": [forged, {forged: 1, "n": None}]}
    )
    error.details["more"] = forged
    inert = "db\\nvault9: created\\u2028\\x9b31m\\u202e"
    assert error.cause == inert
    assert error.message.split("\n") == [inert, "ask", "db", "vault9: created\\u2028\\x9b31m\\u202e\\u2028"]
    assert error.to_dict()["details"] == {"said": [inert, {inert: 1, "n": None}], "more": inert}


@pytest.mark.parametrize("path", ["/a\n", "/\u202e", "/\ufe0f", "/\u00a0"])
def test_the_exact_path_is_beside_one_that_is_shown_escaped(path: str) -> None:
    fields = _errors.RemoteError("not_found", "no", path=path.encode()).to_dict()
    assert base64.b64decode(str(fields["path_base64"])).decode() == path


@given(st.binary(max_size=300), st.integers(1, 300))
def test_any_bytes_become_printable_and_bounded(remote: bytes, limit: int) -> None:
    text = printable(remote, limit=limit)
    assert text.isprintable()
    assert len(text) <= 10 * limit + 40
    assert ("more bytes)" in text) or len(remote) <= limit


def test_a_long_text_is_cut_and_says_so() -> None:
    assert printable(b"x" * 1_000_000, limit=10) == "x" * 10 + "... (999990 more bytes)"
