# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an endpoint is resolved: server, address, user and credential."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab

from .controller import Place, Run, Site, Vars, find, info, relay

_VAULT_PASSWORD = "the key to the vault"


@pytest.fixture
def nas(lab: SharedLab) -> Server:
    """A server that takes a password."""
    return lab.asyncssh()


def _vault(site: Site, command: str, *arguments: str, stdin: str = "") -> str:
    password_file = site.folder / "vault-password"
    password_file.write_text(_VAULT_PASSWORD, encoding="ascii")
    program = Path(sys.executable).with_name("ansible-vault")
    words = [sys.executable, str(program), command, "--vault-password-file", str(password_file), *arguments]
    done = subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(site.folder), "LC_ALL": "C.UTF-8"},
    )
    return done.stdout


def _only_address(server: Server, **more: t.Any) -> Vars:
    """Return host variables without a credential."""
    return {"ansible_host": server.host, "ansible_ssh_private_key_file": None, **more}


def _found_by(run: Run, host: str) -> Vars:
    """Return the connection of the loop's item ``host``."""
    results = {entry["item"]: entry for entry in run["Find"]["results"]}
    assert not results[host].get("failed"), f"{host}: {results[host]['msg']}"
    connection = results[host]["connection"]
    assert connection["name"] == host
    return t.cast(Vars, connection)


def test_an_inventory_host_is_reached_as_its_own_variables_say(site: Site, lab: SharedLab, nas: Server) -> None:
    ssh = lab.openssh()
    site.add("plain", ssh)
    older = {"host": nas.host, "port": nas.port, "user": nas.user, "pass": nas.password}
    nothing = dict.fromkeys(("ansible_host", "ansible_port", "ansible_user", "ansible_ssh_private_key_file"))
    site.add("older-names", nas, **nothing, **{f"ansible_ssh_{name}": value for name, value in older.items()})
    arguments = f"-p {ssh.port} -l {ssh.user} -i {ssh.client_key.path} -o UserKnownHostsFile={site.known_hosts}"
    site.add(
        "arguments", ssh, **_only_address(ssh, ansible_port=None, ansible_user=None, ansible_ssh_common_args=arguments)
    )
    site.add(
        "templated", ssh, ansible_host="{{ where }}", ansible_port="{{ 0 + which }}", where=ssh.host, which=ssh.port
    )
    site.add("in-group", nas, **_only_address(nas, ansible_port=None, ansible_user=None))
    site.groups["storage"] = ["in-group"]
    variables = site.folder / "group_vars" / "storage"
    variables.mkdir(parents=True)
    (variables / "plain.yml").write_text(f"ansible_port: '{nas.port}'\nansible_user: {nas.user}\n", encoding="ascii")
    (variables / "vault.yml").write_text(f"ansible_password: '{nas.password}'\n", encoding="ascii")
    _vault(site, "encrypt", str(variables / "vault.yml"))
    sealed = site.folder / "sealed_key"
    shutil.copyfile(ssh.client_key.path, sealed)
    _vault(site, "encrypt", str(sealed))
    site.add("sealed-key", ssh, ansible_ssh_private_key_file=str(sealed))
    site.add("one-secret", nas, **_only_address(nas))
    inline = _vault(site, "encrypt_string", "--stdin-name", "ansible_password", stdin=str(nas.password))
    (site.folder / "host_vars").mkdir()
    (site.folder / "host_vars" / "one-secret.yml").write_text(inline, encoding="ascii")
    assert str(nas.password) not in inline
    names = sorted(site.hosts)
    task = find("Find", endpoint={"inventory_host": "{{ item }}"}, path=str(site.folder), when_none="ok")
    run = site.play({**task, "loop": names}, arguments=["--vault-password-file", str(site.folder / "vault-password")])
    ways = {name: _found_by(run, name)["authenticated_by"].split()[0] for name in names}
    assert ways == {
        "plain": "key",
        "older-names": "password",
        "arguments": "key",
        "templated": "key",
        "in-group": "password",
        "sealed-key": "key",
        "one-secret": "password",
    }
    assert _found_by(run, "templated")["port"] == ssh.port
    assert _found_by(run, "in-group")["user"] == nas.user


