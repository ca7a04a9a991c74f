# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Actions whose other end is the controller: its files are named relative to playbooks and roles, as in Ansible."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleError

from ..module_utils._errors import InputError
from ._action import EndpointAction, Vars


class DownloadAction(EndpointAction):
    """An action whose option ``dest`` is on the controller, relative to the playbook as with Ansible's ``fetch``."""

    def _resolved(self, arguments: Vars, variables: Vars) -> Vars:
        resolved = super()._resolved(arguments, variables)
        dest = resolved.get("dest")
        if isinstance(dest, str) and dest:
            resolved["dest"] = _with_slash_of(dest, self._loader.path_dwim(dest))
        return resolved


class UploadAction(EndpointAction):
    """An action whose options ``src`` and ``paths`` are on the controller, searched for as with Ansible's ``copy``."""

    def _resolved(self, arguments: Vars, variables: Vars) -> Vars:
        resolved = super()._resolved(arguments, variables)
        if isinstance(resolved.get("src"), str):
            resolved["src"] = self._found(resolved["src"])
        if isinstance(resolved.get("paths"), list):
            resolved["paths"] = [self._found(path) if isinstance(path, str) else path for path in resolved["paths"]]
        return resolved

    def _found(self, named: str) -> str:
        try:
            search: t.Callable[[str, str], str] = self._find_needle
            return _with_slash_of(named, search("files", named))
        except AnsibleError as exc:
            raise InputError(
                "invalid_input",
                f"{named!r} is not on the controller",
                remedy="It is searched for like the src of 'copy': in files/ of the role and beside the playbook.",
                role="source",
            ) from exc


def _with_slash_of(given: str, found: str) -> str:
    """Return a path that was found, with the slash at its end that Ansible's search takes away."""
    return os.path.join(found, "") if given.endswith(os.sep) else found
