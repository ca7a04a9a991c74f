#!/usr/bin/python
# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sftp_info
version_added: 0.1.0
short_description: Gather the host keys and features of an SFTP server
author:
  - the backhaul.sftp authors (@backhaul)
description:
  - Returns the host keys of a server, without logging in to it and without trusting any of them, and whether the
    settings of the endpoint accept each of them.
  - With O(login=true) it also connects, with a verified host key, and returns the negotiated algorithms, the SFTP
    extensions and limits, how the server can hash files, and the free space.
extends_documentation_fragment:
  - backhaul.sftp._endpoint
  - backhaul.sftp._attributes
  - backhaul.sftp._attributes.no_changes
options:
  path:
    description:
      - The directory or file on the server for the free space and the test of digests.
    type: str
    default: .
  login:
    description:
      - Whether to log in. With V(false) no user name and no credential is sent to the server.
      - The hosts in O(endpoint.jump) are logged in to with either value.
    type: bool
    default: true
seealso:
  - module: backhaul.sftp.sftp_find
"""

EXAMPLES = r"""
- name: Get the host keys of a new server, to check them through another channel
  backhaul.sftp.sftp_info:
    endpoint:
      host: nas.example.com
    login: false
  register: nas

- name: Show the fingerprints
  ansible.builtin.debug:
    msg: "{{ nas.host_keys | map(attribute='fingerprint') | list }}"

- name: Fail when there is little free space
  backhaul.sftp.sftp_info:
    endpoint:
      inventory_host: backup01
    path: /backups
  register: backups
  failed_when: backups.space.free_bytes < 50 * 1024 ** 3
"""

RETURN = r"""
host_keys:
  description: The server's host keys, one of each type that this collection supports.
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description: The type of the key.
      type: str
      returned: always
    fingerprint:
      description: The fingerprint, as C(ssh-keygen -l) shows it.
      type: str
      returned: always
    key:
      description: The key in the form of O(endpoint.host_keys) and of known_hosts files.
      type: str
      returned: always
    trusted:
      description: Whether the settings of the endpoint vouch for it.
      type: bool
      returned: always
    trusted_by:
      description: One of V(pin), V(known_hosts) and V(certificate).
      type: str
      returned: always
    trust_origin:
      description: The option, or the file and the line, that vouches for it.
      type: str
      returned: always
    refused_as:
      description: Why it would be refused, such as V(host_key_unknown) or V(host_key_mismatch).
      type: str
      returned: always
  sample:
    - type: ssh-ed25519
      fingerprint: SHA256:uNiVztksCsDhcc0u9e8BrrUhrnGhnLrLaDtUKUdM9Cw
      key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfkNV4OS33ImTXvorZr72q4v5XhVEQKfvqsxOEJ/XaR
      trusted: true
      trusted_by: known_hosts
      trust_origin: /home/ops/.ssh/known_hosts:12
      refused_as:
canonical_path:
  description: The absolute form of O(path).
  returned: when O(login=true)
  type: str
canonical_path_base64:
  description: The exact path in base64.
  returned: when O(login=true) and the path is shown escaped
  type: str
extensions:
  description: The SFTP extensions that the server announces, with their data.
  returned: when O(login=true)
  type: dict
  sample:
    fsync@openssh.com: '1'
    posix-rename@openssh.com: '1'
limits:
  description:
    - The maximum bytes of a packet, a read and a write, and the maximum of open files; V(0) if the server does not
      announce it.
  returned: when O(login=true)
  type: dict
  sample:
    packet_bytes: 262144
    read_bytes: 261120
    write_bytes: 261120
    open_handles: 1019
can_sync:
  description: Whether the server can sync a file to stable storage.
  returned: when O(login=true)
  type: bool
can_replace:
  description: Whether the server can rename over an existing file in one step.
  returned: when O(login=true)
  type: bool
remote_checksum:
  description:
    - How the server hashed the first byte of a file in O(path), V(check-file) or V(command); null if it could not, or
      if there is no file for the test.
  returned: when O(login=true)
  type: str
remote_checksum_tested_on:
  description: The file of that test; null if there is none.
  returned: when O(login=true)
  type: str
space:
  description: The space on the file system of O(path) for this account; null if the server does not report it.
  returned: when O(login=true)
  type: dict
  sample:
    free_bytes: 83957268480
    total_bytes: 270553174016
connection:
  description: How the server was reached and proven.
  returned: when O(login=true)
  type: dict
  contains:
    name:
      description: The inventory name of the server, or its address.
      type: str
      returned: always
    host:
      description: The host that the endpoint names.
      type: str
      returned: always
    port:
      description: Its port.
      type: int
      returned: always
    address:
      description: The IP address that was connected to.
      type: str
      returned: always
    user:
      description: The user who was logged in.
      type: str
      returned: always
    server_version:
      description: How the server named its software and version.
      type: str
      returned: always
    host_key:
      description: The C(type) and C(fingerprint) of the server's key, and the C(algorithm) of its signature.
      type: dict
      returned: always
    trusted_by:
      description: What vouched for the host key, one of V(pin), V(known_hosts) and V(certificate).
      type: str
      returned: always
    trust_origin:
      description: The option, or the file and the line, that vouched for it.
      type: str
      returned: always
    authenticated_by:
      description: The method and, with a key, its fingerprint.
      type: str
      returned: always
    algorithms:
      description:
        - What was negotiated, as C(kex), C(cipher) and C(mac). C(strict_kex) says whether both ends use the strict key
          exchange.
      type: dict
      returned: always
    jumps:
      description: The hosts that were passed on the way, in their order.
      type: list
      elements: str
      returned: always
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

from ..module_utils._module.info import main

if __name__ == "__main__":
    main()
