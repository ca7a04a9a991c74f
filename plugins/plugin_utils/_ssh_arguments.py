# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What ``ssh_args`` and its kin in an inventory say about where a server is and how it is trusted."""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass, replace

from ..module_utils._errors import InputError
from ._jumps import Hop, read_proxy_command, read_proxy_jump, taken_apart

_UNFOLLOWED = {
    "hostname": "HostName",
    "configfile": "a configuration file (-F)",
    "proxyusefdpass": "ProxyUseFdpass",
}
_SHORT = {"p": "port", "l": "user", "i": "identityfile", "J": "proxyjump", "F": "configfile"}
_TEXTS = {"user": "user", "identityfile": "identity_file", "hostkeyalias": "host_key_alias"}
_HARMLESS = frozenset({("configfile", "none"), ("configfile", "/dev/null"), ("proxyusefdpass", "no")})
_NO_AGENT = frozenset({("identitiesonly", "yes"), ("identityagent", "none")})
# The first of the two that is given counts (ssh_config(5), ProxyJump), but ``ProxyJump none`` lets a command count.
_JUMP_READERS = {
    "proxyjump": ("ProxyJump", read_proxy_jump),
    "proxycommand": ("ProxyCommand", read_proxy_command),
}


@dataclass(frozen=True)
class SshArguments:
    """The settings among ssh's arguments that matter here.

    ``jumps`` are the servers to go through, nearest first. ``detour`` names a setting that leads elsewhere in a way
    that cannot be followed. ``no_agent`` says that no key but those of files is to be offered.

    ``StrictHostKeyChecking`` and ciphers are not among them: hosts are always verified, and algorithms are ours.
    """

    port: int | None = None
    user: str = ""
    identity_file: str = ""
    host_key_alias: str = ""
    user_known_hosts_files: tuple[str, ...] | None = None
    global_known_hosts_files: tuple[str, ...] | None = None
    revoked_host_keys: str = ""
    no_agent: bool = False
    jumps: tuple[Hop, ...] = ()
    detour: str = ""

    @property
    def known_hosts_files(self) -> list[str] | None:
        """The known-hosts files to read, in ssh's order; None where the arguments name neither kind."""
        if self.user_known_hosts_files is None and self.global_known_hosts_files is None:
            return None
        user = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
        system = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
        chosen = (self.user_known_hosts_files, user), (self.global_known_hosts_files, system)
        return [name for given, default in chosen for name in (default if given is None else given) if name != "none"]


def read_ssh_arguments(texts: t.Iterable[str]) -> SshArguments:
    """Return what the arguments say; as with ssh itself, the first value of a setting counts (ssh_config(5))."""
    found = SshArguments()
    seen: set[str] = set()
    for name, value in _settings([word for text in texts for word in _words(text)]):
        overruled = name == "proxyjump" and "proxycommand" in seen
        if name not in seen and not overruled and (name, value.lower()) not in _HARMLESS:
            seen.add(name)
            found = _with(found, name, value)
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as exc:
        raise InputError(
            "invalid_input", f"the SSH arguments {text!r} cannot be read: {exc}", remedy="Mend the quotes in them."
        ) from exc


def _settings(words: t.Sequence[str]) -> t.Iterator[tuple[str, str]]:
    """Yield settings by their lower-case names, from ``-o Name=value``, ``-oName value`` and the short flags."""
    for flag, value in taken_apart(words):
        if flag == "o":
            name, _equals, setting = value.replace("=", " ", 1).strip().partition(" ")
            yield name.lower(), setting.strip().strip('"')
        elif flag in _SHORT:
            yield _SHORT[flag], value


def _with(found: SshArguments, name: str, value: str) -> SshArguments:
    if name in _UNFOLLOWED:
        return replace(found, detour=f"{_UNFOLLOWED[name]} {value}")
    if name in _JUMP_READERS and value.lower() != "none" and not found.jumps:
        spelling, read = _JUMP_READERS[name]
        hops = read(value)
        return replace(found, detour=f"{spelling} {value}") if hops is None else replace(found, jumps=hops)
    if (name, value.lower()) in _NO_AGENT:
        return replace(found, no_agent=True)
    if name == "port":
        return replace(found, port=int(value) if value.isdigit() else None)
    if name in _TEXTS:
        change: dict[str, t.Any] = {_TEXTS[name]: value}
        return replace(found, **change)
    if name == "revokedhostkeys":
        return found if value.lower() == "none" else replace(found, revoked_host_keys=value)
    if name == "userknownhostsfile":
        return replace(found, user_known_hosts_files=tuple(value.split()))
    if name == "globalknownhostsfile":
        return replace(found, global_known_hosts_files=tuple(value.split()))
    return found
