# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this run includes the tests that ``make full`` adds to ``make test``."""

from __future__ import annotations

import os

FULL = bool(os.environ.get("BACKHAUL_FULL"))
