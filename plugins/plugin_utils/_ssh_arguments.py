# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Ansible's arguments for ssh: split them, and read their settings when there is no ssh to query."""

from __future__ import annotations

import os
import shlex
import typing as t
from dataclasses import replace

from ..module_utils._errors import InputError
from ._jumps import read_proxy_command, read_proxy_jump, split_flags
from ._ssh_config import SshSettings

_UNSUPPORTED = {
    "hostname": "HostName",
    "configfile": "a configuration file (-F)",
    "proxyusefdpass": "ProxyUseFdpass",
}
_SHORT = {"p": "port", "l": "user", "i": "identityfile", "J": "proxyjump", "F": "configfile"}
_TEXTS = {"user": "user", "hostkeyalias": "host_key_alias"}
_HARMLESS = frozenset({("configfile", "none"), ("configfile", "/dev/null"), ("proxyusefdpass", "no")})
_NO_AGENT = frozenset({("identitiesonly", "yes"), ("identityagent", "none")})
# ssh uses the first of the two (ssh_config(5), ProxyJump), but a ProxyCommand applies after ``ProxyJump none``.
_JUMP_READERS = {
    "proxyjump": ("ProxyJump", read_proxy_jump),
    "proxycommand": ("ProxyCommand", read_proxy_command),
}
# The files that ssh reads when only files of the other kind are named (ssh_config(5)).
_USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_SYSTEM_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


def split_arguments(text: str) -> list[str]:
    """Return the words of a text, split as by Ansible's ssh connection. Raises InputError for an open quote."""
    try:
        return shlex.split(text)
    except ValueError as exc:
        raise InputError(
            "invalid_input", f"the SSH arguments {text!r} cannot be read: {exc}", remedy="Mend the quotes in them."
        ) from exc


def as_options(**settings: object) -> list[str]:
    """Return settings as ``-o Name="value"`` words, as in Ansible's ssh connection, without the blank ones."""
    given = {name: value for name, value in settings.items() if value is not None and str(value).strip()}
    return [word for name, value in given.items() for word in ("-o", f'{name}="{value}"')]


def read_ssh_arguments(words: t.Sequence[str]) -> SshSettings:
    """Return the settings in the arguments. As in ssh, the first value of a setting applies (ssh_config(5))."""
    found = SshSettings()
    seen: dict[str, str] = {}
    for name, value in _settings(words):
        overruled = name == "proxyjump" and "proxycommand" in seen
        if name not in seen and not overruled and (name, value.lower()) not in _HARMLESS:
            seen[name] = value
            found = _with(found, name, value)
    return replace(found, known_hosts_files=_known_hosts_files(seen))


def _settings(words: t.Sequence[str]) -> t.Iterator[tuple[str, str]]:
    """Yield settings by their lower-case names, from ``-o Name=value``, ``-oName value`` and the short flags."""
    for flag, value in split_flags(words):
        if flag == "o":
            name, _equals, setting = value.replace("=", " ", 1).strip().partition(" ")
            yield name.lower(), setting.strip().strip('"')
        elif flag in _SHORT:
            yield _SHORT[flag], value


def _with(found: SshSettings, name: str, value: str) -> SshSettings:
    if name in _UNSUPPORTED:
        return replace(found, unsupported_route=f"{_UNSUPPORTED[name]} {value}")
    if name in _JUMP_READERS and value.lower() != "none" and not found.jumps:
        spelling, read = _JUMP_READERS[name]
        hops = read(value)
        # Only ssh itself can evaluate the arguments of a jump's own ssh.
        is_plain = hops is not None and not any(hop.arguments for hop in hops)
        return replace(found, jumps=hops or ()) if is_plain else replace(found, unsupported_route=f"{spelling} {value}")
    if (name, value.lower()) in _NO_AGENT:
        return replace(found, no_agent=True)
    if name == "port":
        return replace(found, port=int(value) if value.isdigit() else None)
    if name in _TEXTS:
        change: dict[str, t.Any] = {_TEXTS[name]: value}
        return replace(found, **change)
    if name == "identityfile":
        return replace(found, identity_files=(value,))
    if name == "revokedhostkeys":
        return found if value.lower() == "none" else replace(found, revoked_host_keys=os.path.expanduser(value))
    return found


def _known_hosts_files(seen: t.Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the known-hosts files in ssh's order, or None when the arguments name no files of either kind."""
    user, system = seen.get("userknownhostsfile"), seen.get("globalknownhostsfile")
    if user is None and system is None:
        return None
    names = [*(_USER_FILES if user is None else user.split()), *(_SYSTEM_FILES if system is None else system.split())]
    return tuple(name for name in names if name != "none")
