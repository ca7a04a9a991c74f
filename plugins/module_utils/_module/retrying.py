# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Retries of work at one endpoint that is not part of a copy."""

from __future__ import annotations

import typing as t

from .._errors import BackhaulError
from .._filesystem import ConnectionPool, FileSystem
from .._model import Endpoint
from .._retry import RetryPolicy, retry
from .file_reports import RUNTIME

_ResultT = t.TypeVar("_ResultT")


def retry_at(
    pool: ConnectionPool, endpoint: Endpoint, work: t.Callable[[FileSystem], _ResultT], *, retries: RetryPolicy
) -> _ResultT:
    """Run ``work`` with the file system of an endpoint; after a lost link run it again over a new connection."""

    def failed(error: BackhaulError) -> None:
        error.with_location(role=endpoint.role, host=endpoint.label)
        if error.breaks_link:
            pool.forget(endpoint)

    result, _retried = retry(
        lambda: work(pool.file_system(endpoint)),
        policy=retries,
        random=RUNTIME.random,
        sleep=RUNTIME.sleep,
        failed=failed,
    )
    return result
