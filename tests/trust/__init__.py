# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our verdict on a server's host key beside OpenSSH's own, over thousands of random cases.

``BACKHAUL_TRUST_SEED`` repeats a run, ``BACKHAUL_TRUST_MATCHING`` and ``BACKHAUL_TRUST_HANDSHAKES`` make it longer.
"""
