# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: the collection's modules and other programs do the same work on the lab's servers, one by one.

    python -m ansible_collections.backhaul.sftp.tests.bench --help

``docs/performance.md`` explains the table that it writes. Nothing here is a test, and no time is asserted, because
machines are noisy.
"""
