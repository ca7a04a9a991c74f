# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data types of the SSH wire format."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.ssh_wire import (
    WireError,
    WireReader,
    decode_base64,
    wire_string,
)
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import wire_integer


@given(st.lists(st.binary(max_size=40)))
def test_strings_come_back_as_they_were_written(values: list[bytes]) -> None:
    reader = WireReader(b"".join(wire_string(value) for value in values))
    assert [reader.string() for _value in values] == values
    reader.end()


@given(st.integers(min_value=0, max_value=2**16383))
def test_integers_come_back_as_they_were_written(value: int) -> None:
    assert WireReader(wire_integer(value)).integer() == value


@given(st.binary(max_size=60))
def test_random_bytes_are_read_or_refused_and_nothing_else(blob: bytes) -> None:
    reader = WireReader(blob)
    try:
        while not reader.is_empty:
            reader.string()
    except WireError:
        return
    assert reader.position == len(blob)


def test_an_integer_may_have_surplus_zeros_but_no_sign() -> None:
    assert WireReader(wire_string(b"\0\0\x7f")).integer() == 127
    with pytest.raises(WireError, match="negative"):
        WireReader(wire_string(b"\x80")).integer()


def test_a_text_holds_no_nul_except_at_its_end() -> None:
    assert WireReader(wire_string(b"name\0")).text() == b"name"
    with pytest.raises(WireError, match="NUL"):
        WireReader(wire_string(b"na\0me")).text()


def test_surplus_bytes_are_counted() -> None:
    with pytest.raises(WireError, match="2 surplus bytes"):
        WireReader(b"ab").end()


@given(st.binary(max_size=60))
def test_base64_is_read_as_it_is_written(value: bytes) -> None:
    assert decode_base64(base64.b64encode(value)) == value
    assert decode_base64(base64.b64encode(value) + b"\r") == value


@pytest.mark.parametrize("text", [b"QQ", b"QQ=", b"QR==", b"QQ===", b"QQ==QQ==", b"Q-==", b"QUI", b"=", b"Q"])
def test_base64_in_any_other_form_is_refused(text: bytes) -> None:
    with pytest.raises(WireError):
        decode_base64(text)
