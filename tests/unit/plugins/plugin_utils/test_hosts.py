# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying an action plugin for another host of the inventory, with Ansible's own classes."""

from __future__ import annotations

import json
import os
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader, init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._endpoints import EndpointResolver
from ansible_collections.backhaul.sftp.plugins.plugin_utils._hosts import HostAction, action_on

Vars = t.Dict[str, t.Any]


@pytest.fixture(scope="module", autouse=True)
def named_plugins() -> t.Iterator[None]:
    """Initialise Ansible's plugin loader for this file only, because it changes how Python imports."""
    init_plugin_loader()
    yield
    _AnsibleCollectionFinder._remove()


class Action(ActionBase):
    """An action plugin that is never run."""

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> Vars:
        """Do nothing."""
        return {}


@dataclass
class Play:
    """A task of a play on the host ``here``."""

    folder: Path
    hosts: dict[str, Vars]

    def on(self, name: str, *, passwords: Vars | None = None, **keywords: t.Any) -> t.ContextManager[HostAction]:
        """Return the copy of the task's plugin for a host."""
        path = self.folder / "inventory.json"
        path.write_text(json.dumps({"all": {"hosts": {"here": {}, **self.hosts}}}), encoding="utf-8")
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[str(path)])
        manager = VariableManager(loader=loader, inventory=inventory)
        everyone = HostVars(inventory=inventory, variable_manager=manager, loader=loader)
        variables = {**manager.get_vars(host=inventory.get_host("here")), "hostvars": everyone}
        task = Task.load({"action": "ping", **keywords})
        templar = Templar(loader=loader, variables=variables)
        context = PlayContext(passwords=passwords or {})
        context = context.set_task_and_variable_override(task=task, variables=variables, templar=templar)
        connection = connection_loader.get("ansible.builtin.ssh", context, os.devnull)
        connection.set_options(var_options=variables)
        nothing: t.Any = None
        plugin = Action(task, connection, context, loader, templar, nothing)
        return action_on(
            name, plugin=plugin, resolver=EndpointResolver(task, connection, context, loader, templar, variables)
        )


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Return a play on a host with its own settings, in an inventory with other hosts."""
    own = {"ansible_user": "mine", "ansible_password": "my password", "ansible_become_password": "mine too"}
    there = {"ansible_host": "{{ address }}", "address": "192.0.2.2", "ansible_user": "ops", "ansible_port": 2222}
    shell = {"ansible_remote_tmp": "/var/tmp/{{ inventory_hostname }}", "ansible_ssh_common_args": "-J x"}
    become = {"ansible_become_method": "su", "ansible_become_user": "backup", "ansible_become_password": "theirs"}
    return Play(tmp_path, {"here": own, "there": {**there, **shell}, "become": become, "bare": {}})


def _options(host: HostAction, *names: str) -> list[t.Any]:
    return [host.plugin._connection.get_option(name) for name in names]


def test_the_connection_is_that_of_the_host_and_not_of_the_play(play: Play) -> None:
    with play.on("there") as there:
        assert _options(there, "host", "remote_user", "port", "password") == ["192.0.2.2", "ops", 2222, None]
        assert there.plugin._connection._shell.get_option("remote_tmp") == "/var/tmp/there"
        assert there.plugin._connection.become is None
        assert there.plugin._task.delegate_to == "there"
        assert there.variables["ansible_delegated_vars"]["there"]["ansible_facts"] is not None
        assert there.variables["inventory_hostname"] == "here"
    with play.on("bare") as bare:
        assert _options(bare, "host", "remote_user", "password") == ["bare", None, None]


def test_become_is_that_of_task_and_host(play: Play) -> None:
    with play.on("become", become=True) as there:
        become = there.plugin._connection.become
        assert [become.name, *(become.get_option(f"become_{name}") for name in ("user", "pass"))] == [
            "su",
            "backup",
            "theirs",
        ]
    with play.on("bare", become=True, become_user="postgres") as bare:
        become = bare.plugin._connection.become
        assert [become.name, *(become.get_option(f"become_{name}") for name in ("user", "pass"))] == [
            "sudo",
            "postgres",
            None,
        ]


def test_passwords_of_the_command_line_are_for_every_host(play: Play) -> None:
    play.hosts["here"] = {}
    with play.on("bare", become=True, passwords={"conn_pass": "typed", "become_pass": "typed too"}) as bare:
        assert _options(bare, "password") == ["typed"]
        assert bare.plugin._connection.become.get_option("become_pass") == "typed too"


def test_the_host_of_the_play_keeps_its_connection(play: Play) -> None:
    with play.on("here") as here:
        assert here.plugin._task.delegate_to is None
        assert _options(here, "remote_user", "password", "pipelining") == ["mine", "my password", True]
        connection = here.plugin._connection
    assert connection.get_option("pipelining") is False
    assert "StrictHostKeyChecking" not in str(connection.get_option("ssh_args"))


def test_the_host_must_be_known_despite_all_settings(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play.hosts["there"].update(
        ansible_host_key_checking=False, ansible_ssh_args="-o StrictHostKeyChecking=no -o ControlMaster=auto"
    )
    with play.on("there") as there:
        checking, pipelining, arguments = _options(there, "host_key_checking", "pipelining", "ssh_args")
        assert (checking, pipelining) == (True, True)
        # ssh uses the first value of a setting.
        assert arguments.index("StrictHostKeyChecking=yes") < arguments.index("StrictHostKeyChecking=no")
        assert arguments.index("ControlMaster=no") < arguments.index("ControlMaster=auto")


def test_the_task_is_not_changed(play: Play) -> None:
    limit: Vars = {"async": 30}
    with play.on("there", environment=[{"A": "b"}], **limit) as there:
        there.plugin._task.environment.append({"C": "d"})
        assert there.plugin._task.async_val == 0


@pytest.mark.parametrize("variable", ["ansible_connection", "ansible_become_method"])
def test_a_missing_plugin_is_named(play: Play, variable: str) -> None:
    play.hosts["there"][variable] = "nonsense"
    with pytest.raises(InputError, match="nonsense"), play.on("there", become=True):
        pass
