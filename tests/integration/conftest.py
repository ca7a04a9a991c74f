# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller and the servers that the tests of Ansible runs share."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Proxy, SharedLab

from .controller import Place, Site

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty inventory."""
    return Site(tmp_path)


@pytest.fixture
def source(site: Site, lab: SharedLab) -> Place:
    """A usual server with a shell, by its inventory name ``source``."""
    return site.add("source", lab.openssh())


@pytest.fixture
def store(site: Site, lab: SharedLab) -> Place:
    """A server with SFTP and nothing else, by its inventory name ``store``."""
    return site.add("store", lab.openssh(variant="internal"))


@pytest.fixture
def appliance(site: Site, lab: SharedLab) -> Place:
    """A server that takes passwords and hashes by the check-file extension, by its inventory name ``appliance``."""
    return site.add("appliance", lab.proftpd())


@pytest.fixture
def slow(site: Site, lab: SharedLab) -> t.Iterator[tuple[Place, Proxy]]:
    """A server with SFTP and nothing else behind a proxy that can misbehave, by its inventory name ``slow``."""
    with Proxy(lab.openssh(variant="internal")) as proxy:
        yield site.add_behind("slow", lab.openssh(variant="internal"), proxy), proxy
