# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that ends while it is connected: a forked child, or the program itself.

Usage: abandoning_client.py fork|exit, with an endpoint pickled on standard input. With ``fork`` it prints the
server's reply after the child has ended.
"""

from __future__ import annotations

import os
import pickle
import sys

from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import ConnectionPool


def main() -> None:
    """Connect, and end without closing the connection."""
    connections = ConnectionPool()
    files = connections.file_system(pickle.load(sys.stdin.buffer))
    files.canonical(b".")
    if sys.argv[1] == "fork":
        child = os.fork()
        if not child:
            sys.exit(0)
        assert os.waitpid(child, 0) == (child, 0)
        print(files.canonical(b".").decode(), flush=True)
        connections.__exit__(None, None, None)
    else:
        print("leaving", flush=True)


if __name__ == "__main__":
    main()
