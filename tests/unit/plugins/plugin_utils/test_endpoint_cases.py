# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories and tasks that once resolved to a wrong endpoint."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
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
from ansible_collections.backhaul.sftp.plugins.module_utils._module import handover
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import _trust
from ansible_collections.backhaul.sftp.plugins.plugin_utils import _ssh_config
from ansible_collections.backhaul.sftp.plugins.plugin_utils._action import EndpointAction
from ansible_collections.backhaul.sftp.plugins.plugin_utils._endpoints import EndpointResolver
from ansible_collections.backhaul.sftp.plugins.plugin_utils._jumps import Hop
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_arguments import read_ssh_arguments, split_arguments
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_config import SshSettings

Vars = t.Dict[str, t.Any]


@pytest.fixture(scope="module", autouse=True)
def named_plugins() -> t.Iterator[None]:
    """Initialise Ansible's plugin loader for this file only, because it changes how Python imports."""
    init_plugin_loader()
    yield
    _AnsibleCollectionFinder._remove()


@dataclass
class Case:
    """A play on the host ``runs_on`` with the keyword ``connection``, in its own inventory."""

    folder: Path
    hosts: dict[str, Vars]
    everyone: Vars = field(default_factory=dict)
    runs_on: str = "localhost"
    keyword: str = "ssh"

    def resolve(self, **given: t.Any) -> Vars:
        """Return the suboptions of an endpoint as the module gets them."""
        path = self.folder / "inventory.json"
        path.write_text(json.dumps({"all": {"vars": self.everyone, "hosts": self.hosts}}), encoding="utf-8")
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[str(path)])
        manager = VariableManager(loader=loader, inventory=inventory)
        hosts = HostVars(inventory=inventory, variable_manager=manager, loader=loader)
        variables = {**manager.get_vars(host=inventory.get_host(self.runs_on)), "hostvars": hosts}
        task = Task.load({"action": "ping"})
        templar = Templar(loader=loader, variables=variables)
        context = PlayContext(passwords={}).set_task_and_variable_override(
            task=task, variables=variables, templar=templar
        )
        connection = connection_loader.get(variables.get("ansible_connection", self.keyword), context, os.devnull)
        connection.set_options(var_options=variables)
        connection.update_vars(variables)  # as the task executor does
        resolver = EndpointResolver(
            task=task,
            connection=connection,
            play_context=context,
            loader=loader,
            templar=templar,
            variables=variables,
        )
        return t.cast(Vars, resolver.resolve(given, role="source"))


_BASTION = {"ansible_ssh_common_args": "-o ProxyJump=bastion"}
_NAS = {"ansible_host": "192.0.2.5", "ansible_user": "backup"}


def test_a_jump_of_the_whole_inventory_is_no_loop(tmp_path: Path) -> None:
    case = Case(tmp_path, {"bastion": {"ansible_host": "192.0.2.1"}, "nas": _NAS}, everyone=_BASTION)
    (hop,) = case.resolve(inventory_host="nas")["jump"]
    assert (hop["inventory_host"], hop["host"], "jump" in hop) == ("bastion", "192.0.2.1", False)
    assert "jump" not in case.resolve(inventory_host="bastion")
    (stated,) = case.resolve(inventory_host="nas", jump=[{"inventory_host": "bastion"}])["jump"]
    assert stated == hop


def test_a_jump_is_not_refused_for_its_own_unsupported_route(tmp_path: Path) -> None:
    unsupported_route = {"ansible_ssh_common_args": "-o 'ProxyCommand nc -x proxy:1080 %h %p'"}
    case = Case(tmp_path, {"bastion": unsupported_route, "nas": {**_NAS, **_BASTION}})
    assert [hop["host"] for hop in case.resolve(inventory_host="nas")["jump"]] == ["bastion"]


@pytest.mark.parametrize("given", [{}, {"inventory_host": "nas"}])
def test_a_server_is_not_local_in_a_play_with_a_local_connection(tmp_path: Path, given: Vars) -> None:
    found = Case(tmp_path, {"nas": _NAS}, runs_on="nas", keyword="local").resolve(path="/b", **given)
    assert (found["host"], found["user"], "local" in found) == ("192.0.2.5", "backup", False)


