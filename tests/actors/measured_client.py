# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that measures by how much its memory grows while a hostile server talks to it.

Usage: measured_client.py, with the request as JSON on standard input. The client connects, opens SFTP, waits for the
end of the connection if the request says so, and asks for a path. It prints the result and the growth of its peak
memory as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import typing as t

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint, Timeouts, Trust
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect

_LONGEST_WAIT_SECONDS = 60


def main() -> None:
    """Connect to the server and print the result."""
    request = json.load(sys.stdin)
    before = _peak_bytes()
    try:
        result = _connect(request)
    except BackhaulError as exc:
        result = {"kind": type(exc).__name__, "code": exc.code, "message": exc.message}
    print(json.dumps({**result, "grown_bytes": _peak_bytes() - before}))


def _connect(request: dict[str, t.Any]) -> dict[str, t.Any]:
    endpoint = Endpoint(
        role="source",
        host="127.0.0.1",
        port=request["port"],
        trust=Trust(host_keys=(request["key"],), known_hosts_files=()),
        credentials=Credentials(user="backup", password="pass-word", use_agent=False),
        timeouts=Timeouts(connect_seconds=request["connect_seconds"], operation_seconds=20, stall_seconds=20),
        compression=request["compression"],
    )
    with connect(endpoint) as connection, connection.file_system() as files:
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        while request["waits"] and connection.transport.is_active() and time.monotonic() < deadline:
            time.sleep(0.01)
        return {"path": files.canonical(b".").decode(), "version": connection.report.server_version}


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
