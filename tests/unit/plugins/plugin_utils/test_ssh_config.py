# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ``ssh -G`` of the real ssh, and of scripts that misbehave."""

from __future__ import annotations

import os
import pwd
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils import _ssh_config
from ansible_collections.backhaul.sftp.plugins.plugin_utils._jumps import Hop
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_config import SshSettings, find_ssh, query_ssh

_ACCOUNT = pwd.getpwuid(os.getuid())
_SYSTEM = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


@pytest.fixture
def query(tmp_path: Path) -> t.Callable[..., SshSettings]:
    """Return a function that queries ssh with a configuration text."""

    def ask(text: str, *arguments: str, host: str = "nas") -> SshSettings:
        path = tmp_path / "config"
        path.write_text(text, encoding="utf-8")
        return query_ssh("ssh", ["-F", str(path), *arguments], host)

    return ask


Query = t.Callable[..., SshSettings]


def test_a_host_without_settings_has_the_defaults_of_ssh() -> None:
    home = _ACCOUNT.pw_dir
    assert query_ssh("ssh", ["-F", "none"], "nas") == SshSettings(
        host="nas",
        port=22,
        user=_ACCOUNT.pw_name,
        known_hosts_files=(f"{home}/.ssh/known_hosts", f"{home}/.ssh/known_hosts2", *_SYSTEM),
    )


def test_the_default_keys_of_ssh_are_ignored(query: Query) -> None:
    assert query("").identity_files == ()
    assert query("Host nas\n IdentityFile ~/.ssh/id_ed25519").identity_files == (f"{_ACCOUNT.pw_dir}/.ssh/id_ed25519",)
    assert query("IdentityFile none").identity_files == ()


def test_every_setting_of_a_host_is_read(query: Query, tmp_path: Path) -> None:
    (tmp_path / "included").write_text("Match host nas.example\n User included\n", encoding="ascii")
    found = query(
        f"""
        Host nas
          HostName nas.example
          Port 2222
          HostKeyAlias backup-nas
          IdentityFile /keys/%h-%r
          IdentityFile %d/second
          CertificateFile /keys/%n-cert.pub
          IdentitiesOnly yes
          UserKnownHostsFile /known/%k ~/known
          GlobalKnownHostsFile /global
          RevokedHostKeys ~/revoked
        Include {tmp_path}/included
        """
    )
    assert found == SshSettings(
        host="nas.example",
        port=2222,
        user="included",
        identity_files=("/keys/nas.example-included", f"{_ACCOUNT.pw_dir}/second"),
        certificate_files=("/keys/nas-cert.pub",),
        host_key_alias="backup-nas",
        known_hosts_files=("/known/backup-nas", f"{_ACCOUNT.pw_dir}/known", "/global"),
        revoked_host_keys=f"{_ACCOUNT.pw_dir}/revoked",
        no_agent=True,
    )


def test_commands_of_the_users_own_file_are_run_as_ssh_runs_them(query: Query) -> None:
    assert query('Match exec "test %h = nas"\n Port 3').port == 3
    assert query('Match exec "test %h = other"\n Port 3').port == 22


def test_arguments_take_precedence_over_the_file(query: Query) -> None:
    found = query("Port 1\nUser file\nIdentityFile /second", "-p", "2", "-o", "User=x", "-o", "IdentityFile=/first")
    assert (found.port, found.user, found.identity_files) == (2, "x", ("/first", "/second"))


@pytest.mark.parametrize("loose", ["StrictHostKeyChecking no", "UpdateHostKeys yes", "VerifyHostKeyDNS yes"])
def test_settings_that_loosen_trust_are_ignored(query: Query, loose: str) -> None:
    assert query(f"{loose}\nCheckHostIP no\nNoHostAuthenticationForLocalhost yes") == query("")


def test_no_known_hosts_files_are_not_the_default_ones(query: Query) -> None:
    assert query("UserKnownHostsFile none\nGlobalKnownHostsFile none").known_hosts_files == ()
    assert query("UserKnownHostsFile /dev/null").known_hosts_files == ("/dev/null", *_SYSTEM)


def test_a_known_hosts_file_may_have_blanks_in_its_name(query: Query, tmp_path: Path) -> None:
    path = tmp_path / "known hosts"
    path.touch()
    found = query(f'UserKnownHostsFile /a "{path}" /b\nGlobalKnownHostsFile none').known_hosts_files
    assert found == ("/a", str(path), "/b")


