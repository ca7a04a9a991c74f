# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Resolve endpoints from the inventory: read the options of a host's connection plugin, with Ansible's precedence."""

from __future__ import annotations

import getpass
import os
import typing as t
from dataclasses import dataclass, field

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import connection_loader
from ansible.utils.display import Display

from ..module_utils._errors import InputError
from ._secrets import read_controller_file
from ._ssh_arguments import as_options, read_ssh_arguments, split_arguments
from ._ssh_config import SshSettings, find_ssh, user_config_file
from ._ssh_endpoint import NO_PROXY, SshResolver, completed, inherited_key, inherited_trust, text

Params = t.Dict[str, t.Any]

# Its attributes are created at import, so type checkers do not know them.
_constants: t.Any = constants

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
LOCAL_CONNECTIONS = frozenset({"local", "ansible.builtin.local", "ansible.legacy.local"})
# In the order in which Ansible's ssh connection passes them to ssh.
_ARGUMENTS = ("ssh_args", "ssh_common_args", "ssh_extra_args")
_KEY_VARIABLES = ("private_key_file", "private_key", "private_key_passphrase")


@dataclass(frozen=True)
class EndpointResolver:
    """Completes the endpoints of one task from the inventory.

    ``task``, ``connection``, ``play_context``, ``loader`` and ``templar`` are those of the action plugin.
    ``variables`` are those of the task.
    """

    task: t.Any
    connection: t.Any
    play_context: t.Any
    loader: t.Any
    templar: t.Any
    variables: t.Mapping[str, t.Any]
    ssh_resolver: SshResolver = field(default_factory=SshResolver)

    def resolve(self, given: object, *, role: str, is_jump: bool = False) -> object:
        """Return the suboptions of an endpoint, completed from the inventory. Raises InputError.

        A value that is no mapping is returned unchanged; the module refuses it. A jump gets no jumps and no proxy from
        the inventory, because ssh passes none of its arguments to the ssh that makes the jump.
        """
        if given is not None and not isinstance(given, t.Mapping):
            return given
        params = {str(key): value for key, value in (given or {}).items() if key == "path" or not _is_blank(value)}
        reads_config = _is_true(params.pop("ssh_config", None))
        if is_local(params):
            params.pop("inventory_host", None)
            return params
        named, spelled_out = text(params.get("inventory_host")), text(params.get("host"))
        if named or not spelled_out:
            params = self._filled_in(params, named, role, is_jump=is_jump)
        elif reads_config:
            params = self._as_configured(params, role, is_jump=is_jump)
        if not is_local(params):
            params["user"] = text(params.get("user")) or getpass.getuser()
            self._read_secrets(params, role)
            if isinstance(params.get("jump"), list):
                params["jump"] = [self._resolved_jump(hop, role) for hop in params["jump"]]
        return params

    def _resolved_jump(self, given: object, role: str) -> object:
        if isinstance(given, t.Mapping) and not text(given.get("inventory_host")) and not text(given.get("host")):
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
        """Return the suboptions of an inventory host, completed from its connection variables and ssh's settings."""
        options = self._options_of(named, role)
        if options is None:
            return {**params, "local": True}
        self._read_secrets(params, role)
        name = named or self.play_host()
        address = text(params.get("host")) or text(_option(options, "host") or _option(options, "remote_addr"))
        states_route = is_jump or "jump" in params or "host" in params
        ssh = find_ssh(text(_option(options, "ssh_executable")))
        if ssh:
            words = _command_line(options, params, takes_no_proxy=states_route)
            settings = self.ssh_resolver.query(ssh, words, address, role=role, label=name)
            port, user = settings.port, settings.user
        else:
            settings = self._without_ssh(options, name)
            port = _option(options, "port") or settings.port
            user = _option(options, "remote_user") or settings.user
        inherited: Params = {
            "inventory_host": name,
            "host": settings.host or address,
            "port": port,
            "user": user,
            "password": _option(options, "password"),
            **inherited_key(params, settings, {name: _option(options, name) for name in _KEY_VARIABLES}),
            **inherited_trust(params, settings, name, role),
        }
        found = completed(params, inherited)
        return found if states_route else self._with_jumps(found, settings, ssh, params, role)

    def _as_configured(self, params: Params, role: str, *, is_jump: bool) -> Params:
        """Return the suboptions of a server that ``host`` names, completed from the ssh_config files."""
        address, ssh = text(params["host"]), find_ssh("ssh")
        if not ssh:
            raise InputError(
                "dependency_missing",
                "ssh_config is true, and there is no ssh on the controller that could read the files",
                remedy="Install OpenSSH's client on the controller, or leave ssh_config out.",
                role=role,
                host=address,
            )
        self._read_secrets(params, role)
        states_route = is_jump or "jump" in params
        words = as_options(Port=params.get("port"), User=params.get("user"))
        settings = self.ssh_resolver.query(ssh, [*NO_PROXY, *words] if states_route else words, address, role=role)
        inherited: Params = {
            "port": settings.port,
            "user": settings.user,
            **inherited_key(params, settings),
            **inherited_trust(params, settings, address, role),
        }
        # ssh is queried with the name in the task. HostName then gives the address, as for ssh.
        found = completed({**params, "host": settings.host}, inherited)
        return found if states_route else self._with_jumps(found, settings, ssh, params, role)

    @staticmethod
    def _without_ssh(options: t.Any, name: str) -> SshSettings:  # noqa: ANN401
        config_file = user_config_file()
        if config_file and _option(options, "ssh_executable"):
            Display().warning(f"{config_file} is not read for {name}: there is no ssh on the controller that could")
        return read_ssh_arguments(
            [word for name in _ARGUMENTS for word in split_arguments(text(_option(options, name)))]
        )

    def _with_jumps(self, params: Params, settings: SshSettings, ssh: str, stated: Params, role: str) -> Params:
        known = self.variables.get("hostvars") or {}
        jumps = self.ssh_resolver.jumps(params, settings, ssh, stated=stated, known=known, role=role)
        return {**params, "jump": jumps} if jumps else params

    def play_host(self) -> str:
        """Return the name of the task's host: the ``delegate_to`` host if there is one."""
        return str(self.task.delegate_to or self.variables.get("inventory_hostname") or "")

    def is_this_machine(self, named: str, *, role: str) -> bool:
        """Return whether a host is the controller; an empty name means the play's host. Raises InputError."""
        return self._options_of(named, role) is None

    def _options_of(self, named: str, role: str) -> t.Any:  # noqa: ANN401 - a connection plugin
        """Return a connection plugin with the options of the host, or None for this machine."""
        is_play_host = not named or named == self.play_host()
        variables = self._variables_of(self._known_name(named), role)
        own_kind = text(self._value_of(variables, "ansible_connection"))
        by_keyword = is_play_host and self.connection.transport in LOCAL_CONNECTIONS
        if own_kind in LOCAL_CONNECTIONS or (by_keyword and not own_kind and self._is_this_machine(variables)):
            return None
        if is_play_host and not by_keyword and _option(self.connection, "host"):
            return self.connection
        return self._loaded(own_kind or _constants.DEFAULT_TRANSPORT, variables)

    def _known_name(self, named: str) -> str:
        """Return the name of a host in the inventory, or an empty text for a play's host that is not in it.

        Ansible adds the play's connection to the task's variables. Only the host's own variables state its connection.
        """
        name = named or self.play_host()
        is_stray = name == self.play_host() and name not in (self.variables.get("hostvars") or {})
        return "" if is_stray else name

    def _is_this_machine(self, variables: t.Mapping[str, t.Any]) -> bool:
        """Return whether name and address of the play's host are those of this machine.

        ``connection: local`` of a play states where modules run. Its host may still be a server.
        """
        address = text(self._value_of(variables, "ansible_host")) or self.play_host()
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
        """Return the host's connection plugin with options set as by the task executor, not connected."""
        plugin = connection_loader.get(kind, self.play_context, os.devnull) if "ssh" in kind else None
        if plugin is None:
            plugin = connection_loader.get("ansible.builtin.ssh", self.play_context, os.devnull)
        names = _constants.config.get_plugin_vars("connection", plugin._load_name)
        given = {name: self.templar.template(variables[name]) for name in names if name in variables}
        try:
            plugin.set_options(task_keys=self.task_keys(), var_options=given)
        except AnsibleError:
            raise _wrong_types(given) from None  # its message shows the value, which may be a password
        return plugin

    def task_keys(self) -> Params:
        """Return the connection settings from the task's keywords and the command line, which apply to every host."""
        keys = {
            **self.task.dump_attrs(),
            "timeout": self.play_context.timeout,
            "password": self.from_command_line("password"),
        }
        return {name: value for name, value in keys.items() if name != "retries" and (name != "password" or value)}

    def from_command_line(self, name: str) -> str:
        """Return the ``password`` or ``become_pass`` of the command line, or an empty text.

        The play context holds it, unless a variable of the play's host replaced it. That variable is only for its host.
        """
        own = self._variables_of("", "")
        if any(variable in own for variable in _constants.MAGIC_VARIABLE_MAPPING[name]):
            return ""
        return text(getattr(self.play_context, name))

    def _read_secrets(self, params: Params, role: str) -> None:
        """Replace paths of keys and certificates by the contents of these files on the controller."""
        path = text(params.pop("private_key_file", None))
        if path and not text(params.get("private_key")):
            params["private_key"] = read_controller_file(self.loader, path, what="private key", role=role)
        certificate = text(params.get("certificate"))
        if certificate and len(certificate.split()) == 1:
            params["certificate"] = read_controller_file(self.loader, certificate, what="certificate", role=role)
        for name in ("private_key", "certificate"):
            if _is_blank(params.get(name)):
                params.pop(name, None)


