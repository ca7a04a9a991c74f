# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converting ssh's settings to an endpoint and its jumps, with the real ssh and a configuration file."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils import _ssh_endpoint
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_config import SshSettings
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_endpoint import (
    SshResolver,
    completed,
    inherited_key,
    inherited_trust,
)

Params = t.Dict[str, t.Any]
_KEY = "-----BEGIN PRIVATE KEY-----\n"


@dataclass
class Configured:
    """A configuration file for ssh, and the jumps to the host ``nas`` according to it."""

    path: Path

    def jumps(
        self, text: str, *, target: Params | None = None, known: t.Container[str] = (), **stated: t.Any
    ) -> Params:
        """Return the jumps by their names or addresses."""
        self.path.write_text(text, encoding="utf-8")
        resolver = SshResolver()
        settings = resolver.query("ssh", ["-F", str(self.path)], "nas", role="source")
        params = {"inventory_host": "nas", "host": settings.host, "password": "secret", **(target or {}), **stated}
        made = resolver.jumps(params, settings, "ssh", stated=stated, known=known, role="source")
        return {jump.get("inventory_host") or jump["host"]: jump for jump in made}


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """Return an empty configuration file."""
    return Configured(tmp_path / "config")


def test_each_jump_has_the_settings_of_ssh(configured: Configured, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(_KEY, encoding="ascii")
    jumps = configured.jumps(
        f"""
        Host nas
          ProxyJump ops@outer:24,inner
        Host outer
          HostName 192.0.2.1
          User overruled
          Port 25
          HostKeyAlias the-outer
          IdentityFile {tmp_path}/key
          UserKnownHostsFile /known/outer
        Host inner
          HostName 192.0.2.2
          User someone
          RevokedHostKeys /revoked
        Match final all
          GlobalKnownHostsFile none
        """,
        target={"private_key": "the target's", "known_hosts_files": ["/known/nas"]},
    )
    assert list(jumps) == ["192.0.2.1", "192.0.2.2"]
    outer, inner = jumps.values()
    assert outer == {
        "host": "192.0.2.1",
        "port": 24,
        "user": "ops",
        "host_key_alias": "the-outer",
        "private_key_file": str(tmp_path / "key"),
        "known_hosts_files": ["/known/outer", "/known/nas"],
    }
    assert (inner["port"], inner["user"], inner["revoked_host_keys"]) == (22, "someone", "/revoked")
    assert inner["private_key"] == "the target's"
    assert inner["known_hosts_files"][-1] == "/known/nas"


def test_only_the_first_jump_may_need_further_jumps(configured: Configured) -> None:
    text = """
    Host nas
      ProxyJump first,second
    Host first
      ProxyCommand ssh -W %h:%p -p 24 gate
    Host second
      ProxyJump elsewhere
    """
    found = configured.jumps(text).values()
    # The ssh of the command reads the user's file, and not the file of -F.
    assert [(jump["host"], jump["port"]) for jump in found] == [("gate", 24), ("first", 22), ("second", 22)]


def test_a_proxy_command_has_its_own_arguments(configured: Configured, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(_KEY, encoding="ascii")
    command = f"ssh -i {tmp_path}/key -o HostName=192.0.2.3 -l ops -W %h:%p gate"
    (gate,) = configured.jumps(f"Host nas\n ProxyCommand {command}\nHost gate\n User other").values()
    assert (gate["host"], gate["user"], gate["private_key_file"]) == ("192.0.2.3", "ops", str(tmp_path / "key"))


def test_a_jump_in_the_inventory_is_resolved_from_it(configured: Configured) -> None:
    jumps = configured.jumps("Host nas\n ProxyJump ops@gate:24", known={"gate", "nas"})
    assert jumps == {"gate": {"inventory_host": "gate", "user": "ops", "port": 24}}


def test_a_jump_that_is_the_target_itself_is_left_out(configured: Configured) -> None:
    """Arguments of a group also apply to its host that is the jump, which has another name for ssh."""
    assert configured.jumps("Host nas\n ProxyJump gate", target={"inventory_host": "gate"}) == {}


def test_trust_in_the_task_applies_to_jumps(configured: Configured) -> None:
    text = (
        "Host nas\n ProxyJump gate\nHost gate\n UserKnownHostsFile /gate\n RevokedHostKeys /gate\n IdentitiesOnly yes"
    )
    (gate,) = configured.jumps(text, known_hosts_files=[], known_hosts="lines", revoked_host_keys="/task").values()
    assert (gate["known_hosts_files"], gate["known_hosts"], gate["revoked_host_keys"]) == ([], "lines", "/task")
    assert gate["use_agent"] is False
    (stated,) = configured.jumps(text, use_agent=True).values()
    assert (stated["use_agent"], stated["known_hosts_files"][0]) == (True, "/gate")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Host nas\n ProxyCommand nc %h %p", "nas reach it through ProxyCommand nc"),
        ("Host nas\n ProxyJump gate\nHost gate\n ProxyCommand nc %h %p", "gate reach it through ProxyCommand nc"),
        ("Host nas\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a", "more than 16 jumps"),
        ("Host nas\n ProxyJump a\nHost a\n ProxyJump a", "jumphost loop"),
        ("Host nas\n ProxyJump a\nHost a\n KnownHostsCommand /bin/echo", "KnownHostsCommand"),
    ],
)
def test_an_unsupported_route_is_refused(configured: Configured, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        configured.jumps(text)
    assert (caught.value.code, caught.value.role) == ("invalid_input", "source")


def test_the_same_query_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    queried: list[str] = []

    def answer(_ssh: str, _arguments: t.Sequence[str], host: str) -> SshSettings:
        queried.append(host)
        return SshSettings(host=host)

    monkeypatch.setattr(_ssh_endpoint, "query_ssh", answer)
    resolver = SshResolver()
    for host in ("nas", "nas", "other"):
        assert resolver.query("ssh", ["-4"], host, role="").host == host
    assert queried == ["nas", "other"]


def test_a_key_of_task_or_variables_precedes_those_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(_KEY, encoding="ascii")
    settings = SshSettings(identity_files=(str(tmp_path / "key"),), no_agent=True)
    assert inherited_key({"private_key": "mine"}, settings) == {"use_agent": False}
    assert inherited_key({}, settings, {"private_key_file": "/theirs"})["private_key_file"] == "/theirs"
    assert inherited_key({}, settings)["private_key_file"] == str(tmp_path / "key")


def test_a_key_that_only_the_agent_has_needs_the_agent_despite_identities_only(tmp_path: Path) -> None:
    (tmp_path / "key.pub").touch()
    settings = SshSettings(identity_files=(str(tmp_path / "key"),), no_agent=True)
    assert inherited_key({}, settings)["use_agent"] is None


def test_trust_in_the_task_is_not_combined_with_that_of_the_settings() -> None:
    settings = SshSettings(known_hosts_files=("/k",), trust_program="KnownHostsCommand", revoked_host_keys="/r")
    stated: Params
    for stated in ({"host_keys": ["x"]}, {"known_hosts": "x"}, {"known_hosts_files": []}):
        assert inherited_trust(stated, settings, "nas", "source")["revoked_host_keys"] == "/r"
        assert "known_hosts_files" not in inherited_trust(stated, settings, "nas", "source")
    with pytest.raises(InputError, match="KnownHostsCommand"):
        inherited_trust({}, settings, "nas", "source")


def test_no_known_hosts_files_at_all_are_not_the_default_ones() -> None:
    trust = inherited_trust({}, SshSettings(known_hosts_files=()), "nas", "source")
    assert completed({}, trust) == {"known_hosts_files": []}
