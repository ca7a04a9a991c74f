# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the fault catalogue: at least one test for each row."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(f"{__name__}.places")
