# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed and the size of a run, and the keys that all of its tests share."""

from __future__ import annotations

import os
import secrets
import typing as t

import pytest

from . import oracle
from .material import Workshop


def pytest_report_header() -> str:
    """Print how to repeat this run."""
    return f"trust: BACKHAUL_TRUST_SEED={_seed()}"


def _seed() -> int:
    if "BACKHAUL_TRUST_SEED" not in os.environ:
        os.environ["BACKHAUL_TRUST_SEED"] = str(secrets.randbelow(2**32))
    return int(os.environ["BACKHAUL_TRUST_SEED"])


@pytest.fixture(scope="session")
def seed() -> int:
    """Return the seed of this run."""
    return _seed()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> t.Callable[[str], None]:
    """Return what prints a line that is always seen: what a run has covered belongs to its result."""

    def print_uncaptured(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="")

    return print_uncaptured


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Workshop]:
    """Make keys and certificates in a folder that the whole run shares."""
    oracle.ready()
    yield Workshop(tmp_path_factory.mktemp("keys"))
