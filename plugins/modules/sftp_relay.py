#!/usr/bin/python
# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sftp_relay
version_added: 0.1.0
short_description: Copy files from one SFTP server to others, verified
author:
  - the backhaul.sftp authors (@backhaul)
description:
  - Copies one file, a list of files, or a directory with its content from a server to one or many others, without
    keeping it on the machine in between. Each file is read once for all destinations.
  - With O(route) one of the ends does the work instead of the controller.
  - A copy appears under its final name only after every write was acknowledged, its size matched, and its SHA-256 was
    the source's. Otherwise that name does not change and the task fails.
  - A destination that has the file already is left unchanged. The servers' own checksums prove this without a transfer
    if they can compute them.
  - Many files share the same connections, and several are copied at the same time. One that fails does not stop the
    others, and the task fails at the end.
  - If a server would have to start a command to hash each of many small files, they are read instead.
extends_documentation_fragment:
  - backhaul.sftp._endpoint.source
  - backhaul.sftp._endpoint.destinations
  - backhaul.sftp._transfer
  - backhaul.sftp._transfer.route
  - backhaul.sftp._attributes
  - backhaul.sftp._attributes.diff
options:
  min_success:
    description:
      - How many destinations must succeed for the task to succeed. The default is all.
      - With several files a destination succeeds if all its files do.
      - Destinations that fail are still reported, each with its error.
    type: int
seealso:
  - module: backhaul.sftp.sftp_find
"""

EXAMPLES = r"""
- name: Relay the newest dump to the web servers' second site
  backhaul.sftp.sftp_relay:
    source:
      inventory_host: backup01
      path: "{{ newest.latest.path }}"
    destinations:
      - inventory_host: web01
        path: /srv/restore/
      - inventory_host: web02
        path: /srv/restore/
    mode: "0640"
  register: relayed

- name: Pull a backup from an appliance to the host of the play
  backhaul.sftp.sftp_relay:
    source:
      host: nas.example.com
      user: backup
      private_key: "{{ vault_nas_key }}"
      host_keys:
        - "SHA256:uNiVztksCsDhcc0u9e8BrrUhrnGhnLrLaDtUKUdM9Cw"
      path: /export/site.tar.zst
    destinations:
      - path: /var/backups/site.tar.zst
    create_directories: true

- name: Require two of three sites, and never overwrite an old copy
  backhaul.sftp.sftp_relay:
    source:
      inventory_host: backup01
      path: /backups/db.tar.gz
    destinations:
      - inventory_host: site-a
        path: /vault/
      - inventory_host: site-b
        path: /vault/
      - inventory_host: site-c
        path: /vault/
    if_exists: version
    min_success: 2

- name: Keep a second copy of everything that was exported
  backhaul.sftp.sftp_relay:
    source:
      inventory_host: backup01
      path: /export/
    destinations:
      - inventory_host: vault01
        path: /mirror/export
    create_directories: true
    compare: size_mtime
  register: mirrored

- name: Two files, into the same directory of two servers
  backhaul.sftp.sftp_relay:
    source:
      inventory_host: backup01
      paths:
        - /backups/db.tar.gz
        - /backups/db.tar.gz.sha256
    destinations:
      - inventory_host: vault01
        path: /vault/
      - inventory_host: vault02
        path: /vault/

- name: Relay directly from the database server to the vault
  backhaul.sftp.sftp_relay:
    source:
      inventory_host: db01
      path: /var/backups/db.tar.gz
    destinations:
      - inventory_host: vault01
        path: /vault/
    route: source
  become: true
"""

RETURN = r"""
source:
  description: The file that was relayed, or the sum of several files.
  returned: when the source could be inspected
  type: dict
  contains:
    host:
      description: The inventory name or the address of the server.
      type: str
      returned: always
    path:
      description: The path there; null for a list.
      type: str
      returned: always
    files:
      description: How many files there are.
      type: int
      returned: with a list or a directory
    # begin shared: path_base64
    path_base64:
      description: The exact path in base64.
      type: str
      returned: when the path is shown escaped
    # end shared: path_base64
    size:
      description: The size in bytes, of several files together.
      type: int
      returned: always
    mtime:
      description: The modification time in seconds since 1970; null for several files.
      type: int
      returned: always
    mtime_utc:
      description: The modification time as ISO 8601.
      type: str
      returned: always
    sha256:
      description: The SHA-256 of the content, or null if it was not computed.
      type: str
      returned: always
    digest_by:
      description:
        - How it was computed. V(check-file) and V(command) by the server, V(readback) by reading the file, V(stream)
          while it was copied, and V(local) on the local file system.
      type: str
      returned: always
