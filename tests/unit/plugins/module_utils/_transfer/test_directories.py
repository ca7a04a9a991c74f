# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which directories are missing, and making them."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.directories import (
    is_directory,
    make_directory,
    missing_directories,
)
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer


def server() -> MemoryServer:
    made = MemoryServer(directories={b"/", b"/t", b"/t/b"})
    made.put(b"/t/a", b"abc")
    return made


def test_directories_are_made_from_the_outside_in_where_they_may_be() -> None:
    files = MemoryFiles(server())
    assert missing_directories(files, b"/t/b", may_create=False) == ()
    assert missing_directories(files, b"/t/x/y", may_create=True) == (b"/t/x", b"/t/x/y")
    with pytest.raises(BackhaulError) as caught:
        missing_directories(files, b"/t/x", may_create=False)
    assert caught.value.code == "not_found"


def test_a_root_that_is_not_there_is_not_searched_for_without_an_end() -> None:
    with pytest.raises(BackhaulError) as caught:
        missing_directories(MemoryFiles(MemoryServer(directories=set())), b"/t", may_create=True)
    assert caught.value.code == "not_found"


def test_a_directory_that_is_known_is_not_looked_at() -> None:
    made = server()
    assert missing_directories(
        MemoryFiles(made), b"/known/x", may_create=True, is_known=lambda path: path == b"/known"
    ) == (b"/known/x",)
    assert [path for _name, path in made.calls] == [b"/known/x"]


def test_something_else_in_the_place_of_a_directory_is_an_error() -> None:
    with pytest.raises(BackhaulError) as caught:
        is_directory(MemoryFiles(server()), b"/t/a")
    assert caught.value.code == "invalid_input"


def test_a_directory_that_another_process_made_meanwhile_counts() -> None:
    files = MemoryFiles(server())
    assert make_directory(files, b"/t/b") is False
    assert make_directory(files, b"/t/new") is True
    assert is_directory(files, b"/t/new")