@pytest.mark.parametrize(
    ("host", "variables", "is_local"),
    [
        ("nas", {"ansible_connection": "local"}, True),
        ("nas", {"ansible_connection": "{{ kind }}", "kind": "ansible.builtin.local"}, True),
        ("localhost", {}, True),
        ("127.0.0.1", {}, True),
        ("localhost", {"ansible_host": "127.0.0.1"}, True),
        ("localhost", {"ansible_host": "192.0.2.5"}, False),
        ("nas", {"ansible_host": "127.0.0.1"}, False),
    ],
)
def test_only_this_machine_is_local(tmp_path: Path, host: str, variables: Vars, is_local: bool) -> None:
    if "kind" in variables:  # the plugin of the keyword is chosen before templates are evaluated
        case = Case(tmp_path, {host: variables, "other": {}}, runs_on="other")
        assert case.resolve(inventory_host=host).get("local", False) is is_local
        return
    case = Case(tmp_path, {host: variables}, runs_on=host, keyword="local")
    assert case.resolve().get("local", False) is is_local


def test_a_key_file_of_the_task_is_not_combined_with_the_key_of_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("the task's key", encoding="ascii")
    inherited = {"ansible_private_key": "the inventory's key", "ansible_private_key_passphrase": "its passphrase"}
    case = Case(tmp_path, {"nas": {**_NAS, **inherited}})
    found = case.resolve(inventory_host="nas", private_key_file=str(tmp_path / "key"))
    assert (found["private_key"], "private_key_passphrase" in found) == ("the task's key", False)


def test_a_blank_key_file_is_as_if_no_key_was_given(tmp_path: Path) -> None:
    (tmp_path / "blank").write_text("\n", encoding="ascii")
    (tmp_path / "key").write_text("the inventory's key", encoding="ascii")
    case = Case(tmp_path, {"nas": {**_NAS, "ansible_private_key_file": str(tmp_path / "key")}})
    blank = str(tmp_path / "blank")
    assert case.resolve(inventory_host="nas", private_key_file=blank)["private_key"] == "the inventory's key"
    assert "private_key" not in case.resolve(host="nas", private_key_file=blank)


@pytest.mark.parametrize(
    "given", [{"jump": [{"host": "b", "user": "x"}]}, {"jump": []}, {"host": "192.0.2.9"}], ids=str
)
def test_a_route_in_the_task_replaces_that_of_the_inventory(tmp_path: Path, given: Vars) -> None:
    unsupported_route = {"ansible_ssh_common_args": "-o 'ProxyCommand nc -x proxy:1080 %h %p'"}
    case = Case(tmp_path, {"nas": {**_NAS, **unsupported_route}})
    assert case.resolve(inventory_host="nas", **given)["host"] == given.get("host", "192.0.2.5")
    with pytest.raises(InputError, match="cannot follow"):
        case.resolve(inventory_host="nas")


def test_an_empty_list_of_jumps_disables_those_of_the_inventory(tmp_path: Path) -> None:
    case = Case(tmp_path, {"nas": {**_NAS, **_BASTION}})
    assert case.resolve(inventory_host="nas", jump=[])["jump"] == []
    assert case.resolve(inventory_host="nas", jump="")["jump"] != []


