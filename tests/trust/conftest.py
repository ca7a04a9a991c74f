# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed of a run, and the keys that its tests share."""

from __future__ import annotations

import os
import secrets
import typing as t

import pytest

from . import oracle
from .material import Workshop


def pytest_report_header() -> str:
    """Return the seed with which the run can be repeated."""
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
def report(capsys: pytest.CaptureFixture[str]) -> t.Callable[[str], None]:
    """Return a function that prints a line even when output is captured, to show what a run covered."""

    def print_uncaptured(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="")

    return print_uncaptured


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Workshop]:
    """Return the maker of keys and certificates, in a directory that the whole run shares."""
    oracle.prepare_sshd()
    yield Workshop(tmp_path_factory.mktemp("keys"))
