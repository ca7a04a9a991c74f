# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a task names to what it copies."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_set import (
    CopyRequest,
    file_set_of_file,
    file_set_of_list,
    file_set_of_tree,
    is_directory,
)
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import DESTINATION, MemoryFiles, MemoryServer


def copy_request(*sources: bytes, dest: bytes, may_create: bool = False) -> CopyRequest:
    return CopyRequest(sources, len(sources) > 1, dest, DESTINATION, RelayOptions(create_directories=may_create))


def files() -> MemoryFiles:
    server = MemoryServer(directories={b"/", b"/t", b"/t/b", b"/t/empty"})
    server.put(b"/t/a", b"abc")
    server.put(b"/t/b/c", b"abcd")
    return MemoryFiles(server)


@pytest.mark.parametrize(("path", "expected"), [(b"/t", True), (b"/t/", True), (b"/t/a", False), (b"/gone/", True)])
def test_a_directory_is_told_by_its_spelling_or_by_what_is_there(path: bytes, expected: bool) -> None:
    assert is_directory(files(), path, follow=False) is expected


def test_a_file_keeps_its_name_in_a_directory_and_its_directory_is_not_ours_to_make() -> None:
    file_set = file_set_of_file(copy_request(b"/t/a", dest=b"/out/"))
    assert (file_set.top, file_set.directories) == (b"/out", ())
    assert [job.destination.path for job in file_set.jobs] == [b"/out/a"]
    assert file_set.jobs[0].options.create_directories is False
    with pytest.raises(InputError):
        file_set_of_file(copy_request(b"/t/..", dest=b"/out/"))


def test_a_list_goes_into_one_directory() -> None:
    file_set = file_set_of_list(copy_request(b"/t/a", b"/t/b/c", dest=b"/out"))
    assert (file_set.top, file_set.directories, file_set.may_create) == (b"/out", (b"/out",), False)
    assert [(job.source, job.destination.path) for job in file_set.jobs] == [
        (b"/t/a", b"/out/a"),
        (b"/t/b/c", b"/out/c"),
    ]


@pytest.mark.parametrize(
    ("source", "base", "directories"),
    [
        (b"/t", b"/out/t", (b"/out", b"/out/t", b"/out/t/b", b"/out/t/empty")),
        (b"/t/", b"/out", (b"/out", b"/out/b", b"/out/empty")),
    ],
)
def test_a_tree_has_its_directories_first(source: bytes, base: bytes, directories: tuple[bytes, ...]) -> None:
    file_set = file_set_of_tree(files(), copy_request(source, dest=b"/out/", may_create=True))
    assert (file_set.top, file_set.directories, file_set.may_create) == (b"/out", directories, True)
    assert [(job.source, job.destination.path, job.size_bytes) for job in file_set.jobs] == [
        (b"/t/a", base + b"/a", 3),
        (b"/t/b/c", base + b"/b/c", 4),
    ]
