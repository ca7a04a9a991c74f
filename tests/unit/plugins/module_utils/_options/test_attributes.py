# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of every module."""

from __future__ import annotations

from ansible_collections.backhaul.sftp.plugins.module_utils._options.attributes import log_spec
from ansible_collections.backhaul.sftp.tests.unit.fakes.fragments import comparable, documented


def test_the_fragment_documents_this_spec() -> None:
    assert comparable(log_spec()) == documented("_attributes")
