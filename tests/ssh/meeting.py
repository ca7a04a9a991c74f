# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints for the tests, and functions that connect and return the report or the error."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    ConnectionReport,
    Credentials,
    Endpoint,
    Timeouts,
    Trust,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.lab import Server

NO_FILES: tuple[str, ...] = ()
ErrorT = t.TypeVar("ErrorT", bound=BackhaulError)


def trusting(endpoint: Endpoint, **trust: t.Any) -> Endpoint:
    """Return the endpoint with another trust, and only the known-hosts files that are named here."""
    return replace(endpoint, trust=Trust(**{"known_hosts_files": NO_FILES, **trust}))


def with_credentials(endpoint: Endpoint, **credentials: t.Any) -> Endpoint:
    """Return the endpoint with other credentials for the same user, by default without the agent."""
    user = endpoint.credentials.user
    return replace(endpoint, credentials=Credentials(**{"user": user, "use_agent": False, **credentials}))


def within(endpoint: Endpoint, seconds: float, **timeouts: float) -> Endpoint:
    """Return the endpoint with another connect timeout."""
    return replace(endpoint, timeouts=Timeouts(connect_seconds=seconds, **timeouts))


def report_of(endpoint: Endpoint) -> ConnectionReport:
    """Connect, check that SFTP answers, and return the connection's report."""
    with connect(endpoint) as connection:
        with connection.file_system() as files:
            assert files.canonical(b".").startswith(b"/")
        return connection.report


def refusal(endpoint: Endpoint, kind: type[ErrorT], code: str) -> ErrorT:
    """Try to connect and return the error, which must have this class and code."""
    with pytest.raises(kind) as caught:
        report_of(endpoint)
    assert caught.value.code == code, caught.value
    return caught.value


def names(server: Server, marker: str = "") -> str:
    """Return the start of a known_hosts line for the server: marker, host and port."""
    return f"{marker} [{server.host}]:{server.port} ".lstrip()
