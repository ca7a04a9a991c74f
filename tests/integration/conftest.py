# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests with Ansible: the controller and the servers."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Proxy, SharedLab

from .controller import Place, Site

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty inventory."""
    return Site(tmp_path)


@pytest.fixture
def source(site: Site, lab: SharedLab) -> Place:
    """A server with a shell; its inventory name is ``source``."""
    return site.add("source", lab.openssh())


@pytest.fixture
def store(site: Site, lab: SharedLab) -> Place:
    """A server without a shell; its inventory name is ``store``."""
    return site.add("store", lab.openssh(variant="internal"))


@pytest.fixture
def appliance(site: Site, lab: SharedLab) -> Place:
    """A server with passwords and the check-file extension; its inventory name is ``appliance``."""
    return site.add("appliance", lab.proftpd())


@pytest.fixture
def slow(site: Site, lab: SharedLab) -> t.Iterator[tuple[Place, Proxy]]:
    """A server without a shell behind a proxy with faults; its inventory name is ``slow``."""
    with Proxy(lab.openssh(variant="internal")) as proxy:
        yield site.add_behind("slow", lab.openssh(variant="internal"), proxy), proxy
