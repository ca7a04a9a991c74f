# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints for the tests, and what came of connecting to them."""

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
    """Return the endpoint with another trust, and no known-hosts files but those that are named here."""
    return replace(endpoint, trust=Trust(**{"known_hosts_files": NO_FILES, **trust}))


def with_credentials(endpoint: Endpoint, **credentials: t.Any) -> Endpoint:
    """Return the endpoint with other credentials for the same user; the agent is left out unless asked for."""
    user = endpoint.credentials.user
    return replace(endpoint, credentials=Credentials(**{"user": user, "use_agent": False, **credentials}))


def within(endpoint: Endpoint, seconds: float, **timeouts: float) -> Endpoint:
    """Return the endpoint with another time to connect."""
    return replace(endpoint, timeouts=Timeouts(connect_seconds=seconds, **timeouts))


def report_of(endpoint: Endpoint) -> ConnectionReport:
    """Connect, see that SFTP answers, and return how it went."""
    with connect(endpoint) as connection:
        with connection.file_system() as files:
            assert files.canonical(b".").startswith(b"/")
        return connection.report


def refusal(endpoint: Endpoint, kind: type[ErrorT], code: str) -> ErrorT:
    """Connect in vain and return the error, which must be of this kind and code."""
    with pytest.raises(kind) as caught:
        report_of(endpoint)
    assert caught.value.code == code, caught.value
    return caught.value


def names(server: Server, marker: str = "") -> str:
    """Return the beginning of a known_hosts line about the server."""
    return f"{marker} [{server.host}]:{server.port} ".lstrip()