def test_the_command_line_gives_user_key_and_password(site: Site, lab: SharedLab, nas: Server) -> None:
    ssh = lab.openssh()
    site.add("keyed", ssh, ansible_user=None, ansible_ssh_private_key_file=None)
    site.add("other", nas, **_only_address(nas, ansible_user=None))
    password_file = site.folder / "password"
    password_file.write_text(str(nas.password), encoding="ascii")
    path = str(site.folder)
    run = site.play(
        find("by name", endpoint={"inventory_host": "keyed"}, path=path, when_none="ok"),
        find("the play's host", path=path, when_none="ok"),
        find("by password", endpoint={"inventory_host": "other"}, path=path, when_none="ok"),
        hosts="keyed",
        arguments=[
            "-u",
            ssh.user,
            "--private-key",
            str(ssh.client_key.path),
            "--connection-password-file",
            str(password_file),
        ],
    )
    assert run.succeeded("by name")["connection"]["authenticated_by"].startswith("key ")
    assert run.succeeded("the play's host")["connection"]["authenticated_by"].startswith("key ")
    # The key of --private-key is tried first; this server refuses it and accepts the password.
    assert run.succeeded("by password")["connection"]["authenticated_by"] == "password"


def test_the_password_of_one_host_is_not_shown_to_another(site: Site, source: Place, nas: Server) -> None:
    """The play's password is part of the play context, which must not apply to other endpoints of a task."""
    site.add("nas", nas, **_only_address(nas, ansible_password=nas.password))
    site.add("twin", nas, **_only_address(nas))
    run = site.play(
        find("own", path=str(site.folder), when_none="ok"),
        find("other", endpoint={"inventory_host": "twin"}, path=str(site.folder)),
        {**find("delegated", endpoint={"inventory_host": "twin"}, path=str(site.folder)), "delegate_to": "nas"},
        hosts="nas",
    )
    assert run.succeeded("own")["connection"]["authenticated_by"] == "password"
    for task in ("other", "delegated"):
        error = run.failure(task)
        assert (error["code"], error["details"]["tried"]) == ("authentication_refused", [])


def test_an_endpoint_without_a_host_is_the_one_that_the_play_runs_on(site: Site, source: Place, store: Place) -> None:
    content = b"relayed" * 1000
    source.put("a", content)
    delegated = {"delegate_to": "source"}
    run = site.play(
        find("default", path=store.path(), when_none="ok"),
        {**find("delegated", path=source.path()), **delegated},
        relay("relay", source=source.end("a"), destinations=[{"path": store.path()}]),
        {**relay("delegated relay", source={"path": source.path("a")}, destinations=[store.end("b")]), **delegated},
        {**info("delegated info", path=source.path()), **delegated},
        {**find("loop", endpoint={}, path=source.path()), "delegate_to": "{{ item }}", "loop": ["source"]},
        hosts="store",
    )
    assert run.succeeded("default")["connection"]["name"] == "store"
    assert run.succeeded("delegated")["connection"]["name"] == "source"
    assert run.succeeded("relay")["destinations"][0]["host"] == "store"
    assert run.succeeded("delegated relay")["source"]["host"] == "source"
    assert run.succeeded("delegated info")["connection"]["name"] == "source"
    assert run["loop"]["results"][0]["connection"]["name"] == "source"
    assert (store.content("a"), store.content("b")) == (content, content)


def test_a_server_that_is_spelled_out_needs_no_inventory(site: Site, lab: SharedLab, nas: Server) -> None:
    ssh = lab.openssh()
    path = str(site.folder)
    known = {"host": ssh.host, "port": ssh.port, "user": ssh.user, "host_keys": list(ssh.host_keys)}
    by_password = {"host": nas.host, "port": str(nas.port), "user": nas.user, "password": nas.password}
    odd_texts = {"use_agent": "no", "local": "False", "compression": "true", "connect_timeout": ""}
    more = (
        "host",
        "port",
        "user",
        "private_key",
        "private_key_file",
        "host_keys",
        "known_hosts_files",
        "use_agent",
        "local",
    )
    key_file = {"private_key_file": str(ssh.client_key.path)}
    blanks = dict.fromkeys(
        ("password", "private_key_passphrase", "host_key_alias", "known_hosts", "inventory_host", "certificate"), ""
    )
    empty = site.folder / "empty"
    empty.touch()
    site.add("named", ssh, ansible_user="nobody-here")
    run = site.play(
        find("key file", endpoint={**known, **key_file}, path=path, when_none="ok"),
        find("key text", endpoint={**known, "private_key": ssh.client_key.text}, path=path, when_none="ok"),
        find("password", endpoint={**by_password, "known_hosts": nas.known_hosts()}, path=path, when_none="ok"),
        find(
            "blanks",
            endpoint={**blanks, **known, **key_file, "private_key": "", **odd_texts},
            path=path,
            when_none="ok",
        ),
        find("all blank", endpoint={**blanks, **dict.fromkeys(more, "")}, path=path),
        find("empty key file", endpoint={**known, "private_key_file": str(empty), "use_agent": False}, path=path),
        find("no such key file", endpoint={**known, "private_key_file": str(site.folder / "none")}, path=path),
        find("suboption wins", endpoint={"inventory_host": "named", "user": ssh.user}, path=path, when_none="ok"),
        find("inventory wins nothing", endpoint={"inventory_host": "named"}, path=path),
        find(
            "another address",
            endpoint={"inventory_host": "named", "user": ssh.user, "port": 1, "connect_timeout": "5"},
            path=path,
        ),
    )
    assert run.succeeded("key file")["connection"]["trusted_by"] == "pin"
    assert run.succeeded("key text")["connection"]["authenticated_by"].startswith("key ")
    assert run.succeeded("password")["connection"]["trusted_by"] == "known_hosts"
    assert run.succeeded("blanks")["connection"]["authenticated_by"].startswith("key ")
    # With every field blank the endpoint is the play's host, and that is this machine.
    assert run.succeeded("all blank")["connection"] is None
    assert run.failure("empty key file")["details"]["tried"] == []
    assert "cannot be read" in run.failure("no such key file")["message"]
    assert run.succeeded("suboption wins")["connection"]["user"] == ssh.user
    assert run.failure("inventory wins nothing")["code"] == "authentication_refused"
    assert run.failure("another address")["code"] == "connect_failed"


