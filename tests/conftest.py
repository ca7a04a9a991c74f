# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers and the lab, for all tests."""

from __future__ import annotations

import os
import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.lab import SharedLab


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "contract: a promise of the port, held by every implementation on every server")
    config.addinivalue_line("markers", "integration: needs real servers of the lab")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that divides the tests of a folder among processes."""
    parser.addoption("--shard", metavar="NUMBER/COUNT", help="run one test of COUNT only, beginning with this NUMBER")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of this shard. Adjacent tests take about the same time, so they go to different shards."""
    if config.option.shard is None:
        return
    number, count = map(int, config.option.shard.split("/"))
    config.hook.pytest_deselected(items=[item for at, item in enumerate(items) if at % count != number - 1])
    items[:] = items[number - 1 :: count]


def skip_or_fail(reason: str) -> t.NoReturn:
    """Skip a test whose server cannot run; fail in CI and as root, where all servers must run."""
    if os.environ.get("CI") or os.geteuid() == 0:
        pytest.fail(f"this server must run here, but: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lab() -> t.Iterator[SharedLab]:
    """Servers by their options, such as ``lab.openssh(variant="internal")``; the same options give the same server."""
    with SharedLab(skip_or_fail) as shared:
        yield shared
