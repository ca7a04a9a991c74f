# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Matching host names with the first field of a known_hosts line."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.host_patterns import (
    lookup_names,
    matches,
    matches_pattern,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.ssh_wire import WireError


@pytest.mark.parametrize(
    ("host", "port", "alias", "names"),
    [
        ("Host.Example", 22, "", (b"host.example",)),
        ("Host.Example", 2222, "", (b"[host.example]:2222", b"host.example")),
        ("2001:DB8::1", 22, "", (b"2001:db8::1",)),
        ("2001:db8::1", 2222, "", (b"[2001:db8::1]:2222", b"2001:db8::1")),
        ("host", 2222, "Alias", (b"alias",)),
    ],
)
def test_lookup_names_of_a_server(host: str, port: int, alias: str, names: tuple[bytes, ...]) -> None:
    assert lookup_names(host, port, alias) == names


@pytest.mark.parametrize(
    ("hosts", "about"),
    [
        (b"host", True),
        (b"HOST", True),
        (b"other,host", True),
        (b"other", False),
        (b"h*t", True),
        (b"h??t", True),
        (b"h?t", False),
        (b"*", True),
        (b"*,!host", False),
        (b"!host,*", False),
        (b"!other", False),
        (b"!other,*", True),
        (b"!!host,*", True),
        (b"", False),
        (b",,host,", True),
        (b"[host]:22", False),
        (b"host," + b"x" * 1022, True),
        (b"host," + b"x" * 1023, False),
    ],
)
def test_a_comma_separated_list_matches_or_not(hosts: bytes, about: bool) -> None:
    assert matches(b"host", hosts) is about


@given(st.text("ab.", max_size=12), st.text("ab.*?", max_size=12))
def test_patterns_match_as_in_fnmatch(name: str, pattern: str) -> None:
    assert matches_pattern(name.encode(), pattern.encode()) is fnmatch.fnmatchcase(name, pattern)


def test_a_hostile_pattern_takes_no_exponential_time() -> None:
    assert not matches_pattern(b"a" * 255, b"*a" * 500 + b"b")


def _hashed(name: bytes, salt: bytes = b"s" * 20) -> bytes:
    digest = hmac.new(salt, name, hashlib.sha1).digest()
    return b"|1|" + base64.b64encode(salt) + b"|" + base64.b64encode(digest)


def test_a_hashed_name_matches_its_host_only() -> None:
    assert matches(b"[host]:2222", _hashed(b"[host]:2222"))
    assert not matches(b"host", _hashed(b"[host]:2222"))
    assert not matches(b"host", _hashed(b"host") + b",host")


@pytest.mark.parametrize(
    "hosts", [b"|", b"|1|", b"|2|" + _hashed(b"host")[3:], b"|1||x", _hashed(b"h", b"short"), b"|1|?|x"]
)
def test_a_broken_hash_is_an_error(hosts: bytes) -> None:
    with pytest.raises(WireError):
        matches(b"host", hosts)
