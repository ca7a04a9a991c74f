# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What all modules of the collection have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Where modules run, what they need, and how they behave in check and diff mode."""

    DOCUMENTATION = r"""
options:
  log_file:
    description:
      - A file on the controller to which a record of every connection is appended, who was reached as whom, and how the
        server's host key was trusted. It is created readable for its owner alone, and holds no secret.
      - A link is not followed. A file that belongs to another user, that others can write, or that has a second name
        (a hard link) is refused.
    type: path
  log_level:
    description:
      - How much is recorded in O(log_file); V(debug) adds what the SSH library tells of the protocol.
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
    platforms: any server that speaks SFTP version 3; nothing is installed there and no shell is needed
notes:
  - The work runs on the controller, unless an option C(route) says otherwise. The connection of the play's host is not
    used, only its variables, so hosts that have SFTP and nothing else are fine.
  - Host keys are always verified, before any credential is sent. No option turns that off, and neither does
    C(ANSIBLE_HOST_KEY_CHECKING) or C(StrictHostKeyChecking).
  - When a task fails, C(error.code) says why in one stable word; branch on it and not on the message.
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