def test_the_agent_and_revocations_are_as_the_arguments_say(tmp_path: Path) -> None:
    arguments = {"ansible_ssh_common_args": "-o IdentitiesOnly=yes -o RevokedHostKeys=~/revoked"}
    case = Case(tmp_path, {"nas": {**_NAS, **arguments}})
    found = case.resolve(inventory_host="nas", host_keys=["SHA256:x"])
    assert (found["use_agent"], found["revoked_host_keys"]) == (False, os.path.expanduser("~/revoked"))
    stated = case.resolve(inventory_host="nas", use_agent=True, revoked_host_keys="/own")
    assert (stated["use_agent"], stated["revoked_host_keys"]) == (True, "/own")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-qJ bastion", SshSettings(jumps=(Hop("bastion"),))),
        ("-Ap 2222", SshSettings(port=2222)),
        ("-4qp2222 -Cl ops", SshSettings(port=2222, user="ops")),
        ("-o RevokedHostKeys=/revoked", SshSettings(revoked_host_keys="/revoked")),
        ("-o RevokedHostKeys=none", SshSettings()),
        ("-o IdentitiesOnly=yes", SshSettings(no_agent=True)),
        ("-o 'IdentityAgent none'", SshSettings(no_agent=True)),
        ("-o IdentitiesOnly=no -o IdentityAgent=/socket", SshSettings()),
        ("-F none", SshSettings()),
        ("-F /dev/null -o ProxyUseFdpass=no", SshSettings()),
        ("-F none -F /other", SshSettings(unsupported_route="a configuration file (-F) /other")),
        ("-o ProxyUseFdpass=yes", SshSettings(unsupported_route="ProxyUseFdpass yes")),
    ],
)
def test_ssh_arguments_as_ssh_reads_them(text: str, expected: SshSettings) -> None:
    assert read_ssh_arguments(split_arguments(text)) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "ProxyJump=none", "-o", "ProxyCommand=ssh -W %h:%p bastion"],
        ["-o", "ProxyCommand=none", "-o", "ProxyJump=bastion"],
        ["-o", "ProxyJump=none", "-o", "ProxyJump=bastion"],
        ["-o", "ProxyJump=bastion", "-o", "ProxyCommand=none"],
        ["-o", "ProxyJump=bastion", "-o", "ProxyCommand=ssh -W %h:%p other"],
        ["-o", "ProxyCommand=ssh -W %h:%p bastion", "-o", "ProxyJump=other"],
    ],
    ids=" ".join,
)
def test_the_proxy_is_the_one_that_ssh_uses(arguments: list[str]) -> None:
    shown = subprocess.run(
        ["ssh", "-G", "-F", "none", *arguments, "host"], check=True, capture_output=True, text=True
    ).stdout
    settings = dict(line.partition(" ")[::2] for line in shown.splitlines())
    command = settings.get("proxycommand", "none").split()
    expected = settings.get("proxyjump", command[-1])
    jumps = read_ssh_arguments(arguments).jumps
    assert [hop.host for hop in jumps] == ([] if expected == "none" else [expected])


def _configured(folder: Path, text: str) -> str:
    """Write a configuration file, and an ssh that reads it instead of the user's file. Return the path of that ssh."""
    (folder / "config").write_text(text, encoding="utf-8")
    program = folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


_CONFIG = """
Host nas
  HostName 192.0.2.7
  Port 2222
  User configured
  HostKeyAlias vault
  ProxyJump gate
  UserKnownHostsFile /known
Host gate
  HostName 192.0.2.8
  User through
"""


def test_the_ssh_of_the_inventory_is_queried(tmp_path: Path) -> None:
    program = _configured(tmp_path, _CONFIG)
    case = Case(tmp_path, {"nas": {"ansible_ssh_executable": program}, "other": {"ansible_ssh_executable": program}})
    found = case.resolve(inventory_host="nas")
    assert [found[name] for name in ("inventory_host", "host", "port", "user", "host_key_alias")] == [
        "nas",
        "192.0.2.7",
        2222,
        "configured",
        "vault",
    ]
    assert found["known_hosts_files"][0] == "/known"
    assert [(hop["host"], hop["user"]) for hop in found["jump"]] == [("192.0.2.8", "through")]
    assert case.resolve(inventory_host="other")["host"] == "other"


def test_variables_of_ansible_override_the_configuration(tmp_path: Path) -> None:
    own = {"ansible_ssh_executable": _configured(tmp_path, _CONFIG), "ansible_user": "mine", "ansible_port": 23}
    case = Case(tmp_path, {"nas": {**own, "ansible_ssh_args": "-o User=first"}})
    found = case.resolve(inventory_host="nas", jump=[])
    # Ansible's ssh connection states ssh_args before its variables.
    assert (found["port"], found["user"], found["jump"]) == (23, "first", [])
    stated = case.resolve(inventory_host="nas", user="stated", port=24, host="192.0.2.1")
    assert (stated["port"], stated["user"], stated["host"], "jump" in stated) == (24, "stated", "192.0.2.1", False)


