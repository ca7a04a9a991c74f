# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the conformance suite for the ``FileSystem`` port."""

from __future__ import annotations

import contextlib
import itertools
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.confined import ConfinedFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import open_file_system
from ansible_collections.backhaul.sftp.tests.contract.subjects import CASES, Case, Subject, endpoint_of
from ansible_collections.backhaul.sftp.tests.full import FULL
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab

_HERE = Path(__file__).parent
_folder_numbers = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests in this folder; only those of the local file system need no servers."""
    for item in items:
        if _HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.contract)
        if "local" not in getattr(getattr(item, "callspec", None), "id", "").split("-"):
            item.add_marker(pytest.mark.integration)


class _Connections:
    """Keeps one open file system for each case, until it fails."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[FileSystem, contextlib.ExitStack]] = {}

    def get(self, case: Case, server: Server | None) -> FileSystem:
        if server is None:
            return LocalFileSystem()
        if case.name not in self._open:
            closing = contextlib.ExitStack()
            self._open[case.name] = (closing.enter_context(open_file_system(endpoint_of(server))), closing)
        return self._open[case.name][0]

    def check(self, case: Case) -> None:
        """Close a connection that a failed test has left unusable, so that it fails only one test."""
        if case.name in self._open:
            try:
                self._open[case.name][0].canonical(b"/")
            except Exception:  # noqa: BLE001  (any exception means that the connection is broken)
                self._drop(case.name)

    def close(self) -> None:
        for name in list(self._open):
            self._drop(name)

    def _drop(self, name: str) -> None:
        with contextlib.suppress(Exception):
            self._open.pop(name)[1].close()


@pytest.fixture(scope="session")
def connections() -> t.Iterator[_Connections]:
    """Yield the connections that the tests share."""
    shared = _Connections()
    yield shared
    shared.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test with the file systems of its fixture, and only those variants that can differ in its area."""
    area = metafunc.module.__name__.rpartition("test_")[2]
    for fixture, fits in _FITTING.items():
        if fixture in metafunc.fixturenames:
            cases = [case for case in CASES if fits(case) and (FULL or case.differs_in(area))]
            metafunc.parametrize(fixture, cases, ids=[case.name for case in cases], indirect=True)


_FITTING: dict[str, t.Callable[[Case], bool]] = {
    "subject": lambda case: True,
    "plain_subject": lambda case: case.is_plain,
    "following_subject": lambda case: not case.is_confined,
}


@pytest.fixture
def subject(
    request: pytest.FixtureRequest, lab: SharedLab, connections: _Connections, tmp_path: Path
) -> t.Iterator[Subject]:
    """Yield each file system, with an empty folder for the test."""
    yield from _subject(request.param, lab, connections, tmp_path)


@pytest.fixture
def plain_subject(
    request: pytest.FixtureRequest, lab: SharedLab, connections: _Connections, tmp_path: Path
) -> t.Iterator[Subject]:
    """Yield one file system of each program, for behaviour that no configuration of a server changes."""
    yield from _subject(request.param, lab, connections, tmp_path)


@pytest.fixture
def following_subject(
    request: pytest.FixtureRequest, lab: SharedLab, connections: _Connections, tmp_path: Path
) -> t.Iterator[Subject]:
    """Yield each file system that follows links on request."""
    yield from _subject(request.param, lab, connections, tmp_path)


def _subject(case: Case, lab: SharedLab, connections: _Connections, tmp_path: Path) -> t.Iterator[Subject]:
    server = case.start(lab) if case.start else None
    root = server.root if server else tmp_path
    folder = root / f"test-{next(_folder_numbers)}"
    folder.mkdir()
    os.chown(folder, root.stat().st_uid, root.stat().st_gid)
    visible = server.remote_bytes(folder) if server else os.fsencode(folder)
    files = ConfinedFileSystem(visible) if case.is_confined else connections.get(case, server)
    yield Subject(case, files, folder, visible)
    connections.check(case)
