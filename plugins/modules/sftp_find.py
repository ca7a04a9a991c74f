#!/usr/bin/python
# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sftp_find
version_added: 0.1.0
short_description: Find the newest good backup on an SFTP server
author:
  - the backhaul.sftp authors (@backhaul)
description:
  - Lists files on a server over SFTP alone, selects the good ones, and returns the newest as RV(latest).
  - A file that is empty, still growing, hidden, temporary, from the future or suspiciously small is not a good backup.
    RV(passed_over) has these files with the reasons.
extends_documentation_fragment:
  - backhaul.sftp._endpoint
  - backhaul.sftp._selection
  - backhaul.sftp._attributes
  - backhaul.sftp._attributes.no_changes
options:
  path:
    description:
      - The directory to list.
    type: str
    required: true
seealso:
  - module: backhaul.sftp.sftp_relay
  - module: ansible.builtin.find
"""

EXAMPLES = r"""
- name: Find the newest dump on the backup server
  backhaul.sftp.sftp_find:
    endpoint:
      inventory_host: backup01
    path: /backups/
    patterns: "db-*.tar.gz"
    fresh_within: 36h
  register: newest

- name: Say what was found
  ansible.builtin.debug:
    msg: "{{ newest.latest.path }} of {{ newest.latest.mtime_utc }}, {{ newest.latest.size }} bytes"

- name: Use the time in the name, and fail if the file is still growing
  backhaul.sftp.sftp_find:
    endpoint:
      host: nas.example.com
      port: 2222
      user: backup
      password: "{{ vault_nas_password }}"
      host_keys:
        - "SHA256:uNiVztksCsDhcc0u9e8BrrUhrnGhnLrLaDtUKUdM9Cw"
    path: /export
    patterns: "*.sql.zst"
    order_by: name_time
    time_format: "%Y-%m-%d_%H%M"
    time_zone: Europe/Berlin
    stable_for: 10s
    shrink_limit: 50%
"""

RETURN = r"""
latest:
  description: The newest good file, which is the first of RV(files); null with O(when_none=ok) if there is none.
  returned: success
  type: dict
  sample:
    path: /backups/db-20260104.tar.gz
    name: db-20260104.tar.gz
    size: 3145728
    mtime: 1767495600
    mtime_utc: '2026-01-04T03:00:00Z'
    mode: '0644'
    uid: 1000
    gid: 1000
    type: file
files:
  description: All good files, the newest first, as many as O(limit) allows.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The path on the server. Escaped where it is not UTF-8 or must not be printed as it is.
      type: str
      returned: always
    # begin shared: path_base64
    path_base64:
      description: The exact path in base64.
      type: str
      returned: when the path is shown escaped
    # end shared: path_base64
    name:
      description: The last component of the path.
      type: str
      returned: always
    name_base64:
      description: The exact name in base64.
      type: str
      returned: when the name is shown escaped
    size:
      description: The size in bytes.
      type: int
      returned: always
    mtime:
      description: The modification time in seconds since 1970.
      type: int
      returned: always
    mtime_utc:
      description: The modification time as ISO 8601.
      type: str
      returned: always
    mode:
      description: The permission bits in octal digits.
      type: str
      returned: always
    uid:
      description: The owner's number on the server.
      type: int
      returned: always
    gid:
      description: The group's number on the server.
      type: int
      returned: always
    type:
      description: One of V(file), V(directory), V(link) and V(other).
      type: str
      returned: always
    checksum:
      description: The digest that O(checksum) asked for.
      type: str
      returned: when O(checksum) is not V(none) and it is a regular file
    checksum_by:
      description: How the digest was computed, one of V(check-file), V(command), V(local) and V(readback).
      type: str
      returned: when O(checksum) is not V(none) and it is a regular file
matched:
  description: How many good files there are, including those beyond O(limit).
  returned: success
  type: int
  sample: 7
examined:
  description: How many entries the server listed.
  returned: success
  type: int
  sample: 9
passed_over:
  description: Files that were not selected, at most a thousand of them. Those that match no pattern are only counted.
  returned: success
  type: list
  elements: dict
  contains:
    # begin shared: skipped
    path:
      description: The path, escaped where it is not UTF-8 or must not be printed as it is.
      type: str
      returned: always
    path_base64:
      description: The exact path in base64.
      type: str
      returned: when the path is shown escaped
    message:
      description: The reason for people.
      type: str
      returned: always
    # end shared: skipped
    reason:
      description: A stable word, such as V(temporary), V(too_small), V(too_old), V(not_a_file) or V(suspicious_name).
      type: str
      returned: always
skipped_counts:
  description: How many files were skipped, by reason.
  returned: success
  type: dict
  sample:
    temporary: 1
    too_small: 1
latest_time:
  description: The time of the newest file in seconds since 1970; see O(order_by).
  returned: success
  type: int
  sample: 1767495600
latest_time_utc:
  description: The same as ISO 8601.
  returned: success
  type: str
  sample: '2026-01-04T03:00:00Z'
tied_with:
  description: The path of a second file of the same time, which only its name made the second; else null.
  returned: success
  type: str
connection:
  description:
    - How the server was reached and proven; null for O(endpoint.local=true). The keys are those of
      RV(backhaul.sftp.sftp_info#module:connection).
  returned: success
  type: dict
  sample:
    name: backup01
    # begin shared: connection_sample
    host: 192.0.2.10
    port: 22
    address: 192.0.2.10
    user: backup
    server_version: SSH-2.0-OpenSSH_9.2p1
    host_key:
      type: ssh-ed25519
      fingerprint: SHA256:uNiVztksCsDhcc0u9e8BrrUhrnGhnLrLaDtUKUdM9Cw
      algorithm: ssh-ed25519
    trusted_by: known_hosts
    trust_origin: /home/ops/.ssh/known_hosts:12
    authenticated_by: key SHA256:4JdGyZdA7tV0wF3sZ0zQ4i7fXy9sHc8uR1pE6kMd2bA
    algorithms:
      kex: curve25519-sha256@libssh.org
      cipher: aes128-gcm@openssh.com
      mac: ''
      strict_kex: true
    jumps: []
    # end shared: connection_sample
# begin shared: connections_of_failure
connections:
  description: The connections that were made, each in the form of RV(connection).
  returned: failure, when the work began
  type: list
  elements: dict
# end shared: connections_of_failure
# begin shared: error
error:
  description: Why the task failed, as data.
  returned: failure
  type: dict
  contains:
    code:
      description:
        - A stable word to branch on, such as V(no_match), V(stale), V(incomplete), V(suspicious), V(timed_out),
          V(host_key_unknown), V(host_key_mismatch), V(authentication_refused) or V(connect_failed).
      type: str
      returned: always
    kind:
      description: The class of the error.
      type: str
      returned: always
    message:
      description: What failed, in one line.
      type: str
      returned: always
    remedy:
      description: What to do about it.
      type: str
      returned: always
    retryable:
      description: Whether trying again may help.
      type: bool
      returned: always
    role:
      description: The end where it happened, such as V(source).
      type: str
      returned: always
    host:
      description: The host where it happened.
      type: str
      returned: always
    path:
      description: The path that it is about.
      type: str
      returned: always
    path_base64:
      description: The exact path in base64.
      type: str
      returned: when the path is shown escaped
    details:
      description: Further facts, by code.
      type: dict
      returned: always
# end shared: error
"""

from ..module_utils._module.find import main

if __name__ == "__main__":
    main()
