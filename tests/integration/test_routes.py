# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays that run on source or destination: their results, and the files and secrets on that host."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import typing as t
import venv
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, SharedLab

from .controller import Place, Playing, Site, Vars, eventually, relay

_TEMPORARY = "backhaul"


class Near(t.NamedTuple):
    """A host on which modules run, with a log of them."""

    place: Place
    record: Path

    @property
    def runs(self) -> int:
        """The number of modules that were started on the host."""
        return len(self.record.read_text(encoding="ascii").splitlines()) if self.record.exists() else 0


def _near(site: Site, server: Server, name: str, **variables: t.Any) -> Near:
    """Add a host that runs modules by a script, which logs them and starts this Python."""
    record, python = site.folder / f"{name}.runs", site.folder / f"{name}-python"
    lines = ["#!/bin/sh", f"echo run >> {shlex.quote(str(record))}", f'exec {shlex.quote(sys.executable)} "$@"', ""]
    python.write_text("\n".join(lines), encoding="utf-8")
    python.chmod(0o755)
    return Near(site.add(name, server, **{"ansible_python_interpreter": str(python), **variables}), record)


@pytest.fixture
def near(site: Site, lab: SharedLab) -> Near:
    """A host with a shell, Python and paramiko; its inventory name is ``near``."""
    return _near(site, lab.openssh(), "near")


@pytest.fixture
def other(site: Site, lab: SharedLab) -> Near:
    """A host as ``near``; its inventory name is ``other``."""
    return _near(site, lab.openssh(extra=("MaxStartups 30",)), "other")


def test_the_source_sends_straight_to_each_destination(site: Site, near: Near, store: Place, appliance: Place) -> None:
    near.place.put("a", b"content" * 100_000)
    site.hosts["appliance"]["ansible_password"] = appliance.server.password
    source, ends = near.place.end("a"), [store.end(), appliance.end("b")]
    usual = site.play(relay("relay", source=source, destinations=[store.end("usual")])).succeeded("relay")
    assert near.runs == 0
    planned = site.play(
        relay("relay", source=source, destinations=ends, route="source"), arguments=["--check", "--diff"]
    )
    assert planned.states("relay") == ["planned", "planned"]
    assert store.names() == {"usual"}
    run = site.play(relay("relay", source=source, destinations=ends, route="source"), arguments=["--diff"])
    result = run.succeeded("relay")
    assert near.runs == 2
    assert result["diff"] == planned["relay"]["diff"]
    assert (result["source"]["host"], result["source"]["path"]) == ("near", near.place.path("a"))
    assert [entry["host"] for entry in result["destinations"]] == ["store", "appliance"]
    assert [connection["name"] for connection in result["connections"]] == ["store", "appliance"]
    assert set(usual) <= set(result)
    assert set(usual["destinations"][0]) == set(result["destinations"][0])
    assert store.content("a") == appliance.content("b") == near.place.content("a")
    assert site.play(relay("relay", source=source, destinations=ends, route="source")).states("relay") == [
        "unchanged",
        "unchanged",
    ]


def test_the_destination_fetches_for_itself(site: Site, near: Near, appliance: Place) -> None:
    appliance.put("a", os.urandom(500_000), mode=0o640)
    defaults: Vars = {"backhaul.sftp.sftp_relay": {"route": "destination", "mode": "preserve"}}
    fetch = relay("play's host", source=appliance.end("a"), destinations=[{"path": near.place.path("1")}])
    delegated: Vars = {
        **relay("delegated", source=appliance.end("a"), destinations=[{"path": "{{ item }}"}]),
        "delegate_to": "near",
        "loop": [near.place.path("2"), near.place.path("3")],
    }
    on_host = site.play(fetch, hosts="near", module_defaults=defaults)
    assert on_host["play's host"]["destinations"][0]["host"] == "near"
    assert on_host["play's host"]["destinations"][0]["verified_by"] == "local"
    run = site.play(delegated, module_defaults=defaults)
    assert [entry["changed"] for entry in run["delegated"]["results"]] == [True, True]
    assert near.runs == 3
    assert {near.place.content(name) for name in "123"} == {appliance.content("a")}
    assert near.place.local("1").stat().st_mode & 0o777 == 0o640


