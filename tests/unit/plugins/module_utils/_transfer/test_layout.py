# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination paths, computed from paths alone."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.layout import below, joined, places, tree_base


@pytest.mark.parametrize(
    ("source", "dest", "expected"),
    [
        (b"/a/dir", b"/x", b"/x/dir"),
        (b"/a/dir", b"/x/", b"/x/dir"),
        (b"/a/dir/", b"/x/", b"/x"),
        (b"/a/dir/.", b"/x", b"/x"),
        (b"/a/..", b"/x", b"/x"),
        (b"/", b"/x", b"/x"),
        (b"dir", b".", b"dir"),
        (b"dir/", b".", b"."),
    ],
)
def test_a_slash_at_the_end_means_the_content(source: bytes, dest: bytes, expected: bytes) -> None:
    assert tree_base(source, dest) == expected


@pytest.mark.parametrize(
    ("top", "path", "expected"),
    [(b"/a", b"/a/b/c", b"b/c"), (b"/a/", b"/a/b", b"b"), (b"/", b"/b", b"b"), (b".", b"b/c", b"b/c")],
)
def test_below_and_joined_are_opposites(top: bytes, path: bytes, expected: bytes) -> None:
    assert below(top, path) == expected
    assert joined(top, expected) == path


@pytest.mark.parametrize("path", [b"/ab", b"/a", b"b"])
def test_a_path_elsewhere_is_not_below(path: bytes) -> None:
    with pytest.raises(ValueError, match="not in the directory"):
        below(b"/a", path)


@pytest.mark.parametrize("relative", [b"..", b"a/../b", b"/a", b"a//b", b"", b"a/\0", b"a\\b", b"."])
def test_every_component_must_be_a_plain_name(relative: bytes) -> None:
    with pytest.raises(InputError) as caught:
        joined(b"/top", relative)
    assert caught.value.code == "unsafe_path"


def test_files_of_a_list_keep_their_names() -> None:
    assert places([b"/a/x", b"y", b"/b/z/"], b"/dest/") == [b"/dest/x", b"/dest/y", b"/dest/z"]


@pytest.mark.parametrize("sources", [[b"/a/x", b"/b/x"], [b"/a/x", b"/a/x"], [b"/"], [b"/a/.."]])
def test_files_of_a_list_need_names_of_their_own(sources: list[bytes]) -> None:
    with pytest.raises(InputError):
        places(sources, b"/dest")
