# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: our modules beside their peers, doing the same work on the lab's servers in turn.

    python -m ansible_collections.backhaul.sftp.tests.bench --help

``docs/performance.md`` explains the table that it writes. Nothing here is a test: machines are noisy, and no time is
asserted anywhere.
"""