def test_several_destinations_each_fetch_for_themselves(site: Site, near: Near, other: Near, appliance: Place) -> None:
    appliance.put("a", b"content" * 1000)
    site.add("gone", near.place.server, ansible_port=1)
    gone = {"inventory_host": "gone", "path": "/nowhere/"}
    ends = [near.place.end("1"), gone, other.place.end(), near.place.end("2")]
    task = relay("relay", source=appliance.end("a"), destinations=ends, route="destination")
    enough = {**task, "name": "enough"}
    enough["backhaul.sftp.sftp_relay"] = {**task["backhaul.sftp.sftp_relay"], "min_success": 3}
    run = site.play(task, enough)
    assert run.states("relay") == ["created", "failed", "created", "created"]
    error = run.failure("relay")
    assert (error["code"], error["host"], error["role"]) == ("connect_failed", "gone", "destination")
    assert (error["details"]["failed"], error["details"]["succeeded"]) == (1, 3)
    first, failed = run["relay"]["destinations"][:2]
    assert set(first) == set(failed)
    assert [entry["host"] for entry in run["relay"]["destinations"]] == ["near", "gone", "other", "near"]
    assert run["relay"]["source"]["host"] == "appliance"
    assert (near.runs, other.runs) == (2, 2)
    assert run.states("enough") == ["unchanged", "failed", "unchanged", "unchanged"]
    assert not run.succeeded("enough")["changed"]
    assert any("gone" in warning for warning in run["enough"]["warnings"])
    assert near.place.content("1") == near.place.content("2") == other.place.content("a") == appliance.content("a")


def test_the_controllers_files_go_along_as_text(site: Site, near: Near, lab: SharedLab) -> None:
    """Key, known hosts, revocations and jump host of the other end are files of the controller only."""
    server = lab.openssh(variant="internal")
    far = site.add("far", server)
    site.add("bastion", lab.openssh(extra=("MaxStartups 20",)))
    arguments = site.hosts["far"]["ansible_ssh_common_args"]
    site.hosts["jumped"] = {**site.hosts["far"], "ansible_ssh_common_args": f"{arguments} -o ProxyJump=bastion"}
    near.place.put("a", b"content")
    source = near.place.end("a")
    keys = site.folder / "revoked.pub"
    keys.write_text("\n".join(server.host_keys), encoding="ascii")
    krl = site.folder / "revoked.krl"
    subprocess.run(["ssh-keygen", "-kqf", str(krl), str(keys)], check=True)
    listed = {"krl": krl, "list": keys}
    run = site.play(
        relay("far", source=source, destinations=[far.end("1")], route="source"),
        relay("jumped", source=source, destinations=[{**far.end("2"), "inventory_host": "jumped"}], route="source"),
        relay("unknown", source=source, destinations=[far.end("3", known_hosts="# none")], route="source"),
        *(
            relay(name, source=source, destinations=[far.end("4", revoked_host_keys=str(path))], route="source")
            for name, path in listed.items()
        ),
    )
    assert run.states("far") == run.states("jumped") == ["created"]
    assert len(run["jumped"]["connections"][-1]["jumps"]) == 1
    assert run.failure("unknown")["code"] == "host_key_unknown"
    assert [run.failure(name)["code"] for name in listed] == ["host_key_revoked", "host_key_revoked"]
    assert far.names() == {"1", "2"}


def test_what_cannot_be_is_refused_with_the_way_out(site: Site, near: Near, store: Place) -> None:
    near.place.put("a", b"content")
    server = near.place.server
    spelled: Vars = {"host": server.host, "port": server.port, "path": near.place.path("a")}
    run = site.play(
        relay("spelled out", source=spelled, destinations=[store.end()], route="source"),
        relay("far away", source=near.place.end("a"), destinations=[{"path": str(site.folder)}], route="source"),
        relay("far source", source={"local": True, "path": "/x"}, destinations=[near.place.end()], route="destination"),
        {
            **relay("background", source=near.place.end("a"), destinations=[store.end()], route="source"),
            "async": 60,
            "poll": 0,
        },
        relay(
            "too few",
            source=store.end("a"),
            destinations=[near.place.end(), store.end()],
            route="destination",
            min_success=3,
        ),
        relay("misspelt", source=near.place.end("a"), destinations=[store.end()], route="sauce"),
        relay("no such host", source={"inventory_host": "x", "path": "/a"}, destinations=[store.end()], route="source"),
    )
    for task in ("spelled out", "far away", "far source", "background", "too few", "no such host"):
        assert run.failure(task)["code"] == "invalid_input", task
        assert run.failure(task)["remedy"] or task == "too few"
    assert "inventory_host" in run.failure("spelled out")["remedy"]
    assert "sauce" in run["misspelt"]["msg"]
    assert (near.runs, store.names()) == (0, set())


