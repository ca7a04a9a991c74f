# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Set up Ansible's own connection to a host, to run a module there that receives credentials."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import become_loader, connection_loader
from ansible.template import Templar

from ..module_utils._errors import InputError
from ._endpoints import LOCAL_CONNECTIONS, EndpointResolver

Vars = t.Dict[str, t.Any]

_constants: t.Any = constants

# ssh uses the first value of a setting (ssh_config(5)). A connection of an earlier task is not shared: whether its host
# key was verified is unknown.
_SSH_FIRST = "-o StrictHostKeyChecking=yes -o ControlMaster=no -o ControlPath=none"
_SSH_LAST = "-o ServerAliveInterval=15 -o ServerAliveCountMax=4"


class HostAction(t.NamedTuple):
    """An action plugin for another host, and the variables of a task on that host."""

    plugin: t.Any
    variables: Vars


@contextlib.contextmanager
def action_on(name: str, *, plugin: ActionBase, resolver: EndpointResolver) -> t.Iterator[HostAction]:
    """Yield a copy of the action plugin ``plugin`` for the host ``name``, and clean up after the block.

    Connection, become and interpreter are those of a task that is delegated to the host. ssh must know the host key,
    independent of Ansible's settings. Module and arguments go through a pipe where the connection supports pipelining.
    """
    is_play_host = name == resolver.play_host() and plugin._connection.transport not in LOCAL_CONNECTIONS
    action = _action_as_is(plugin, resolver) if is_play_host else _action_for(name, plugin, resolver)
    with _hardened(action.plugin._connection):
        try:
            yield action
        finally:
            action.plugin.cleanup(force=True)


def _action_as_is(plugin: t.Any, resolver: EndpointResolver) -> HostAction:  # noqa: ANN401
    return HostAction(_copy_of(plugin, _task_of(plugin)), dict(resolver.variables))


def _action_for(name: str, plugin: t.Any, resolver: EndpointResolver) -> HostAction:  # noqa: ANN401
    hostvars = resolver.variables["hostvars"]
    own: Vars = {"ansible_facts": {}, **hostvars.raw_get(name)}
    templar = Templar(loader=resolver.loader, variables={**own, "hostvars": hostvars})
    task = _task_of(plugin)
    task.delegate_to, task.delegate_facts = name, False
    connection = _connection_to(name, task, own, templar, resolver)
    variables = {**resolver.variables, "ansible_delegated_vars": {name: own}}
    changed = {"connection": connection, "play_context": connection._play_context, "templar": templar}
    return HostAction(_copy_of(plugin, task, **changed), variables)


def _task_of(plugin: t.Any) -> t.Any:  # noqa: ANN401 - a task
    task = plugin._task.copy()
    task.environment = list(task.environment or [])
    task.async_val = 0
    return task


def _copy_of(plugin: t.Any, task: t.Any, **changed: t.Any) -> t.Any:  # noqa: ANN401
    names = ("connection", "play_context", "loader", "templar", "shared_loader_obj")
    return type(plugin)(task=task, **{name: changed.get(name, getattr(plugin, f"_{name}")) for name in names})


ValueOf = t.Callable[[str], t.Any]


def _connection_to(name: str, task: t.Any, own: Vars, templar: t.Any, resolver: EndpointResolver) -> t.Any:  # noqa: ANN401
    """Return the host's connection plugin with its shell and become plugins, set up as by the task executor."""

    def value_of(variable: str) -> t.Any:  # noqa: ANN401 - a variable of any type
        return templar.template(own[variable]) if variable in own else None

    kind = str(value_of("ansible_connection") or task.connection or "smart")
    if kind in LOCAL_CONNECTIONS or kind == "smart":
        kind = "ansible.builtin.ssh"
    context = resolver.play_context.copy()
    context.connection, context.remote_addr, context.remote_user, context.port = kind, name, task.remote_user, None
    context.password, context.become_pass = (
        resolver.from_command_line("password"),
        resolver.from_command_line("become_pass"),
    )
    context.shell, context.executable = (
        value_of("ansible_shell_type"),
        value_of("ansible_shell_executable") or "/bin/sh",
    )
    connection = _found(connection_loader.get(kind, context, os.devnull), "connection", kind, name)
    become = _become(task, value_of, name)
    connection.set_become_plugin(become)
    if become is not None:
        context.set_become_plugin(become.name)
    keys = {**resolver.task_keys(), **({"become_pass": context.become_pass} if context.become_pass else {})}
    for sort, part in (("connection", connection), ("shell", connection._shell), ("become", become)):
        if part is not None:
            variables = _constants.config.get_plugin_vars(sort, part._load_name)
            part.set_options(task_keys=keys, var_options={key: value_of(key) for key in variables if key in own})
    context.set_attributes_from_plugin(connection)
    return connection


def _become(task: t.Any, value_of: ValueOf, host: str) -> t.Any:  # noqa: ANN401 - a become plugin, or None
    wanted = value_of("ansible_become")
    if not (task.become if wanted is None else boolean(wanted)):
        return None
    method = value_of("ansible_become_method") or task.become_method or _constants.DEFAULT_BECOME_METHOD
    return _found(become_loader.get(method), "become", method, host)


def _found(plugin: t.Any, sort: str, name: str, host: str) -> t.Any:  # noqa: ANN401
    if plugin is None:
        raise InputError(
            "invalid_input", f"there is no {sort} plugin {name!r}, which it is to be reached by", host=host
        )
    return plugin


@contextlib.contextmanager
def _hardened(connection: t.Any) -> t.Iterator[None]:  # noqa: ANN401
    """Set the options that verify the host key and keep arguments out of files, and restore them after the block."""
    before = {name: connection.get_option(name) for name in _HARDENED_OPTIONS if _has_option(connection, name)}
    try:
        for name, given in before.items():
            connection.set_option(name, _HARDENED_OPTIONS[name](given))
        yield
    finally:
        for name, given in before.items():
            connection.set_option(name, given)


_HARDENED_OPTIONS: t.Mapping[str, t.Callable[[t.Any], t.Any]] = {
    "pipelining": lambda _given: True,
    "host_key_checking": lambda _given: True,
    "host_key_auto_add": lambda _given: False,
    "ssh_args": lambda given: f"{_SSH_FIRST} {given or ''}",
    "ssh_extra_args": lambda given: f"{given or ''} {_SSH_LAST}",
}


def _has_option(connection: t.Any, name: str) -> bool:  # noqa: ANN401
    try:
        connection.get_option(name)
    except (KeyError, AttributeError):
        return False
    return True
