# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real SFTP servers on loopback for tests and the demo, each with its own keys and folder; all are stopped at the end.

    with start_openssh() as server, Proxy(server) as proxy:
        ...

Every ``start_*`` raises :class:`UnavailableError`, with the reason, where it cannot run. Standard library only, except
that ``start_asyncssh`` needs asyncssh in the running Python.
"""

from __future__ import annotations

from .asyncssh_server import start_asyncssh
from .disk import Disk, tiny_disk
from .openssh import start_openssh
from .proftpd import start_proftpd
from .proxy import Proxy
from .server import ClientKey, Server, UnavailableError
from .shared import SharedLab

__all__ = [
    "ClientKey",
    "Disk",
    "Proxy",
    "Server",
    "SharedLab",
    "UnavailableError",
    "start_asyncssh",
    "start_openssh",
    "start_proftpd",
    "tiny_disk",
]
