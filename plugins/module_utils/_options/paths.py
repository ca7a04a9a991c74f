# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Path options, and the specs of ``sftp_get`` and ``sftp_put`` (documentation: the modules themselves)."""

from __future__ import annotations

from .. import _paths
from .._errors import InputError
from .endpoint import endpoint_spec
from .transfer import transfer_spec
from .values import Params, Spec


def get_spec() -> Spec:
    """Return the spec of ``sftp_get``."""
    return {
        **endpoint_spec(),
        "src": {"type": "str"},
        "paths": {"type": "list", "elements": "str"},
        "dest": {"type": "path", "required": True},
        "owner": {"type": "str"},
        "group": {"type": "str"},
        **transfer_spec(),
    }


def put_spec() -> Spec:
    """Return the spec of ``sftp_put``."""
    return {
        **endpoint_spec(),
        "src": {"type": "path"},
        "paths": {"type": "list", "elements": "path"},
        "content": {"type": "str", "no_log": True},
        "dest": {"type": "str", "required": True},
        "decrypt": {"type": "bool", "default": True},
        **transfer_spec(),
    }


def read_path(value: str, *, option: str) -> bytes:
    """Return the value of a path option as bytes. Raises ``unsafe_path`` when it is empty or has a NUL byte."""
    return _paths.require_safe(_paths.encode(str(value), option=option), what=option)


def read_sources(params: Params, *, single: str = "src", within: str = "") -> tuple[bytes, ...]:
    """Return the paths of the option ``single`` or of the option ``paths``.

    ``within`` is the option whose suboptions they are. Raises ``invalid_input`` unless exactly one of them is given.
    """
    prefix = f"{within}." if within else ""
    alone, listed = params[single], params["paths"]
    if (alone is None) == (listed is None):
        raise InputError(
            "invalid_input",
            f"give either '{prefix}{single}' or '{prefix}paths'",
            remedy=f"'{single}' is one file or one directory, 'paths' a list of files.",
            details={"option": f"{prefix}{single}"},
        )
    if alone is not None:
        return (read_path(alone, option=f"{prefix}{single}"),)
    return tuple(read_path(path, option=f"{prefix}paths[{index}]") for index, path in enumerate(listed))
