# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Options of every module (documentation: the fragment ``_attributes``)."""

from __future__ import annotations

from .values import Spec


def log_spec() -> Spec:
    """Return the spec of the connection log."""
    return {
        "log_file": {"type": "path"},
        "log_level": {"type": "str", "choices": ["info", "debug"], "default": "info"},
    }
