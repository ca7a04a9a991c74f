# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Convert ssh's settings for a host to suboptions of an endpoint: key, trust, and the jumps to it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible.utils.display import Display

from ..module_utils._errors import InputError
from ._identities import certificate_of, choose_identity
from ._jumps import Hop
from ._ssh_config import SshSettings, query_ssh

Params = t.Dict[str, t.Any]

# This disables ProxyJump, too (ssh_config(5)).
NO_PROXY = ("-o", "ProxyCommand=none")
_TRUST_OPTIONS = ("host_keys", "known_hosts", "known_hosts_files")
_KEY_OPTIONS = ("private_key", "private_key_file", "private_key_passphrase", "certificate")
# More jumps than this are taken for a loop in ssh_config.
_MOST_JUMPS = 16


@dataclass(frozen=True)
class SshResolver:
    """Queries ssh for one task, and keeps the results, so that each query runs once."""

    cache: dict[tuple[str, ...], SshSettings] = field(default_factory=dict, repr=False)

    def query(self, ssh: str, arguments: t.Sequence[str], host: str, *, role: str, label: str = "") -> SshSettings:
        """Return ssh's settings for a host. Raises InputError with the role, and with ``label`` or the host."""
        key = (ssh, *arguments, host)
        if key not in self.cache:
            try:
                self.cache[key] = query_ssh(ssh, arguments, host)
            except InputError as exc:
                exc.with_location(role=role, host=label or host)
                raise
        return self.cache[key]

    def jumps(
        self, target: Params, settings: SshSettings, ssh: str, *, stated: Params, known: t.Container[str], role: str
    ) -> list[Params]:
        """Return the endpoints of the jumps to ``target``, the nearest first.

        ``stated`` are the target's suboptions in the task, ``known`` the names in the inventory. With an empty ``ssh``
        the settings come from arguments alone. Raises InputError for a route that is not supported.
        """
        label = text(target.get("inventory_host")) or text(target["host"])
        _refuse_unsupported_route(settings, label, role)
        hops = self._route(list(settings.jumps), ssh, label, role) if ssh else list(settings.jumps)
        found: list[Params] = []
        for place, hop in enumerate(hops):
            if hop.host == target.get("inventory_host"):
                continue  # the jump is in the group to which the arguments apply, so they name it for itself, too
            if hop.host in known:
                own = {"port": hop.port, "user": hop.user}
                found.append({"inventory_host": hop.host, **{name: value for name, value in own.items() if value}})
            elif ssh:
                arguments = _words_of(hop) if place == 0 else [*NO_PROXY, *_words_of(hop)]
                found.append(_jump(self.query(ssh, arguments, hop.host, role=role), target, stated, hop.host, role))
            else:
                shared = ("use_agent", "known_hosts", "known_hosts_files", "revoked_host_keys", *_KEY_OPTIONS)
                own = {name: target[name] for name in shared if name in target}
                found.append({"host": hop.host, "port": hop.port, "user": hop.user or None, **own})
        return found

    def _route(self, hops: list[Hop], ssh: str, label: str, role: str) -> list[Hop]:
        """Return all hops, including those that ssh is configured to use on the way to the first hop."""
        while hops:
            first = self.query(ssh, _words_of(hops[0]), hops[0].host, role=role)
            _refuse_unsupported_route(first, hops[0].host, role)
            if not first.jumps:
                break
            hops = [*first.jumps, *hops]
            if len(hops) > _MOST_JUMPS:
                raise InputError(
                    "invalid_input",
                    f"ssh's settings lead to {label} through more than {_MOST_JUMPS} jumps",
                    remedy="See whether a ProxyJump in ssh_config leads back to where it came from.",
                    role=role,
                    host=label,
                )
        return hops


def _words_of(hop: Hop) -> list[str]:
    """Return the arguments of the ssh that makes a jump."""
    user, port = (["-l", hop.user] if hop.user else []), (["-p", str(hop.port)] if hop.port else [])
    return [*user, *port, *hop.arguments]