def test_what_cannot_be_meant_is_refused_with_the_reason(site: Site, source: Place, lab: SharedLab) -> None:
    known = f"-o UserKnownHostsFile={site.known_hosts}"
    told = {
        "proxied": ("-o 'ProxyCommand nc %h %p'", "ProxyCommand"),
        "configured": ("-F /nonexistent/config", "/nonexistent/config"),
        "vouched": ("-o 'KnownHostsCommand /bin/echo %H'", "KnownHostsCommand"),
        "broken": ("-o 'User=x", "quot"),
    }
    for name, (arguments, _text) in told.items():
        site.add(name, lab.openssh(), ansible_ssh_common_args=f"{known} {arguments}")
    run = site.play(
        *(find(name, endpoint={"inventory_host": name}, path="/") for name in ("nowhere", *told)),
        relay(
            "destination",
            source=source.end("x"),
            destinations=[source.end(), {"inventory_host": "nowhere", "path": "/"}],
        ),
        relay("not a mapping", source=t.cast(Vars, "source:/x"), destinations=[source.end()]),
        find("misspelt", endpoint={"hosst": "x"}, path="/"),
    )
    for name, text in {
        "nowhere": "not in the inventory",
        **{name: text for name, (_arguments, text) in told.items()},
    }.items():
        error = run.failure(name)
        assert error["code"] == "invalid_input"
        assert text in error["message"]
        assert error["remedy"]
    assert run.failure("nowhere")["host"] == "nowhere"
    assert run.failure("destination")["role"] == "destination"
    assert run["not a mapping"]["status"] == run["misspelt"]["status"] == "failed"
    assert "hosst" in run["misspelt"]["msg"]
    assert "Traceback" not in run.output


def test_a_jump_of_the_inventory_is_taken_with_its_own_credential(site: Site, source: Place, lab: SharedLab) -> None:
    known = f"-o UserKnownHostsFile={site.known_hosts}"
    site.add("bastion", lab.openssh(extra=("MaxStartups 20",)))
    inner = site.add("inner", lab.openssh(), ansible_ssh_common_args=f"{known} -o ProxyJump=bastion")
    inner.put("a", b"behind the bastion")
    run = site.play(find("find", endpoint={"inventory_host": "inner"}, path=inner.path()))
    found = run.succeeded("find")
    assert found["latest"]["name"] == "a"
    assert len(found["connection"]["jumps"]) == 1


def _host_block(name: str, server: Server, *lines: str) -> str:
    """Return the ssh_config block of a server, whose host keys are known under the alias ``key-of-NAME``."""
    own = (f"HostName {server.host}", f"Port {server.port}", f"User {server.user}", f"HostKeyAlias key-of-{name}")
    key = f"IdentityFile {server.client_key.path}"
    return "\n  ".join([f"Host {name}", *own, key, "IdentitiesOnly yes", *lines]) + "\n"


