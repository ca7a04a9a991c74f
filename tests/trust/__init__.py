# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the decisions of ``_trust`` on host keys with those of OpenSSH, over thousands of random cases.

Each run prints its seed; ``BACKHAUL_TRUST_SEED`` repeats the run. A longer run takes about 30 minutes:

    BACKHAUL_TRUST_MATCHING=50000 BACKHAUL_TRUST_HANDSHAKES=10000 BACKHAUL_TRUST_KRLS=1000 pytest tests/trust
"""
