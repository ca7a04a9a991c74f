# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that leaves without a word while it is connected: forked off, or at the end of its program.

Usage: leaver.py fork|exit, with an endpoint pickled on standard input. It prints what the server says afterwards.
"""

from __future__ import annotations

import os
import pickle
import sys

from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import ConnectionPool


def main() -> None:
    """Connect, and leave."""
    ends = ConnectionPool()
    files = ends.file_system(pickle.load(sys.stdin.buffer))
    files.canonical(b".")
    if sys.argv[1] == "fork":
        child = os.fork()
        if not child:
            sys.exit(0)
        assert os.waitpid(child, 0) == (child, 0)
        print(files.canonical(b".").decode(), flush=True)
        ends.__exit__(None, None, None)
    else:
        print("leaving", flush=True)


if __name__ == "__main__":
    main()
