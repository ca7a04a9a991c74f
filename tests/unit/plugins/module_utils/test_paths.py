# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths in bytes."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils import _paths
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._names import suspicion

names = st.binary(min_size=1, max_size=40).filter(lambda name: not suspicion(name))
spellings = st.lists(st.sampled_from([b"/", b"a", b".", b"..", b"-b", b"\xff", b" "]), max_size=12).map(b"".join)


def test_text_becomes_bytes_and_comes_back() -> None:
    assert _paths.encode("/b\u00fc/x", option="path") == b"/b\xc3\xbc/x"
    assert _paths.encode("/\udcff", option="path") == b"/\xff"
    assert _paths.decode(b"/\xff\xc3\xbc") == "/\udcff\u00fc"


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
def test_every_path_is_equal_after_conversion_to_text_and_back(raw: bytes) -> None:
    assert _paths.encode(_paths.decode(raw), option="path") == raw


@pytest.mark.parametrize("bad", ["", "\0", "/a\0b", "/\ud800"])
def test_text_that_is_no_path_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="source path") as caught:
        _paths.encode(bad, option="source path")
    assert caught.value.code == "unsafe_path"


@pytest.mark.parametrize("bad", [b"", b".", b"..", b"a/b", b"../x", b"/etc/x", b"a\0", b"a\\b"])
def test_a_name_that_is_no_plain_component_is_never_joined(bad: bytes) -> None:
    with pytest.raises(InputError) as caught:
        _paths.join(b"/backups", bad)
    assert caught.value.code == "unsafe_path"
    with pytest.raises(InputError):
        _paths.destination_path(b"/backups/", bad)
    with pytest.raises(InputError):
        _paths.destination_path(b"/backups/fixed.tar", bad)


@pytest.mark.parametrize(
    ("directory", "joined"),
    [
        (b"/", b"/x"),
        (b"//", b"/x"),
        (b"/a", b"/a/x"),
        (b"/a//b/./", b"/a/b/x"),
        (b"a", b"a/x"),
        (b".", b"x"),
        (b"", b"x"),
        (b"..", b"../x"),
        (b"a/..", b"a/../x"),
    ],
)
def test_join(directory: bytes, joined: bytes) -> None:
    assert _paths.join(directory, b"x") == joined


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        (b"/a/b", (b"/a", b"b")),
        (b"/a", (b"/", b"a")),
        (b"a", (b".", b"a")),
        (b"a/b/", (b"a", b"b")),
        (b"/", (b"/", b"")),
        (b"", (b".", b".")),
        (b"../x", (b"..", b"x")),
    ],
)
def test_split(path: bytes, parts: tuple[bytes, bytes]) -> None:
    assert _paths.split(path) == parts


@given(spellings, names)
def test_what_was_joined_can_be_split(directory: bytes, name: bytes) -> None:
    joined = _paths.join(directory, name)
    assert _paths.split(joined) == (_paths.normalise(directory), name)
    assert _paths.join(*_paths.split(joined)) == joined


@given(spellings)
@example(b"//a")
def test_normalising_changes_the_spelling_and_not_the_meaning(path: bytes) -> None:
    clean = _paths.normalise(path)
    assert _paths.normalise(clean) == clean
    assert clean.startswith(b"/") == path.startswith(b"/")
    assert clean.split(b"/").count(b"..") == path.split(b"/").count(b"..")
    assert posixpath.normpath(clean).lstrip(b"/") == posixpath.normpath(path).lstrip(b"/")


def test_dot_dot_stays_because_of_symlinks() -> None:
    assert _paths.normalise(b"/a/link/../b") == b"/a/link/../b"


def test_a_trailing_slash_means_into_this_directory() -> None:
    assert _paths.destination_path(b"/backups/", b"x.tar") == b"/backups/x.tar"
    assert _paths.destination_path(b"/", b"x.tar") == b"/x.tar"
    assert _paths.destination_path(b"./", b"x.tar") == b"x.tar"
    assert _paths.destination_path(b"../", b"x.tar") == b"../x.tar"
    assert _paths.destination_path(b"/backups/y.tar", b"x.tar") == b"/backups/y.tar"
    assert _paths.destination_path(b"y.tar", b"x.tar") == b"y.tar"


@pytest.mark.parametrize("base", [b".", b"..", b"/a/..", b"/a/."])
def test_a_directory_without_its_slash_is_refused_with_the_remedy(base: bytes) -> None:
    with pytest.raises(InputError) as caught:
        _paths.destination_path(base, b"x.tar")
    assert caught.value.code == "unsafe_path"
    assert '"/"' in caught.value.remedy


@pytest.mark.parametrize("base", [b"", b"/a\0/", b"\0"])
def test_a_destination_that_is_no_path_is_refused(base: bytes) -> None:
    with pytest.raises(InputError):
        _paths.destination_path(base, b"x.tar")


@given(spellings.filter(bool), names)
def test_no_name_from_a_server_leads_out_of_the_directory(base: bytes, name: bytes) -> None:
    root = base + b"/"
    assert _paths.is_within(root, _paths.destination_path(root, name))


@pytest.mark.parametrize(
    ("root", "path", "inside"),
    [
        (b"/a", b"/a/b", True),
        (b"/a/", b"/a", True),
        (b"/a", b"/ab", False),
        (b"/a", b"/a/../b", False),
        (b"/a", b"/b", False),
        (b"/", b"/x/y", True),
        (b"/", b"x", False),
        (b".", b"x/y", True),
        (b".", b"../x", False),
        (b".", b"/x", False),
        (b"..", b"../x", True),
        (b"..", b"../../x", False),
    ],
)
def test_is_within(root: bytes, path: bytes, inside: bool) -> None:
    assert _paths.is_within(root, path) is inside


def test_messages_escape_hostile_names() -> None:
    with pytest.raises(InputError) as caught:
        _paths.require_safe_name(b"\x1b[2J/", what="name")
    assert "\x1b" not in caught.value.message
