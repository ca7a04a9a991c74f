# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The options, requirements, attributes and notes of all modules of the collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Describe where modules run, what they need, and how they behave in check and diff mode."""

    DOCUMENTATION = r"""
options:
  log_file:
    description:
      - A log file on the controller. Each connection appends the server, the user, and how the server's host key was
        trusted. It is created readable for its owner alone, and contains no secret.
      - A link is not followed. A file that belongs to another user, that others can write, or that has a second name
        (a hard link) is refused.
    type: path
  log_level:
    description:
      - How much is written to O(log_file); V(debug) adds the protocol messages of the SSH library.
    type: str
    choices:
      - debug
      - info
    default: info
requirements:
  - paramiko 3.5 or newer, on the controller
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the
      controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
    details: With C(poll=0) the job runs on the controller, so ask M(ansible.builtin.async_status) with
      C(delegate_to=localhost).
  check_mode:
    description: Can run in check mode and return what would change without changing anything.
    support: full
  platform:
    description: The systems that the module can work with.
    support: full
    platforms: any server that supports SFTP version 3; no software is installed there and no shell is needed
notes:
  - The work runs on the controller, unless an option C(route) says otherwise. Only the variables of the play's host are
    used and not its connection, so the host needs SFTP alone.
  - Host keys are always verified, before any credential is sent. No option turns that off, and neither does
    C(ANSIBLE_HOST_KEY_CHECKING) or C(StrictHostKeyChecking).
  - When a task fails, C(error.code) is the reason in one stable word; branch on it and not on the message.
"""

    DIFF = r"""
attributes:
  diff_mode:
    description: Returns details on what has changed, or would change in check mode.
    support: full
"""

    NO_CHANGES = r"""
attributes:
  diff_mode:
    description: Returns details on what has changed, or would change in check mode.
    support: N/A
    details: The module changes nothing.
"""