def _jump(settings: SshSettings, target: Params, stated: Params, name: str, role: str) -> Params:
    """Return the endpoint of a jump that is not in the inventory.

    Without a key in ssh's settings, the jump gets the key of the target, never its password. The target's known hosts
    and revocations in task and inventory apply to the jump, too.
    """
    files = {key: stated[key] for key in ("known_hosts_files",) if key in stated}
    trust = {**inherited_trust(files, settings, name, role), **files}
    if not files:
        also = target.get("known_hosts_files") or ()
        trust["known_hosts_files"] = list(dict.fromkeys([*(trust["known_hosts_files"] or ()), *also]))
    trust["known_hosts"] = stated.get("known_hosts")
    trust["revoked_host_keys"] = (
        stated.get("revoked_host_keys") or trust["revoked_host_keys"] or target.get("revoked_host_keys")
    )
    key = inherited_key({}, settings)
    if not text(key.get("private_key_file")):
        key = {**{name: target[name] for name in _KEY_OPTIONS if name in target}, "use_agent": key["use_agent"]}
    agent = stated.get("use_agent", key["use_agent"])
    made = {"port": settings.port, "user": settings.user, **trust, **key, "use_agent": agent, "host": settings.host}
    return _given(made)


def _refuse_unsupported_route(settings: SshSettings, host: str, role: str) -> None:
    if settings.unsupported_route:
        raise InputError(
            "invalid_input",
            f"ssh's settings for {host} reach it through {settings.unsupported_route}, which this version cannot"
            " follow",
            remedy="Give the endpoint a direct address, or run the task where the server can be reached directly.",
            role=role,
            host=host,
        )


def inherited_key(params: Params, settings: SshSettings, own: Params | None = None) -> Params:
    """Return the key in the connection variables (``own``), else the first usable key in ssh's settings.

    A key that the task states in ``params``, in either form, replaces both.
    """
    agent = {"use_agent": False if settings.no_agent else None}
    if text(params.get("private_key")) or text(params.get("private_key_file")):
        return agent
    own = own or {}
    named = text(own.get("private_key_file"))
    if named or text(own.get("private_key")):
        return {**agent, **own, "certificate": certificate_of(named, settings.certificate_files)}
    passphrase = own.get("private_key_passphrase") or params.get("private_key_passphrase")
    found = choose_identity(settings.identity_files, settings.certificate_files, has_passphrase=bool(text(passphrase)))
    if found.left_out:
        Display().vv(f"of the keys that ssh's settings name, these are not used: {', '.join(found.left_out)}")
    if found.needs_agent:
        agent = {"use_agent": None}  # even with IdentitiesOnly, ssh uses such a key through the agent
    return {**agent, **own, "private_key_file": found.private_key_file, "certificate": found.certificate}


def inherited_trust(params: Params, settings: SshSettings, host: str, role: str) -> Params:
    """Return the trust suboptions from ssh's settings.

    Known hosts or keys that the task states in ``params`` replace the known hosts of ssh; the two are not combined.
    """
    always = {"host_key_alias": settings.host_key_alias, "revoked_host_keys": settings.revoked_host_keys}
    if params.get("known_hosts_files") == [] or any(is_given(params.get(name)) for name in _TRUST_OPTIONS):
        return always
    if settings.trust_program:
        raise InputError(
            "invalid_input",
            f"ssh's settings for {host} ask a program for host keys ({settings.trust_program}), which is not run here",
            remedy="Say in the task what to trust, with 'host_keys', 'known_hosts' or 'known_hosts_files'.",
            role=role,
            host=host,
        )
    files = settings.known_hosts_files
    return {"known_hosts_files": None if files is None else list(files), **always}


def completed(params: Params, inherited: Params) -> Params:
    """Return the suboptions, with inherited values for those that are not given."""
    return {
        **params,
        **{name: value for name, value in _given(inherited).items() if not is_given(params.get(name))},
    }


def _given(params: Params) -> Params:
    """Return the suboptions that are given, including an empty list of known-hosts files."""
    return {name: value for name, value in params.items() if is_given(value) or value == []}


def is_given(value: object) -> bool:
    """Return whether a value is given: blank text and an empty list are not."""
    return bool(value) if isinstance(value, (list, tuple)) else bool(text(value))


def text(value: object) -> str:
    """Return a value as text; an empty text for None and for blanks."""
    return "" if value is None or not str(value).strip() else str(value)
