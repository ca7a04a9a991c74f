# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Actions that read or write files on the controller, named relative to playbooks and roles as in Ansible."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._errors import InputError
from ..module_utils._module.request import SubstituteFiles
from ._action import EndpointAction, Vars
from ._decrypted import PlainText
from ._endpoints import EndpointResolver


class DownloadAction(EndpointAction):
    """An action whose ``dest`` is on the controller, relative to the playbook as in ``ansible.builtin.fetch``."""

    def _resolved(self, arguments: Vars, resolver: EndpointResolver) -> Vars:
        resolved = super()._resolved(arguments, resolver)
        dest = resolved.get("dest")
        if isinstance(dest, str) and dest:
            resolved["dest"] = _with_slash_of(dest, self._loader.path_dwim(dest))
        return resolved


class UploadAction(EndpointAction):
    """An action whose ``src`` and ``paths`` are on the controller, searched for as in ``ansible.builtin.copy``.

    Files that Ansible Vault encrypted are decrypted unless ``decrypt`` is false. ``content`` is written to a file.
    """

    _plain_text: PlainText

    def _execute(self, arguments: Vars, resolver: EndpointResolver) -> Vars:
        with PlainText(self._loader, detached=self._is_for_the_background()) as self._plain_text:
            return super()._execute(arguments, resolver)

    def _substitutes(self) -> SubstituteFiles:
        return self._plain_text.substitutes

    def _resolved(self, arguments: Vars, resolver: EndpointResolver) -> Vars:
        resolved = super()._resolved(arguments, resolver)
        content = resolved.pop("content", None)
        if content is not None:
            return {**resolved, **self._content_options(content, resolved)}
        if isinstance(resolved.get("src"), str):
            resolved["src"] = self._search(resolved["src"])
        if isinstance(resolved.get("paths"), list):
            resolved["paths"] = [self._search(path) if isinstance(path, str) else path for path in resolved["paths"]]
        if boolean(resolved.get("decrypt", True), strict=False):
            named = (resolved.get("src"), *(resolved.get("paths") or ()))
            self._plain_text.decrypt(path for path in named if isinstance(path, str))
        return resolved

    def _content_options(self, content: object, resolved: Vars) -> Vars:
        """Return the options to send a file with this content, without a modification time to preserve."""
        if resolved.get("src") is not None or resolved.get("paths") is not None:
            raise _content_conflict("src or paths", "Give one of 'src', 'paths' and 'content'.")
        if str(resolved.get("dest", "")).endswith(os.sep):
            raise _content_conflict("a dest that is a directory", "Give the copy a name.")
        text = content if isinstance(content, str) else json.dumps(content)
        path = self._plain_text.write_content(text.encode("utf-8", "surrogateescape"))
        return {"src": path, "preserve_mtime": False}

    def _search(self, named: str) -> str:
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


def _content_conflict(other: str, remedy: str) -> InputError:
    return InputError(
        "invalid_input", f"content cannot go with {other}", remedy=remedy, role="source", details={"option": "content"}
    )


def _with_slash_of(given: str, found: str) -> str:
    """Return the path ``found``, with a slash at the end if ``given`` has one: Ansible's search drops it."""
    return os.path.join(found, "") if given.endswith(os.sep) else found
