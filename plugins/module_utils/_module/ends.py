# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The ends of a task: each endpoint becomes a file system, once, however often it is asked for."""

from __future__ import annotations

import contextlib
import typing as t

from .._filesystem import FileSystem
from .._local.filesystem import LocalFileSystem
from .._model import ConnectionReport, Endpoint
from .._ssh.connect import connect


class Ends:
    """Open file systems by endpoint and keep them until the task ends; a context manager.

    After a lost link, ``forget`` closes one end, so that asking again connects anew. ``reports`` are those of every
    connection that was made.
    """

    def __init__(self, reports: list[ConnectionReport] | None = None) -> None:
        self._open: dict[Endpoint, tuple[FileSystem, contextlib.ExitStack]] = {}
        self.reports = [] if reports is None else reports

    def __enter__(self) -> Ends:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for endpoint in list(self._open):
            self.forget(endpoint)

    def file_system(self, endpoint: Endpoint) -> FileSystem:
        """Return the file system of an endpoint, connecting if that is not done yet."""
        if endpoint not in self._open:
            with contextlib.ExitStack() as undo:
                files = undo.enter_context(self._opened(endpoint))
                self._open[endpoint] = (files, undo.pop_all())
        return self._open[endpoint][0]

    def forget(self, endpoint: Endpoint) -> None:
        """Close an endpoint's connection, if there is one; never raises."""
        _files, closing = self._open.pop(endpoint, (None, contextlib.ExitStack()))
        with contextlib.suppress(Exception):
            closing.close()

    @contextlib.contextmanager
    def _opened(self, endpoint: Endpoint) -> t.Iterator[FileSystem]:
        if endpoint.local:
            yield LocalFileSystem()
            return
        with connect(endpoint) as connection:
            self.reports.append(connection.report)
            with connection.file_system() as files:
                yield files


@contextlib.contextmanager
def open_file_system(endpoint: Endpoint) -> t.Iterator[FileSystem]:
    """Open one endpoint for as long as the block runs."""
    with Ends() as ends:
        yield ends.file_system(endpoint)