def test_a_server_that_only_ssh_config_describes_is_reached_through_its_jump(
    site: Site, source: Place, lab: SharedLab
) -> None:
    gate, inner = lab.openssh(extra=("MaxStartups 20",)), lab.openssh()
    known = site.folder / "known"
    names = {"key-of-gate": gate, "key-of-inner": inner}
    known.write_text("".join(f"{name} {key}\n" for name, end in names.items() for key in end.host_keys), "ascii")
    known.chmod(0o600)
    strange = _host_block("strange", inner, "UserKnownHostsFile /dev/null", "StrictHostKeyChecking no")
    config = site.folder / "ssh_config"
    config.write_text(
        _host_block("inner", inner, "ProxyJump gate") + _host_block("gate", gate) + strange + f"Host *\n"
        f"  UserKnownHostsFile {known}\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking accept-new\n",
        "utf-8",
    )
    folder = inner.root / "only-configured"
    folder.mkdir()
    shutil.chown(folder, inner.root.stat().st_uid, inner.root.stat().st_gid)
    program = site.folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n', "utf-8")
    program.chmod(0o755)
    site.hosts["inner"] = {"ansible_ssh_executable": str(program)}
    site.hosts["by-argument"] = {"ansible_host": "inner", "ansible_ssh_common_args": f"-F {config}"}
    site.hosts["strange"] = {"ansible_ssh_common_args": f"-F {config}"}
    source.put("a", b"through the jump")
    path = inner.remote_path(folder)
    run = site.play(
        relay("relay", source=source.end("a"), destinations=[{"inventory_host": "inner", "path": f"{path}/"}]),
        find("by argument", endpoint={"inventory_host": "by-argument"}, path=path),
        find("spelled out", endpoint={"host": "inner", "ssh_config": True}, path=path),
        find("not told", endpoint={"host": "inner", "connect_timeout": 5}, path=path),
        find("strange", endpoint={"inventory_host": "strange"}, path=path),
        env={"PATH": f"{program.parent}:{os.environ['PATH']}"},
    )
    assert run.states("relay") == ["created"]
    assert (folder / "a").read_bytes() == b"through the jump"
    for task in ("by argument", "spelled out"):
        connection = run.succeeded(task)["connection"]
        assert (connection["port"], connection["user"]) == (inner.port, inner.user)
        assert connection["trust_origin"].startswith(str(known))
        assert len(connection["jumps"]) == 1
    assert run.failure("not told")["code"] == "connect_failed"
    assert run.failure("strange")["code"] == "host_key_unknown"


def test_this_machine_is_an_endpoint_too(site: Site, source: Place) -> None:
    source.put("a", b"content")
    here = site.folder / "here"
    here.mkdir()
    run = site.play(
        relay("local", source=source.end("a"), destinations=[{"local": True, "path": f"{here}/1"}]),
        relay("by name", source=source.end("a"), destinations=[{"inventory_host": "localhost", "path": f"{here}/2"}]),
        relay("play's host", source=source.end("a"), destinations=[{"path": f"{here}/3"}]),
        relay("upload", source={"local": "yes", "path": f"{here}/1"}, destinations=[source.end("back")]),
        {
            **relay("delegated", source=source.end("a"), destinations=[{"path": f"{here}/4"}]),
            "delegate_to": "localhost",
        },
    )
    for task in ("local", "by name", "play's host", "upload", "delegated"):
        assert run.succeeded(task)["destinations"][0]["state"] == "created"
    assert {path.name: path.read_bytes() for path in here.iterdir()} == dict.fromkeys("1234", b"content")
    assert source.content("back") == b"content"


def test_the_plays_host_needs_neither_shell_nor_python_nor_become(site: Site, source: Place, lab: SharedLab) -> None:
    """The task runs on the controller: the inventory's variables for running modules on that host do not apply."""
    store = site.add(
        "store",
        lab.openssh(variant="internal"),
        ansible_python_interpreter="/nonexistent/python",
        ansible_shell_type="powershell",
        ansible_shell_executable="/nonexistent/sh",
        ansible_remote_tmp="/nonexistent/tmp",
        ansible_become_password="not needed",
        ansible_become_user="nobody",
    )
    source.put("a", b"content")
    tasks = [
        info("info", path=store.path()),
        find("find", path=store.path(), when_none="ok"),
        relay("relay", source=source.end("a"), destinations=[{"path": store.path()}]),
    ]
    run = site.play(*tasks, hosts="store", become=True)
    assert run.succeeded("relay")["destinations"][0]["state"] == "created"
    assert run.succeeded("info")["can_replace"]
    run = site.play(*({**task, "delegate_to": "store"} for task in tasks), become=True)
    assert run.states("relay") == ["unchanged"]
    assert run.succeeded("find")["latest"]["name"] == "a"
    assert run.succeeded("info")["remote_checksum"] is None
    assert "interpreter" not in run.output.replace("ansible_python_interpreter", "")