def is_local(params: t.Mapping[str, t.Any]) -> bool:
    """Return whether the endpoint is the file system of the machine that runs the module."""
    return _is_true(params.get("local"))


def _command_line(options: t.Any, params: Params, *, takes_no_proxy: bool) -> list[str]:  # noqa: ANN401
    """Return ssh's arguments in the order of Ansible's ssh connection: ssh uses the first value of a setting.

    The values that the task states come first.
    """
    first, *others = (split_arguments(text(_option(options, name))) for name in _ARGUMENTS)
    variables = as_options(Port=_option(options, "port"), User=_option(options, "remote_user"))
    stated = as_options(Port=params.get("port"), User=params.get("user"))
    words = [*stated, *first, *variables, *(word for words in others for word in words)]
    return [*NO_PROXY, *words] if takes_no_proxy else words


def _wrong_types(given: t.Mapping[str, t.Any]) -> InputError:
    """Return the error that names the connection variables with values of a wrong type."""
    wrong = [name for name, value in given.items() if isinstance(value, (list, tuple, t.Mapping))] or list(given)
    return InputError(
        "invalid_input",
        f"Ansible does not take the value of a connection variable: {', '.join(sorted(wrong))}",
        remedy="Its value is not shown. Passwords, keys and paths are texts.",
    )


def _option(plugin: t.Any, name: str) -> t.Any:  # noqa: ANN401
    """Return an option of a plugin, or None when the plugin has no such option."""
    try:
        return plugin.get_option(name)
    except (KeyError, AttributeError):
        return None


def _is_blank(value: object) -> bool:
    """Return whether a value is None or blank text, which AWX sends for each empty field of any type."""
    return value is None or (isinstance(value, str) and not value.strip())


def _is_true(value: object) -> bool:
    return boolean(value, strict=False) if value is not None else False