destinations:
  description:
    - The result of each destination, in the order of the task.
    - With a list or a directory this sums up all files. The state is then the first of V(failed), V(planned),
      V(created), V(replaced), V(unchanged) and V(skipped) that any of them has, C(path) is the directory, numbers are
      sums, and C(error) is that of the first failure. A value that is not the same for all files is null.
  returned: when the source could be inspected
  type: list
  elements: dict
  contains:
    # begin shared: outcome attributes="V(mode), V(mtime)"
    host:
      description: The inventory name or the address of the end, or V(localhost).
      type: str
      returned: always
    path:
      description: The path of the copy.
      type: str
      returned: always
    path_base64:
      description: The exact path in base64.
      type: str
      returned: when the path is shown escaped
    state:
      description: One of V(created), V(replaced), V(unchanged), V(skipped), V(failed), and in check mode V(planned).
      type: str
      returned: always
    action:
      description: What would be done, one of V(create), V(replace), V(adjust), V(keep) and V(skip).
      type: str
      returned: in check mode, for a file
    changed:
      description: Whether anything was changed there.
      type: bool
      returned: always
    compared_by:
      description:
        - How the old file was compared. V(nothing) means that there was no file, V(size) that the sizes differ,
          V(size_mtime) is O(compare=size_mtime), and V(unreadable) means that the server failed to read its file. The
          others are SHA-256 digests, named by the weaker of both sides, V(check-file) or V(command) by the servers,
          V(readback) by reading the file, V(local) on a local one.
      type: str
      returned: always
    verified_by:
      description:
        - What proved that the copy is right, V(check-file), V(command), V(readback), V(local) or V(acknowledged); null
          where nothing was transferred.
      type: str
      returned: always
    sha256:
      description: The SHA-256 of what is there, as far as it is known.
      type: str
      returned: always
    bytes_sent:
      description: The bytes of content that were sent, those of failed attempts included.
      type: int
      returned: always
    bytes_resumed:
      description: The bytes of an interrupted transfer that were proven to be right and not sent again.
      type: int
      returned: always
    seconds:
      description: How long it took, with comparing and verifying.
      type: float
      returned: always
    bytes_per_second:
      description: The bytes that were sent, divided by that time.
      type: int
      returned: always
    attempts:
      description: How many times it was tried.
      type: int
      returned: always
    retried:
      description: The C(code), C(role) and C(message) of the error of each attempt that another one followed.
      type: list
      elements: dict
      returned: always
    attributes_changed:
      description:
        - What was changed on a file with the right content, of
          V(mode), V(mtime).
      type: list
      elements: str
      returned: always
    not_applied:
      description:
        - What the server did not accept or did not keep, of V(fsync),
          V(mode), V(mtime).
          V(cleanup) means that a hidden temporary file of this collection is left in the directory.
      type: list
      elements: str
      returned: always
    error:
      description: Why it failed, in the form of RV(error); null otherwise.
      type: dict
      returned: always
    # end shared: outcome
    # begin shared: counts returned="with a list or a directory"
    counts:
      description: How many files there are of each state.
      returned: with a list or a directory
      type: dict
    # end shared: counts
  sample:
    - host: web01
      path: /srv/restore/db-20260104.tar.gz
      # begin shared: outcome_sample verified_by=command
      state: created
      changed: true
      compared_by: nothing
      verified_by: command
      sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      bytes_sent: 3145728
      seconds: 0.21
      bytes_per_second: 14979657
      bytes_resumed: 0
      attempts: 1
      retried: []
      attributes_changed: []
      not_applied: []
      error:
      # end shared: outcome_sample
files:
  description: Each file, in the order of the list or, in a directory, of the names.
  returned: with a list or a directory
  type: list
  elements: dict
  contains:
    source:
      description: The file, with the keys of RV(source) except C(files). Values that were not read are null.
      type: dict
      returned: always
    changed:
      description: Whether anything was changed at any destination.
      type: bool
      returned: always
    destinations:
      description: The result at each destination, with the keys that RV(destinations) has for a single file.
      type: list
      elements: dict
      returned: always
# begin shared: directories returned="with a list or a directory"
directories:
  description: The directories that were created, or in check mode would be, and those that could not be.
  returned: with a list or a directory
  type: list
  elements: dict
  contains:
    host:
      description: The inventory name or the address of the end, or V(localhost).
      type: str
      returned: always
    path:
      description: The path there.
      type: str
      returned: always
    path_base64:
      description: The exact path in base64.
      type: str
      returned: when the path is shown escaped
    state:
      description: One of V(created) and V(failed), and in check mode V(planned).
      type: str
      returned: always
    changed:
      description: Whether it was created.
      type: bool
      returned: always
    error:
      description: Why it failed, in the form of RV(error); null otherwise.
      type: dict
      returned: always
# end shared: directories
# begin shared: passed_over returned="with a list or a directory"
passed_over:
  description:
    - The entries of a directory that were not copied.
    - Of each reason at most a thousand are listed; one entry counts the others.
  returned: with a list or a directory
  type: list
  elements: dict
  contains:
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
    reason:
      description:
        - V(not_a_file) for links, devices and the like, V(temporary) for hidden files of this collection,
          V(suspicious_name) for names that must not be used, V(unreadable) for directories that cannot be listed.
      type: str
      returned: always
    count:
      description: How many the entry stands for.
      type: int
      returned: when it stands for more than one
# end shared: passed_over
bytes_read:
  description: The bytes of content that were read from the source for the transfer.
  returned: when the source could be inspected
  type: int
  sample: 3145728
# begin shared: diff
diff:
  description: The C(before) and C(after) of each file and directory that changes.
  returned: in diff mode, when the files to copy are known
  type: list
  elements: dict
# end shared: diff
# begin shared: connections
connections:
  description:
    - Every connection that was made, how the server was reached and proven. The keys are those of
      RV(backhaul.sftp.sftp_info#module:connection).
  returned: when the work began
  type: list
  elements: dict
  sample:
    - name: backup01
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
# end shared: connections
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

from ..module_utils._module.relay import main

if __name__ == "__main__":
    main()