def test_a_server_named_by_host_uses_the_configuration_only_with_ssh_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _configured(tmp_path, _CONFIG)
    monkeypatch.setenv("PATH", f"{Path(program).parent}:{os.environ['PATH']}")
    case = Case(tmp_path, {"nas": {}})
    for off in (None, "", "false", False):
        assert case.resolve(host="nas", ssh_config=off) == {"host": "nas", "user": getpass.getuser()}
    found = case.resolve(host="nas", ssh_config="true", user="stated")
    assert (found["host"], found["port"], found["user"], found["host_key_alias"]) == (
        "192.0.2.7",
        2222,
        "stated",
        "vault",
    )
    assert ([hop["host"] for hop in found["jump"]], "ssh_config" in found) == (["192.0.2.8"], False)
    (hop,) = case.resolve(host="x", jump=[{"host": "nas", "ssh_config": True}])["jump"]
    assert (hop["host"], "jump" in hop, "ssh_config" in hop) == ("192.0.2.7", False, False)


def test_without_ssh_the_arguments_are_read_and_a_configuration_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(_CONFIG, encoding="utf-8")
    monkeypatch.setattr(_ssh_config, "_home", lambda: str(tmp_path))
    none = {"ansible_ssh_executable": "/nonexistent/ssh"}
    case = Case(tmp_path, {"nas": {**none, **_NAS, "ansible_ssh_common_args": "-o HostKeyAlias=alias -J gate"}})
    found = case.resolve(inventory_host="nas")
    assert (found["host"], found["host_key_alias"], found["jump"][0]["host"]) == ("192.0.2.5", "alias", "gate")
    # Older versions break lines at the hyphens of the path.
    assert f"{tmp_path}/.ssh/configisnotreadfornas" in "".join(capsys.readouterr().err.split())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no ssh on the controller") as caught:
        case.resolve(host="nas", ssh_config=True)
    assert (caught.value.code, caught.value.role) == ("dependency_missing", "source")


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_is_no_secret(blank: str) -> None:
    secrets: dict[str, str] = {}
    params = {"source": {"password": blank, "private_key": "key"}}
    assert handover.extract_secrets(params, secrets, token="t")["source"]["password"] == blank
    assert list(secrets.values()) == ["key"]


def test_many_keys_fit_into_the_environment_of_a_process() -> None:
    secrets = {f"withheld-{number}": "k" * 3000 for number in range(120)}
    exported = handover.as_environment(secrets)
    assert len(exported) > 1
    name = handover.__name__
    program = f"import json; from {name} import take_secrets; print(json.dumps([take_secrets(), take_secrets()]))"
    environment = {**os.environ, **exported, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(done) == [secrets, {}]


def test_keys_that_exceed_the_environment_of_a_process_are_refused() -> None:
    with pytest.raises(InputError, match="too many for a job in the background"):
        handover.as_environment({"withheld-0": "k" * (1 << 21)})


def test_without_secrets_the_environment_is_still_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in handover.as_environment({}).items():
        monkeypatch.setenv(name, value)
    assert handover.take_secrets() == {}


@pytest.mark.parametrize(("no_log", "seconds"), [(True, 0.0), (False, 3.0)])
def test_a_task_without_a_log_has_no_heartbeat(no_log: bool, seconds: float) -> None:
    task = Task.load({"action": "ping", "args": {"heartbeat": 3}, "no_log": no_log})
    nothing: t.Any = None
    action = EndpointAction(task, nothing, nothing, nothing, nothing, nothing)
    assert action._heartbeat_seconds() == seconds


def test_blank_pins_are_refused() -> None:
    with pytest.raises(InputError, match="host_keys holds nothing but blanks") as caught:
        _trust({"host_keys": ["", " "]}, "source")
    assert (caught.value.code, caught.value.role) == ("invalid_input", "source")