@pytest.mark.parametrize(
    ("text", "hops", "unsupported_route"),
    [
        ("ProxyJump a,ops@b:24", ("a", "b"), ""),
        ("ProxyJump none\nProxyCommand none", (), ""),
        ("ProxyCommand ssh -q -W %h:%p b", ("b",), ""),
        ("ProxyCommand nc %h %p", (), "ProxyCommand nc %h %p"),
        ("ProxyCommand ssh -W %h:%p b\nProxyUseFdpass yes", (), "ProxyCommand ssh -W %h:%p b"),
        ("ProxyUseFdpass yes", (), ""),
    ],
)
def test_the_route_is_a_list_of_jumps_or_unsupported(
    query: Query, text: str, hops: tuple[str, ...], unsupported_route: str
) -> None:
    found = query(text)
    assert (tuple(hop.host for hop in found.jumps), found.unsupported_route) == (hops, unsupported_route)


def test_a_jump_gets_only_the_configuration_file_of_the_arguments(query: Query, tmp_path: Path) -> None:
    found = query("", "-o", "User=x", "-J", "ops@jump:24")
    assert found.jumps == (Hop("jump", 24, "ops", ("-F", str(tmp_path / "config"))),)


@pytest.mark.parametrize(
    ("text", "no_agent"),
    [
        ("IdentityAgent none", True),
        ("IdentityAgent /another/agent", True),
        ("IdentityAgent SSH_AUTH_SOCK", False),
        ("IdentityAgent /our/agent", False),
        ("IdentitiesOnly yes", True),
        ("", False),
    ],
)
def test_only_the_agent_that_ssh_would_use_is_used(
    query: Query, monkeypatch: pytest.MonkeyPatch, text: str, no_agent: bool
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/our/agent")
    assert query(text).no_agent is no_agent


def test_a_program_for_host_keys_is_named(query: Query) -> None:
    assert query("KnownHostsCommand /bin/echo %H").trust_program == "KnownHostsCommand"
    assert query("KnownHostsCommand none").trust_program == ""


@pytest.mark.parametrize(
    ("arguments", "host", "said"),
    [
        (["-F", "/nonexistent"], "nas", "user config file /nonexistent"),
        (["-F", "none", "-o", "Nonsense=1"], "nas", "(?i)bad configuration option: nonsense"),
        (["-F", "none", "-o", "ProxyJump=nas"], "nas", "jumphost loop"),
        (["-F", "none"], "-oProxyCommand=touch /tmp/x", "invalid characters"),
    ],
)
def test_the_error_has_the_message_of_ssh(arguments: list[str], host: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        query_ssh("ssh", arguments, host)
    assert caught.value.code == "invalid_input"
    assert "ssh -G" in str(caught.value.remedy)


def _fake_ssh(folder: Path, body: str) -> str:
    path = folder / "ssh"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
    path.chmod(0o755)
    return str(path)


def test_ssh_has_no_input_and_speaks_english(tmp_path: Path) -> None:
    program = _fake_ssh(tmp_path, 'read line; echo "hostname nas"; echo "user $LC_ALL$line"')
    assert query_ssh(program, [], "nas").user == "C"


def test_an_endless_ssh_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``Match exec`` may start any command."""
    monkeypatch.setattr(_ssh_config, "TIMEOUT_SECONDS", 0.5)
    program = _fake_ssh(tmp_path, f"sleep 600 & echo $! > {tmp_path}/pid; wait")
    with pytest.raises(InputError, match="did not end within"):
        query_ssh(program, [], "nas")
    with pytest.raises(InputError, match="did not end within"):
        query_ssh(_fake_ssh(tmp_path, "exec >&- 2>&-; sleep 600"), [], "nas")
    started = Path("/proc", (tmp_path / "pid").read_text(encoding="ascii").strip(), "stat")
    assert not started.exists() or started.read_text(encoding="ascii").split()[2] == "Z"


@pytest.mark.parametrize("stream", ["1", "2"])
def test_endless_output_is_refused(tmp_path: Path, stream: str) -> None:
    with pytest.raises(InputError, match="printed more than"):
        query_ssh(_fake_ssh(tmp_path, f"yes >&{stream}"), [], "nas")


@pytest.mark.parametrize("body", ["", "echo nonsense", "echo"])
def test_output_without_settings_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(InputError, match="does not print its settings"):
        query_ssh(_fake_ssh(tmp_path, body), [], "nas")


def test_a_file_that_is_no_program_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("", encoding="ascii")
    (tmp_path / "ssh").chmod(0o755)
    with pytest.raises(InputError, match="cannot be run"):
        query_ssh(str(tmp_path / "ssh"), [], "nas")


def test_ssh_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    assert find_ssh("ssh").endswith("/ssh")
    assert find_ssh(_fake_ssh(tmp_path, "")) == str(tmp_path / "ssh")
    assert find_ssh("/nonexistent/ssh") == find_ssh("") == ""