def test_the_controller_may_be_the_end_that_the_route_names(site: Site, store: Place) -> None:
    here = site.folder / "a"
    here.write_bytes(b"content")
    run = site.play(
        relay("up", source={"local": True, "path": str(here)}, destinations=[store.end()], route="source"),
        relay("down", source=store.end("a"), destinations=[{"path": f"{here}2"}], route="destination"),
    )
    assert run.states("up") == run.states("down") == ["created"]
    assert Path(f"{here}2").read_bytes() == b"content"


def test_what_is_missing_on_the_host_is_named_with_the_remedy(site: Site, lab: SharedLab, store: Place) -> None:
    bare = site.folder / "bare"
    venv.create(bare, with_pip=False)
    server = lab.openssh()
    without = site.add("without-paramiko", server, ansible_python_interpreter=str(bare / "bin" / "python"))
    site.add("without-python", server, ansible_python_interpreter="/nonexistent/python")
    path = without.put("a", b"content")
    store.put("b", b"content")
    site.add("discovered", server)
    names = ["without-paramiko", "without-python"]
    run = site.play(
        *(
            relay(name, source={"inventory_host": name, "path": path}, destinations=[store.end()], route="source")
            for name in names
        ),
        relay("fetch", source=store.end("b"), destinations=[without.end()], route="destination"),
        relay(
            "look", source={"inventory_host": "discovered", "path": path}, destinations=[store.end()], route="source"
        ),
    )
    for task, host in [*zip(names, names), ("fetch", "without-paramiko")]:
        error = run.failure(task)
        assert (error["code"], error["host"]) == ("dependency_missing", host)
        assert "route: controller" in error["remedy"]
        assert error["remedy"] in run[task]["msg"]
        assert host in run[task]["msg"]
    assert "paramiko" in run.failure("without-paramiko")["message"]
    assert run["without-paramiko"]["destinations"][0]["error"]["host"] == "without-paramiko"
    assert "/nonexistent/python" in str(run["without-python"])
    # The discovered interpreter of the other host is no fact of the play's host.
    assert "discovered_interpreter" not in str(run["look"])


def test_credentials_go_only_to_a_host_whose_key_ssh_knows(
    site: Site, near: Near, store: Place, lab: SharedLab
) -> None:
    """Host key checking may be off for Ansible's connection; the secrets of a route must not go through it then."""
    path = near.place.put("a", b"content")
    wrong = site.folder / "wrong_known_hosts"
    known = lab.openssh(variant="internal").host_keys
    place = near.place.server
    wrong.write_text("".join(f"[{place.host}]:{place.port} {line}\n" for line in known), encoding="ascii")
    ways = {"unknown": "/dev/null", "changed": str(wrong)}
    for name, file in ways.items():
        arguments = f"-o UserKnownHostsFile={file} -o StrictHostKeyChecking=no"
        site.hosts[name] = {**site.hosts["near"], "ansible_ssh_common_args": arguments}
    run = site.play(
        *(
            relay(name, source={"inventory_host": name, "path": path}, destinations=[store.end()], route="source")
            for name in ways
        ),
        {"name": "ping", "ping": {}, "delegate_to": "unknown"},
        relay("after", source={"inventory_host": "unknown", "path": path}, destinations=[store.end()], route="source"),
        env={"ANSIBLE_HOST_KEY_CHECKING": "False"},
    )
    assert run["ping"]["status"] == "ok"
    assert run.failure("unknown")["code"] == run.failure("after")["code"] == "host_key_unknown"
    assert run.failure("changed")["code"] == "host_key_mismatch"
    assert (near.runs, store.names()) == (1, set())


