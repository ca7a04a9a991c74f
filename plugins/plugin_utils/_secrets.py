# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read keys and certificates from files on the controller."""

from __future__ import annotations

import os
import typing as t

from ..module_utils._errors import InputError


def read_controller_file(loader: t.Any, path: str, *, what: str, role: str) -> str:  # noqa: ANN401 - a DataLoader
    """Return the text of a file on the controller, decrypted if Ansible Vault encrypted it.

    A blank file gives an empty text: AWX writes one for a credential field that was left empty. Raises
    ``invalid_input`` when the file cannot be read.
    """
    expanded = os.path.expanduser(path)
    try:
        content, _show = loader._get_file_contents(expanded)
        text = t.cast(bytes, content).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise _unreadable(what, expanded, "it is not text", role) from exc
    except Exception as exc:  # Ansible's loader raises several types for a missing file or vault password
        raise _unreadable(what, expanded, str(exc).split("\n", 1)[0], role) from exc
    return text if text.strip() else ""


def _unreadable(what: str, path: str, why: str, role: str) -> InputError:
    return InputError(
        "invalid_input",
        f"the {what} file {path} cannot be read: {why}",
        remedy=f"Name a {what} file on the controller that the account running Ansible may read.",
        role=role,
    )
