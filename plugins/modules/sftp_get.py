#!/usr/bin/python
# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sftp_get
version_added: 0.1.0
short_description: Download files and directories from an SFTP server, verified
author:
  - the backhaul.sftp authors (@backhaul)
description:
  - Copies one file, a list of files, or a directory with its content from a server to the controller.
  - A copy appears under its final name only after its size matched and its SHA-256 was the source's. Otherwise that
    name does not change, the other files are still copied, and the task fails at the end.
  - A file that exists already with the same content is left unchanged. The server's own checksums prove this without a
    transfer if it can compute them.
  - No name from the server leads out of O(dest), and no symbolic link in O(dest) is followed.
extends_documentation_fragment:
  - backhaul.sftp._endpoint
  - backhaul.sftp._transfer
  - backhaul.sftp._attributes
  - backhaul.sftp._attributes.diff
options:
  src:
    description:
      - The path of a file or a directory on the server. Exactly one of O(src) and O(paths) is needed.
      - A directory is copied with its content. With a V(/) at the end, the content is copied into O(dest), otherwise
        the directory itself.
      - Symbolic links and special files in a directory are not copied, and are listed in RV(passed_over). Names that
        must not become part of a local path are listed there, too, and fail the task after all other files were copied.
    type: str
  paths:
    description:
      - The paths of files on the server, which are copied into the directory O(dest) under their own names.
    type: list
    elements: str
  dest:
    description:
      - The path on the controller. A relative path starts from the playbook's directory.
      - For one file this is the path of the copy, or with a V(/) at the end its directory. For a list or a directory it
        is always a directory.
      - Unlike with M(ansible.builtin.copy), a directory must exist unless O(create_directories=true), and only the
        slash makes it a directory. Directories inside of O(src) are always created, with the mode V(0755) less the
        umask.
    type: path
    required: true
  owner:
    description:
      - The owner of the copies, an account of the controller by name or number. The default is the user who runs
        Ansible.
      - If the system does not permit it, RV(files[].not_applied) and a warning say so.
    type: str
  group:
    description:
      - The group of the copies, by name or number, like O(owner).
    type: str
seealso:
  - module: backhaul.sftp.sftp_put
  - module: backhaul.sftp.sftp_relay
  - module: backhaul.sftp.sftp_find
  - module: ansible.builtin.fetch
"""

EXAMPLES = r"""
- name: Download the newest dump
  backhaul.sftp.sftp_get:
    endpoint:
      inventory_host: backup01
    src: "{{ newest.latest.path }}"
    dest: /var/restore/

- name: Mirror what an appliance exports into a directory beside the playbook
  backhaul.sftp.sftp_get:
    endpoint:
      host: nas.example.com
      user: backup
      private_key: "{{ vault_nas_key }}"
      host_keys:
        - "SHA256:uNiVztksCsDhcc0u9e8BrrUhrnGhnLrLaDtUKUdM9Cw"
    src: /export/config/
    dest: nas-config/
    create_directories: true
    mode: "0640"

- name: Download some files of the play's host
  backhaul.sftp.sftp_get:
    paths:
      - /etc/ssh/sshd_config
      - /etc/hosts
    dest: "collected/{{ inventory_hostname }}/"
    create_directories: true
"""

RETURN = r"""
# begin shared: copied_files attributes="V(mode), V(mtime), V(owner), V(group)" host=localhost verified_by=local
files:
  description: The result of each file, in the order of the list or, in a directory, of the names.
  returned: when the files to copy are known
  type: list
  elements: dict
  contains:
    source:
      description: The path of the source; null for content that is no file.
      type: str
      returned: always
    source_base64:
      description: The exact path in base64.
      type: str
      returned: when the path is shown escaped
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
          V(mode), V(mtime), V(owner), V(group).
      type: list
      elements: str
      returned: always
    not_applied:
      description:
        - What the server did not accept or did not keep, of V(fsync),
          V(mode), V(mtime), V(owner), V(group).
          V(cleanup) means that a hidden temporary file of this collection is left in the directory.
      type: list
      elements: str
      returned: always
    error:
      description: Why it failed, in the form of RV(error); null otherwise.
      type: dict
      returned: always
  sample:
    - source: /export/db-20260104.tar.gz
      host: localhost
      path: /srv/restore/db-20260104.tar.gz
      state: created
      changed: true
      compared_by: nothing
      verified_by: local
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
# end shared: copied_files
# begin shared: directories returned="when the files to copy are known"
directories:
  description: The directories that were created, or in check mode would be, and those that could not be.
  returned: when the files to copy are known
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
# begin shared: passed_over returned="when the files to copy are known"
passed_over:
  description:
    - The entries of a directory that were not copied.
    - Of each reason at most a thousand are listed; one entry counts the others.
  returned: when the files to copy are known
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
# begin shared: counts returned="when the files to copy are known"
counts:
  description: How many files there are of each state.
  returned: when the files to copy are known
  type: dict
# end shared: counts
  sample:
    created: 3
    unchanged: 40
bytes_sent:
  description: The bytes of content that were transferred, those of failed attempts included.
  returned: when the files to copy are known
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

from ..module_utils._module.get import main

if __name__ == "__main__":
    main()