def test_become_is_that_of_any_module_on_the_host(site: Site, lab: SharedLab, store: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user without a password")
    record, program = site.folder / "become.runs", site.folder / "become"
    program.write_text(f'#!/bin/sh\necho run >> {shlex.quote(str(record))}\nexec su "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    near = _near(site, lab.openssh(), "near", ansible_become_method="su", ansible_become_exe=str(program))
    near.place.put("a", b"content")
    task = relay("relay", source=near.place.end("a"), destinations=[store.end()], route="source")
    assert site.play(task).states("relay") == ["created"]
    assert not record.exists()
    same_user = {"ANSIBLE_BECOME_ALLOW_SAME_USER": "True"}
    assert site.play({**task, "become": True}, env=same_user).states("relay") == ["unchanged"]
    assert record.exists()
    assert near.runs == 2


def _processes_with(text: str) -> dict[int, bytes]:
    """Return the processes of this machine that have the text among their arguments."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in arguments:
            found[int(entry.name)] = arguments
    return found


def _files_with(folders: t.Iterable[Path], secrets: t.Sequence[str], own: t.Container[Path]) -> set[str]:
    """Return the secrets in files, except the test's own files, its playbook and its inventory."""
    found = set()
    for folder, _folders, names in (entry for start in folders for entry in os.walk(start)):
        for path in (Path(folder, name) for name in names if not name.startswith(("play-", "inventory."))):
            try:
                content = b"" if path in own else path.read_bytes()
            except OSError:  # removed meanwhile
                continue
            found |= {f"{secret!r} in {path}" for secret in secrets if secret.encode() in content}
    return found


def test_secrets_reach_the_module_and_nothing_else(site: Site, near: Near, lab: SharedLab) -> None:
    nas = lab.asyncssh()
    password = str(nas.password)
    near.place.put("a", os.urandom(8_000_000))
    ssh = lab.openssh(variant="internal")
    key_line = ssh.client_key.text.strip().splitlines()[-2]
    with Proxy(ssh) as proxy:
        far = site.add_behind("far", ssh, proxy)
        proxy.upstream.throttle(2_000_000)
        by_password = site.add("nas", nas, ansible_ssh_private_key_file=None, ansible_password=password)
        wrong = by_password.end("b", password="canary-wrong-password")
        secrets = [password, key_line, "canary-wrong-password"]
        own = {path for path in site.folder.rglob("*") if path.is_file()}
        tasks = [
            relay("relay", source=near.place.end("a"), destinations=[far.end(), by_password.end()], route="source"),
            relay("failing", source=near.place.end("a"), destinations=[wrong], route="source"),
        ]
        found: set[str] = set()
        looks = 0
        env = {"ANSIBLE_LOG_PATH": str(site.folder / "ansible.log")}
        with site.playing(*tasks, arguments=["-vvvv", "--diff"], env=env) as running:
            while running.process.poll() is None:
                looks += 1
                found |= {f"{secret} of {pids}" for secret in secrets if (pids := _processes_with(secret))}
                found |= _files_with([site.folder, *Path("/tmp").glob("ansible_*")], secrets, own)
        found |= _files_with([site.folder], secrets, own)
    run = running.run()
    assert run.states("relay") == ["created", "created"]
    assert run["relay"]["connections"][1]["authenticated_by"] == "password"
    assert run.failure("failing")["code"] == "authentication_refused"
    assert looks > 5
    assert found == set()


def test_time_limits_of_a_task_reach_the_module(site: Site, near: Near, slow: tuple[Place, Proxy]) -> None:
    place, proxy = slow
    near.place.put("a", os.urandom(12_000_000))
    proxy.upstream.throttle(400_000)
    tasks = [
        relay(name, source=near.place.end("a"), destinations=[place.end("b")], route="source", resume=False)
        for name in ("async", "timeout", "enough")
    ]
    run = site.play({**tasks[0], "async": 4, "poll": 1}, {**tasks[1], "timeout": 4})
    assert run.failure("async")["code"] == "timed_out"
    assert run["timeout"]["status"] == "failed"
    eventually(lambda: place.names() == set())
    proxy.upstream.throttle(0)
    assert site.play({**tasks[2], "async": 120, "poll": 1}).states("enough") == ["created"]


@pytest.mark.parametrize(
    "end",
    [
        lambda running: running.signal(signal.SIGINT),
        lambda running: running.signal(signal.SIGTERM),
        lambda running: running.kill(),
    ],
    ids=["interrupted", "cancelled", "killed"],
)
def test_a_run_that_ends_early_ends_the_module_there(
    site: Site, near: Near, slow: tuple[Place, Proxy], end: t.Callable[[Playing], None]
) -> None:
    place, proxy = slow
    near.place.put("a", os.urandom(12_000_000))
    proxy.upstream.throttle(400_000)
    task = relay("relay", source=near.place.end("a"), destinations=[place.end("b")], route="source", resume=False)
    with site.playing(task) as running:
        eventually(lambda: any(_TEMPORARY in name for name in place.names()))
        end(running)
        running.wait()
        eventually(lambda: not site.processes())
    eventually(lambda: place.names() == set())
