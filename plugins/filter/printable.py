# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``printable``."""

from __future__ import annotations

import sys
import typing as t

from ..module_utils._errors import printable as escaped

DOCUMENTATION = r"""
name: printable
author:
  - the backhaul.sftp authors (@backhaul)
version_added: 0.1.0
short_description: Make text from a server safe to show
description:
  - Escapes what can forge a line, move the cursor of a terminal, or hide or reorder letters. That is control
    characters, separators of lines and paragraphs, bidirectional controls, invisible characters, and every blank except
    the space. All other text is unchanged.
  - The names of files in results are exact, so that later tasks can use them. Use this filter for such a name in a
    message, a mail or a log.
options:
  _input:
    description: The text.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say which backup is the newest
  ansible.builtin.debug:
    msg: "The newest backup is {{ found.latest.name | backhaul.sftp.printable }}."
"""

RETURN = r"""
_value:
  description: The text on one line, with backslash escapes for the characters above.
  type: str
"""


class FilterModule:
    """The filters of this file, for Ansible."""

    def filters(self) -> dict[str, t.Callable[..., str]]:
        """Return the filters by name."""
        return {"printable": printable}


def printable(text: object) -> str:
    """Return text with backslash escapes for all characters that must not be shown."""
    return escaped(str(text), limit=sys.maxsize)
