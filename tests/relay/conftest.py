# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources and destinations for relays."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, SharedLab

from .scene import Place

Placed = t.Callable[[Server], Place]


@pytest.fixture
def placed() -> t.Iterator[Placed]:
    """Make a folder on a server, reached through a proxy."""
    with contextlib.ExitStack() as stack:

        def make(server: Server) -> Place:
            folder = Path(tempfile.mkdtemp(prefix="relay-", dir=server.root))
            folder.chmod(0o755)
            os.chown(folder, server.root.stat().st_uid, server.root.stat().st_gid)
            return Place(server, stack.enter_context(Proxy(server)), folder)

        yield make


@pytest.fixture
def source(placed: Placed, lab: SharedLab) -> Place:
    """A source whose server has a shell and can hash files."""
    return placed(lab.openssh())


@pytest.fixture
def destination(placed: Placed, lab: SharedLab) -> Place:
    """A destination whose server has a shell."""
    return placed(lab.openssh())
