# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port: every implementation and every fake has the same methods."""

from __future__ import annotations

import inspect
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils import _filesystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local import filesystem as local
from ansible_collections.backhaul.sftp.plugins.module_utils._local import handles
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.filesystem import SftpFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.reader import SftpReader
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.writer import SftpWriter
from ansible_collections.backhaul.sftp.tests.unit.fakes import memory

PAIRS: list[tuple[type, type]] = [
    (_filesystem.FileSystem, implementation)
    for implementation in (SftpFileSystem, local.LocalFileSystem, memory.MemoryFiles)
]
PAIRS += [(_filesystem.Reader, each) for each in (SftpReader, handles.LocalReader, memory.MemoryReader)]
PAIRS += [(_filesystem.Writer, each) for each in (SftpWriter, handles.LocalWriter, memory.MemoryWriter)]


@pytest.mark.parametrize(("port", "implementation"), PAIRS)
def test_every_method_exists_with_the_same_parameters(port: type, implementation: type) -> None:
    methods = {name: method for name, method in vars(port).items() if inspect.isfunction(method) and name[0] != "_"}
    assert methods
    for name, method in methods.items():
        assert _shape(getattr(implementation, name)) == _shape(method), name


def _shape(method: t.Callable[..., t.Any]) -> list[tuple[str, t.Any, t.Any]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(method).parameters.values()]


@pytest.mark.parametrize("port", [_filesystem.FileSystem, _filesystem.Reader, _filesystem.Writer])
def test_every_method_of_the_port_says_what_it_promises(port: type) -> None:
    public = [method for name, method in vars(port).items() if inspect.isfunction(method) and name[0] != "_"]
    assert [method.__name__ for method in public if not method.__doc__] == []
