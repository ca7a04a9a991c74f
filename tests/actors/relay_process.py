# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One relay in a process of its own, which a test kills.

Usage: relay_process.py, with source endpoint, path and destination pickled on standard input.
"""

from __future__ import annotations

import pickle
import sys

from ansible_collections.backhaul.sftp.plugins.module_utils._model import RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import ConnectionPool
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_reports import RUNTIME
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay


def main() -> None:
    """Run the relay."""
    endpoint, path, destination = pickle.load(sys.stdin.buffer)
    with ConnectionPool() as connections:
        relay = Relay(
            connections, endpoint, path, options=RelayOptions(), retries=RetryPolicy(retries=0), runtime=RUNTIME
        )
        relay.copy_to(destination, progress=lambda _count: None)


if __name__ == "__main__":
    main()
