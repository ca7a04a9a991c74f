# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay in a process of its own, to be killed: what to do comes pickled on standard input."""

from __future__ import annotations

import pickle
import sys

from ansible_collections.backhaul.sftp.plugins.module_utils._engine.run import Relay
from ansible_collections.backhaul.sftp.plugins.module_utils._model import RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.ends import Ends
from ansible_collections.backhaul.sftp.plugins.module_utils._module.reports import CHANCE
from ansible_collections.backhaul.sftp.plugins.module_utils._rules.retry import RetryPolicy


def main() -> None:
    """Relay once."""
    endpoint, path, destination = pickle.load(sys.stdin.buffer)
    with Ends() as ends:
        relay = Relay(ends, endpoint, path, options=RelayOptions(), retries=RetryPolicy(retries=0), chance=CHANCE)
        relay.carry_out(destination, progress=lambda _count: None)


if __name__ == "__main__":
    main()
