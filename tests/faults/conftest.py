# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker that binds a test to its row of the catalogue."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register it."""
    config.addinivalue_line("markers", "fault(key): the row of tests/faults/catalogue.py that this test shows")
