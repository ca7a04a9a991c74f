# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolving endpoints from inventory variables, with Ansible's own classes."""

from __future__ import annotations

import getpass
import json
import os
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader, init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._endpoints import EndpointResolver

Vars = t.Dict[str, t.Any]


@pytest.fixture(scope="module", autouse=True)
def named_plugins() -> t.Iterator[None]:
    """Initialise Ansible's plugin loader for this file only, because it changes how Python imports."""
    init_plugin_loader()
    yield
    _AnsibleCollectionFinder._remove()


@dataclass
class Inventory:
    """Hosts with their variables; the play runs on ``runs_on``."""

    folder: Path
    hosts: dict[str, Vars] = field(default_factory=dict)
    runs_on: str = "here"
    typed_password: str = ""

    def resolver(self) -> EndpointResolver:
        """Return the resolver of a task on that host."""
        path = self.folder / "inventory.json"
        path.write_text(json.dumps({"all": {"hosts": {"here": {}, **self.hosts}}}), encoding="utf-8")
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[str(path)])
        manager = VariableManager(loader=loader, inventory=inventory)
        everyone = HostVars(inventory=inventory, variable_manager=manager, loader=loader)
        variables = {**manager.get_vars(host=inventory.get_host(self.runs_on)), "hostvars": everyone}
        task = Task.load({"action": "ping"})
        templar = Templar(loader=loader, variables=variables)
        context = PlayContext(passwords={"conn_pass": self.typed_password})
        context = context.set_task_and_variable_override(task=task, variables=variables, templar=templar)
        kind = variables.get("ansible_connection", "ansible.builtin.ssh")
        connection = connection_loader.get(kind, context, os.devnull)
        connection.set_options(var_options=variables)
        return EndpointResolver(
            task=task,
            connection=connection,
            play_context=context,
            loader=loader,
            templar=templar,
            variables=variables,
        )

    def resolve(self, role: str = "endpoint", **given: t.Any) -> Vars:
        """Return the suboptions of an endpoint."""
        return t.cast(Vars, self.resolver().resolve(given, role=role))


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory with a host of every usual kind."""
    return Inventory(
        tmp_path,
        {
            "backup": {
                "ansible_host": "192.0.2.1",
                "ansible_port": 2222,
                "ansible_user": "ops",
                "ansible_password": "word",
            },
            "bare": {},
            "arguments": {"ansible_ssh_common_args": "-p 23 -l arg -o UserKnownHostsFile=/k -o HostKeyAlias=alias"},
            "jumped": {"ansible_ssh_common_args": "-J backup,ops@other:24"},
            "elsewhere": {"ansible_ssh_common_args": "-o 'ProxyCommand nc %h %p'"},
            "mine": {"ansible_connection": "local"},
            "templated": {"ansible_host": "{{ address }}", "address": "192.0.2.9"},
        },
    )


def test_an_inventory_host_is_resolved_from_its_variables(inventory: Inventory) -> None:
    found = inventory.resolve(inventory_host="backup")
    assert {key: found[key] for key in ("inventory_host", "host", "port", "user", "password")} == {
        "inventory_host": "backup",
        "host": "192.0.2.1",
        "port": 2222,
        "user": "ops",
        "password": "word",
    }
    assert inventory.resolve(inventory_host="templated")["host"] == "192.0.2.9"
    bare = inventory.resolve(inventory_host="bare")
    assert (bare["host"], bare["user"]) == ("bare", getpass.getuser())
    assert "password" not in bare


def test_values_in_the_task_take_precedence(inventory: Inventory) -> None:
    found = inventory.resolve(inventory_host="backup", host="192.0.2.7", port=22, user="me", password="own")
    assert [found[key] for key in ("host", "port", "user", "password")] == ["192.0.2.7", 22, "me", "own"]


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_blanks_are_not_given(inventory: Inventory, blank: str | None) -> None:
    names = ("host", "port", "user", "password", "private_key", "private_key_file", "host_keys", "use_agent", "local")
    assert inventory.resolve(inventory_host="backup", **dict.fromkeys(names, blank)) == inventory.resolve(
        inventory_host="backup"
    )


def test_an_empty_path_is_left_for_the_module_to_refuse(inventory: Inventory) -> None:
    assert inventory.resolve(inventory_host="backup", path="")["path"] == ""


def test_without_a_name_the_endpoint_is_the_host_of_the_play(inventory: Inventory) -> None:
    inventory.runs_on = "backup"
    assert inventory.resolve(path="/x")["host"] == "192.0.2.1"
    inventory.runs_on = "mine"
    assert inventory.resolve(path="/x") == {"path": "/x", "local": True}


def test_a_server_named_by_host_inherits_nothing_from_the_play(inventory: Inventory) -> None:
    inventory.runs_on = "backup"
    assert inventory.resolve(host="nas") == {"host": "nas", "user": getpass.getuser()}


def test_a_password_of_the_plays_host_is_used_for_that_host_only(inventory: Inventory) -> None:
    inventory.runs_on = "backup"
    assert inventory.resolve()["password"] == "word"
    assert "password" not in inventory.resolve(inventory_host="bare")
    inventory.typed_password = "typed"
    assert "password" not in inventory.resolve(inventory_host="bare")


def test_the_password_of_the_command_line_is_for_every_host_without_one(inventory: Inventory) -> None:
    inventory.typed_password = "typed"
    assert inventory.resolve(inventory_host="bare")["password"] == "typed"
    assert inventory.resolve(inventory_host="backup")["password"] == "word"


def test_ssh_arguments_are_read(inventory: Inventory) -> None:
    found = inventory.resolve(inventory_host="arguments")
    assert (found["port"], found["user"], found["host_key_alias"]) == (23, "arg", "alias")
    assert found["known_hosts_files"][0] == "/k"


def test_trust_that_the_task_states_replaces_that_of_the_inventory(inventory: Inventory) -> None:
    found = inventory.resolve(inventory_host="arguments", host_keys=["SHA256:x"])
    assert "known_hosts_files" not in found


def test_jumps_of_the_inventory_have_their_own_settings(inventory: Inventory) -> None:
    first, second = inventory.resolve(inventory_host="jumped", password="secret")["jump"]
    assert (first["host"], first["port"], first["password"]) == ("192.0.2.1", 2222, "word")
    assert (second["host"], second["port"], second["user"]) == ("other", 24, "ops")
    assert "password" not in second


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"inventory_host": "nowhere"}, "not in the inventory"),
        ({"inventory_host": "elsewhere"}, "ProxyCommand nc"),
        ({"host": "x", "jump": [{"port": 22}]}, "names no server"),
        ({"host": "x", "jump": [{"host": "y", "jump": [{"host": "z"}]}]}, "jumps of its own"),
        ({"host": "x", "private_key_file": "/nonexistent/key"}, "cannot be read"),
    ],
)
def test_invalid_values_are_refused(inventory: Inventory, given: Vars, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        inventory.resolve(role="destination", **given)
    assert caught.value.role == "destination"


def test_a_value_that_is_no_mapping_is_returned_unchanged(inventory: Inventory) -> None:
    assert inventory.resolver().resolve("server:/path", role="source") == "server:/path"


def test_a_key_file_becomes_the_text_of_the_key(inventory: Inventory) -> None:
    path = inventory.folder / "key"
    path.write_text("a key", encoding="ascii")
    found = inventory.resolve(host="x", private_key_file=str(path))
    assert (found["private_key"], "private_key_file" in found) == ("a key", False)
    stated = inventory.resolve(host="x", private_key_file=str(path), private_key="another")
    assert stated["private_key"] == "another"
