# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Make endpoints portable: replace files of the controller by their text, for a module that runs on another host."""

from __future__ import annotations

import base64
import typing as t

from ..module_utils._errors import BackhaulError
from ..module_utils._options.endpoint import joined_lines
from ..module_utils._trust.krl import KRL_MAGIC
from ..module_utils._trust.revoked_host_keys import ENCODED_KRL

Params = t.Dict[str, t.Any]


def portable(params: t.Mapping[str, t.Any], *, role: str) -> Params:
    """Return a resolved endpoint, including its jumps, that needs no file and no agent on the module's host.

    Known hosts and revocations are those of the controller; files of the module's host are not used. Raises InputError
    for a file that cannot be read, or that other users can write.
    """
    try:
        changed = {**params, **_trust(params)}
    except BackhaulError as exc:
        exc.with_location(role=role, host=str(params.get("inventory_host") or params.get("host") or ""))
        raise
    changed.setdefault("use_agent", False)
    if isinstance(changed.get("jump"), list):
        changed["jump"] = [portable(hop, role=role) if isinstance(hop, t.Mapping) else hop for hop in changed["jump"]]
    return changed


def _trust(params: t.Mapping[str, t.Any]) -> Params:
    # This imports paramiko, which takes time. Only tasks with a route need it here.
    from ..module_utils._ssh.trust import default_files, read_declared

    texts = [joined_lines(params.get("known_hosts"))]
    files = _files(params.get("known_hosts_files"))
    texts += [_text(read_declared(path)) for path in (default_files() if files is None else files)]
    trust: Params = {"known_hosts": "\n".join(text for text in texts if text.strip()), "known_hosts_files": []}
    revoked = str(params.get("revoked_host_keys") or "").strip()
    if len(revoked.split()) == 1:
        trust["revoked_host_keys"] = _revocations(read_declared(revoked, must_exist=True), revoked)
    return trust


def _files(given: object) -> list[str] | None:
    """Return the file names that are given, or None; as in the module, a list of blanks means "not given"."""
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",")]
    names = [str(name) for name in given if str(name).strip()] if isinstance(given, (list, tuple)) else []
    return names if names or given == [] else None


def _revocations(content: bytes, path: str) -> str:
    """Return revocations as text that the module cannot mistake for a path, even if the list is empty."""
    if content.startswith(KRL_MAGIC):
        return (ENCODED_KRL + base64.b64encode(content)).decode("ascii")
    return f"# {path}\n{_text(content)}"


def _text(content: bytes) -> str:
    """Return a file as text for an option. Invalid UTF-8 and NUL are replaced: no valid line of a key contains them."""
    return content.decode("utf-8", "replace").replace("\0", "\ufffd")
