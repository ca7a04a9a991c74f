# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""From an inventory host to an endpoint: the options of its own connection plugin, with Ansible's own precedence."""

from __future__ import annotations

import getpass
import os
import typing as t
from dataclasses import dataclass

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import connection_loader

from ..module_utils._errors import InputError
from ._jumps import Hop
from ._secrets import read_controller_file
from ._ssh_arguments import SshArguments, read_ssh_arguments

Params = t.Dict[str, t.Any]

# Its attributes are made when it is imported.
_constants: t.Any = constants

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
LOCAL_CONNECTIONS = frozenset({"local", "ansible.builtin.local", "ansible.legacy.local"})
_KNOWN_HOSTS_OPTIONS = ("host_keys", "known_hosts", "known_hosts_files")


@dataclass(frozen=True)
class EndpointResolver:
    """Fills endpoints in from the inventory, for one task.

    ``task``, ``connection``, ``play_context``, ``loader`` and ``templar`` are those of the action plugin; ``variables``
    are the task's.
    """

    task: t.Any
    connection: t.Any
    play_context: t.Any
    loader: t.Any
    templar: t.Any
    variables: t.Mapping[str, t.Any]

    def resolve(self, given: object, *, role: str, is_jump: bool = False) -> object:
        """Return the suboptions of an endpoint with everything that the inventory adds.

        What is not a mapping is returned as it is, for the module to refuse. A jump is reached in no other way than the
        task says, as ssh hands none of its arguments on to the one that makes the jump. Raises InputError.
        """
        if given is not None and not isinstance(given, t.Mapping):
            return given
        params = {str(key): value for key, value in (given or {}).items() if key == "path" or not _is_blank(value)}
        if is_local(params):
            params.pop("inventory_host", None)
            return params
        named, spelled_out = _text(params.get("inventory_host")), _text(params.get("host"))
        if named or not spelled_out:
            params = self._filled_in(params, named, role, is_jump=is_jump)
        if not is_local(params):
            params["user"] = _text(params.get("user")) or getpass.getuser()
            self._read_secrets(params, role)
            if isinstance(params.get("jump"), list):
                params["jump"] = [self._resolved_jump(hop, role) for hop in params["jump"]]
        return params

    def _resolved_jump(self, given: object, role: str) -> object:
        if isinstance(given, t.Mapping) and not _text(given.get("inventory_host")) and not _text(given.get("host")):
            raise InputError(
                "invalid_input",
                "an entry of jump names no server",
                remedy="Give 'inventory_host' or 'host' for each of them.",
                role=role,
            )
        resolved = self.resolve(given, role=role, is_jump=True)
        if isinstance(resolved, dict) and resolved.pop("jump", None):
            raise InputError(
                "invalid_input",
                "a jump has jumps of its own",
                remedy="List all of them in the endpoint's 'jump', the one nearest to the controller first.",
                role=role,
            )
        return resolved

    def _filled_in(self, params: Params, named: str, role: str, *, is_jump: bool) -> Params:
        options = self._options_of(named, role)
        if options is None:
            return {**params, "local": True}
        states_the_way = is_jump or "jump" in params or "host" in params
        self._read_secrets(params, role)
        arguments = read_ssh_arguments(
            [_text(_option(options, name)) for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")]
        )
        inherited: Params = {
            "inventory_host": named or self.play_host(),
            "host": _option(options, "host") or _option(options, "remote_addr"),
            "port": _option(options, "port") or arguments.port,
            "user": _option(options, "remote_user") or arguments.user,
            "password": _option(options, "password"),
            "use_agent": False if arguments.no_agent else None,
            **self._inherited_key(params, options, arguments),
            **_inherited_trust(params, arguments),
        }
        for name, value in inherited.items():
            if not _is_given(params.get(name)) and _is_given(value):
                params[name] = value
        if not states_the_way:
            self._refuse_detours(arguments, params["inventory_host"], role)
        # Arguments of a whole group stand for the jump's own host as well, which needs no jump to itself.
        hops = [hop for hop in arguments.jumps if hop.host != params["inventory_host"]]
        if hops and "jump" not in params and not is_jump:
            params["jump"] = [self._jump_through(hop, params) for hop in hops]
        return params

    def _jump_through(self, hop: Hop, target: Params) -> Params:
        """Return the endpoint of a hop that the inventory's SSH arguments name.

        A name that the inventory knows has that host's own settings. Any other gets the target's key and known hosts,
        and never its password.
        """
        stated = {"port": hop.port, "user": hop.user or None}
        if hop.host in (self.variables.get("hostvars") or {}):
            return {"inventory_host": hop.host, **{name: value for name, value in stated.items() if value}}
        shared = ("private_key", "private_key_file", "private_key_passphrase", "certificate", "use_agent")
        trust = ("known_hosts", "known_hosts_files", "revoked_host_keys")
        return {"host": hop.host, **stated, **{name: target[name] for name in (*shared, *trust) if name in target}}

    @staticmethod
    def _inherited_key(params: Params, options: t.Any, arguments: SshArguments) -> Params:  # noqa: ANN401
        """A key that the task states, in either form, wins over the inventory's as a whole."""
        if _text(params.get("private_key")) or _text(params.get("private_key_file")):
            return {}
        return {
            "private_key_file": _option(options, "private_key_file") or arguments.identity_file,
            "private_key": _option(options, "private_key"),
            "private_key_passphrase": _option(options, "private_key_passphrase"),
        }

    @staticmethod
    def _refuse_detours(arguments: SshArguments, host: str, role: str) -> None:
        if arguments.detour:
            raise InputError(
                "invalid_input",
                f"the SSH arguments of {host} reach it through {arguments.detour}, which this version cannot follow",
                remedy="Give the endpoint a direct address, or run the task where the server can be reached directly.",
                role=role,
                host=host,
            )

    def play_host(self) -> str:
        """Return the name of the host that the task is for, the delegated one where there is one."""
        return str(self.task.delegate_to or self.variables.get("inventory_hostname") or "")

    def is_this_machine(self, named: str, *, role: str) -> bool:
        """Tell whether a host, or with an empty name the play's host, is the controller. Raises InputError."""
        return self._options_of(named, role) is None

    def _options_of(self, named: str, role: str) -> t.Any:  # noqa: ANN401 - a connection plugin
        """Return a connection plugin that holds the host's options, or None for this machine."""
        is_play_host = not named or named == self.play_host()
        variables = self._variables_of(self._known_name(named), role)
        own_kind = _text(self._value_of(variables, "ansible_connection"))
        by_keyword = is_play_host and self.connection.transport in LOCAL_CONNECTIONS
        if own_kind in LOCAL_CONNECTIONS or (by_keyword and not own_kind and self._is_this_machine(variables)):
            return None
        if is_play_host and not by_keyword and _option(self.connection, "host"):
            return self.connection
        return self._loaded(own_kind or _constants.DEFAULT_TRANSPORT, variables)

    def _known_name(self, named: str) -> str:
        """Return the name of a host in the inventory, empty for a host of the play that is not in there.

        Ansible adds what the play's connection is to the task's variables, so that only the host's own tell its kind.
        """
        name = named or self.play_host()
        is_stray = name == self.play_host() and name not in (self.variables.get("hostvars") or {})
        return "" if is_stray else name

    def _is_this_machine(self, variables: t.Mapping[str, t.Any]) -> bool:
        """Tell whether the play's host is this machine by its name and address.

        A play's ``connection: local`` says where its modules run, and not what its host is: a server stays one.
        """
        address = _text(self._value_of(variables, "ansible_host")) or self.play_host()
        return {self.play_host(), address} <= _LOCAL_HOSTS

    def _value_of(self, variables: t.Mapping[str, t.Any], name: str) -> t.Any:  # noqa: ANN401
        return self.templar.template(variables[name]) if name in variables else None

    def _variables_of(self, named: str, role: str) -> t.Mapping[str, t.Any]:
        if not named:
            delegated = self.variables.get("ansible_delegated_vars") or {}
            return t.cast("t.Mapping[str, t.Any]", delegated.get(self.task.delegate_to, self.variables))
        hostvars = self.variables.get("hostvars") or {}
        if named not in hostvars:
            raise InputError(
                "invalid_input",
                f"inventory_host {named!r} is not in the inventory",
                remedy="Check the spelling, or spell the server out with 'host'.",
                role=role,
                host=named,
            )
        return t.cast("t.Mapping[str, t.Any]", hostvars[named])

    def _loaded(self, kind: str, variables: t.Mapping[str, t.Any]) -> t.Any:  # noqa: ANN401 - a connection plugin
        """Load the host's connection plugin and set its options as the task executor does, without connecting."""
        plugin = connection_loader.get(kind, self.play_context, os.devnull) if "ssh" in kind else None
        if plugin is None:
            plugin = connection_loader.get("ansible.builtin.ssh", self.play_context, os.devnull)
        names = _constants.config.get_plugin_vars("connection", plugin._load_name)
        plugin.set_options(
            task_keys=self.task_keys(),
            var_options={name: self.templar.template(variables[name]) for name in names if name in variables},
        )
        return plugin

    def task_keys(self) -> Params:
        """Return what the task's keywords and the command line say about reaching any host."""
        keys = {**self.task.dump_attrs(), "timeout": self.play_context.timeout, "password": self.typed("password")}
        return {name: value for name, value in keys.items() if name != "retries" and (name != "password" or value)}

    def typed(self, name: str) -> str:
        """Return the ``password`` or ``become_pass`` of the command line.

        It comes in the play context, where a variable of the play's host replaces it: that one is for its host alone.
        """
        own = self._variables_of("", "")
        if any(variable in own for variable in _constants.MAGIC_VARIABLE_MAPPING[name]):
            return ""
        return _text(getattr(self.play_context, name))

    def _read_secrets(self, params: Params, role: str) -> None:
        """Turn paths on the controller into what is in those files, so that the module needs no file of ours."""
        path = _text(params.pop("private_key_file", None))
        if path and not _text(params.get("private_key")):
            params["private_key"] = read_controller_file(self.loader, path, what="private key", role=role)
        certificate = _text(params.get("certificate"))
        if certificate and len(certificate.split()) == 1:
            params["certificate"] = read_controller_file(self.loader, certificate, what="certificate", role=role)
        for name in ("private_key", "certificate"):
            if _is_blank(params.get(name)):
                params.pop(name, None)


def is_local(params: t.Mapping[str, t.Any]) -> bool:
    """Say whether suboptions state that the endpoint is the file system of the machine that runs the module."""
    return _is_true(params.get("local"))


def _inherited_trust(params: Params, arguments: SshArguments) -> Params:
    """Trust that the task states replaces what the inventory says, as a whole: half of each would be neither."""
    revoked = os.path.expanduser(arguments.revoked_host_keys)
    always = {"host_key_alias": arguments.host_key_alias, "revoked_host_keys": revoked}
    no_files = params.get("known_hosts_files") == []
    if no_files or any(_is_given(params.get(name)) for name in _KNOWN_HOSTS_OPTIONS):
        return always
    return {"known_hosts_files": arguments.known_hosts_files, **always}


def _option(plugin: t.Any, name: str) -> t.Any:  # noqa: ANN401
    """Return a plugin's option, or None where this plugin has no such option."""
    try:
        return plugin.get_option(name)
    except (KeyError, AttributeError):
        return None


def _is_blank(value: object) -> bool:
    """AWX hands over empty text for whatever was left blank, lists and booleans included."""
    return value is None or (isinstance(value, str) and not value.strip())


def _is_given(value: object) -> bool:
    return bool(value) if isinstance(value, (list, tuple)) else bool(_text(value))


def _text(value: object) -> str:
    return "" if value is None or not str(value).strip() else str(value)


def _is_true(value: object) -> bool:
    return boolean(value, strict=False) if value is not None else False
