# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests between real servers, some of them from other suites."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.actors.forking_host import ForkingHost
from ansible_collections.backhaul.sftp.tests.faults.journey import Journey
from ansible_collections.backhaul.sftp.tests.integration.conftest import site
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.relay.conftest import Placed, placed, source
from ansible_collections.backhaul.sftp.tests.relay.scene import Place
from ansible_collections.backhaul.sftp.tests.ssh.conftest import workshop

__all__ = ["destination", "journey", "forking_host", "placed", "site", "source", "workshop"]


@pytest.fixture
def destination(placed: Placed, lab: SharedLab) -> Place:
    """A destination with SFTP and nothing else."""
    return placed(lab.openssh(variant="internal"))


@pytest.fixture
def journey(source: Place, destination: Place) -> Journey:
    """A relay whose source has a backup and whose destination has an older copy."""
    return Journey(source, destination)


@pytest.fixture(scope="session")
def forking_host(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[ForkingHost]:
    """Runs modules in processes of their own."""
    with ForkingHost(tmp_path_factory.mktemp("forking_host")) as made:
        yield made
