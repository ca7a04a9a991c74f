# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The usual paramiko script: get to a temporary file, then put. A program of its own.

python -I textbook.py KNOWN_HOSTS USER KEY HOST:PORT PATH KEY HOST:PORT PATH
"""

from __future__ import annotations

import sys
import tempfile

import paramiko


def main(known_hosts: str, user: str, *ends: str) -> None:
    """Copy one file from the first server to the second."""
    source_key, source, source_path, destination_key, destination, destination_path = ends
    with tempfile.NamedTemporaryFile() as between:
        with _client(known_hosts, user, source_key, source) as client, client.open_sftp() as sftp:
            sftp.get(source_path, between.name)
        with _client(known_hosts, user, destination_key, destination) as client, client.open_sftp() as sftp:
            sftp.put(between.name, destination_path)


def _client(known_hosts: str, user: str, key: str, address: str) -> paramiko.SSHClient:
    host, port = address.rsplit(":", 1)
    client = paramiko.SSHClient()
    client.load_host_keys(known_hosts)
    client.connect(host, int(port), username=user, key_filename=key, allow_agent=False, look_for_keys=False)
    return client


if __name__ == "__main__":
    main(*sys.argv[1:])
