# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No password, passphrase or key is shown, logged or written to a file, at any verbosity."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.backhaul.sftp.tests.lab import Proxy, SharedLab
from ansible_collections.backhaul.sftp.tests.lab.keys import make_key

from .controller import Place, Playing, Site, Vars, find, get, info, put, relay
from .watch import Watch, key_body

_PASSWORD = "canary-password-7f3a"
_PASSPHRASE = "canary passphrase 91c4"


def _run(site: Site, secrets: t.Iterable[str], *tasks: Vars) -> tuple[Watch, Playing]:
    watch = Watch(site, secrets)
    temporary = site.folder / "tmp"
    temporary.mkdir()
    env = {"ANSIBLE_LOG_PATH": str(site.folder / "ansible.log"), "TMPDIR": str(temporary)}
    with site.playing(*tasks, arguments=["-vvvv", "--diff"], env=env) as running:
        watch.until_end(running)
    watch.search()
    return watch, running


def test_secrets_are_nowhere_when_tasks_succeed(site: Site, lab: SharedLab, slow: tuple[Place, Proxy]) -> None:
    server = lab.asyncssh()
    nas = site.add("nas", server, ansible_ssh_private_key_file=None, ansible_password=server.password)
    locked = site.folder / "locked_key"
    public = make_key(locked, "ed25519", passphrase=_PASSPHRASE)
    ssh = lab.openssh()
    with (ssh.folder / "authorized_keys").open("a", encoding="ascii") as file:
        file.write(f"{public}\n")
    place, proxy = slow
    proxy.upstream.throttle(2_000_000)
    nas.put("a", b"x" * 3_000_000)
    spelled: Vars = {"host": ssh.host, "port": ssh.port, "user": ssh.user, "host_keys": list(ssh.host_keys)}
    keyed: Vars = {**spelled, "private_key": locked.read_text(encoding="ascii"), "private_key_passphrase": _PASSPHRASE}
    secrets = [str(server.password), _PASSPHRASE, key_body(keyed["private_key"]), key_body(ssh.client_key.text)]
    watch, running = _run(
        site,
        secrets,
        relay("slowly", source=nas.end("a"), destinations=[place.end(private_key=place.server.client_key.text)]),
        find("by key", endpoint=keyed, path="/", when_none="ok"),
        info("info", endpoint={"inventory_host": "nas", "password": server.password}),
        get("get", endpoint={"inventory_host": "nas", "password": server.password}, src=nas.path("a"), dest="copy"),
        put("put", endpoint=keyed, src="copy", dest=ssh.remote_path(ssh.root / "secrecy")),
        {**find("detached", endpoint=keyed, path="/", when_none="ok"), "async": 30, "poll": 0},
        {"name": "wait", "pause": {"seconds": 4}},
    )
    run = running.run()
    for task in ("slowly", "info", "get", "put", "detached"):
        run.succeeded(task)
    assert run.succeeded("by key")["connection"]["authenticated_by"].startswith("key ")
    assert watch.searches > 5
    assert watch.found == set()


def test_secrets_are_nowhere_when_tasks_fail(site: Site, lab: SharedLab) -> None:
    server = lab.asyncssh()
    locked = site.folder / "locked_key"
    make_key(locked, "ed25519", passphrase=_PASSPHRASE)
    text = locked.read_text(encoding="ascii")
    broken = text.replace("-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN canary-damaged-key-----")
    end = {"host": server.host, "port": server.port, "user": server.user, "known_hosts": server.known_hosts()}
    secret: Vars = {"password": _PASSWORD, "private_key": text, "private_key_passphrase": "canary-wrong-passphrase"}
    secrets = [_PASSWORD, _PASSPHRASE, "canary", key_body(text)]
    watch, running = _run(
        site,
        secrets,
        find("wrong password", endpoint={**end, "password": _PASSWORD}, path="/"),
        find("wrong passphrase", endpoint={**end, **secret}, path="/"),
        find("damaged key", endpoint={**end, "private_key": broken}, path="/"),
        find("unknown option", endpoint={**end, **secret, "passwrd": 1}, path="/"),
        find("wrong type", endpoint={**end, **secret, "port": "x"}, path="/"),
        find("as text", endpoint=f"host={server.host} password={_PASSWORD} local=x", path="/"),
        relay(
            "before the module",
            source={**end, **secret, "path": "/a"},
            destinations=[{"inventory_host": "nowhere", "path": "/"}],
        ),
        find("refused server", endpoint={**end, **secret, "known_hosts": "# nothing"}, path="/"),
    )
    run = running.run()
    assert [record["status"] for record in run.records] == ["failed"] * 8
    assert run.failure("wrong password")["details"]["tried"] == ["password", "keyboard-interactive"][:1]
    assert "passphrase" in run.failure("wrong passphrase")["message"]
    assert watch.found == set()


_ODD = "canary'pass\"wörd\\5e"
_MISFITS: t.Mapping[str, object] = {"list": [_ODD], "mapping": {"pem": [_ODD]}, "truth": True}


def test_secrets_of_the_wrong_type_are_nowhere(site: Site, lab: SharedLab) -> None:
    """Secrets as a loop, a lookup or a folded YAML block gives them: in every option, each module and the role."""
    text = lab.openssh().client_key.text
    end: Vars = {"host": "127.0.0.1", "port": 1, "user": "u"}
    lines = text.strip().splitlines()
    tasks = [
        find("find", endpoint={**end, "password": _MISFITS["list"]}, path="/"),
        info("info", endpoint={**end, "private_key_passphrase": _MISFITS["mapping"]}),
        get("get", endpoint={**end, "jump": [{**end, "private_key": lines}]}, src="/a", dest="a"),
        put("put", endpoint={**end, "private_key": {"pem": text}}, src="/etc/hostname", dest="/a"),
        relay(
            "relay",
            source={"local": True, "path": "/etc/hostname"},
            destinations=[{**end, "path": "/", "private_key": [text]}],
        ),
        relay("routed", source={**end, "path": "/", "password": [_ODD]}, destinations=[{"path": "/"}], route="source"),
        find("number", endpoint={**end, "password": True, "pasword": _ODD}, path="/"),
        find("misspelt", endpoint={**end, "pasword": _ODD, "privat_key": text}, path="/"),
        find("shape", endpoint=[{**end, "password": _ODD}], path="/"),
        {**find("detached", endpoint={**end, "password": [_ODD]}, path="/"), "async": 30, "poll": 0},
        find("inherited", endpoint={"inventory_host": "listed"}, path="/"),
    ]
    role: Vars = {
        "block": [
            {
                "name": "role",
                "ansible.builtin.include_role": {"name": "backhaul.sftp.backup_relay"},
                "vars": {
                    "backup_relay_source": {**end, "path": "/", "private_key": [text]},
                    "backup_relay_destinations": [{**end, "path": "/", "password": {"a": _ODD}}],
                },
            }
        ],
        "rescue": [{"name": "rescued", "ansible.builtin.debug": {"msg": "rescued"}}],
    }
    site.hosts["listed"] = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_password": [_ODD]}
    odd = {_ODD, json.dumps(_ODD)[1:-1], json.dumps(_ODD, ensure_ascii=False)[1:-1], repr(_ODD)[1:-1], "canary"}
    watch, running = _run(site, [*odd, key_body(text)], *tasks, role)
    run = running.run()
    named = {task: run.failure(task) for task in ("find", "info", "get", "put", "relay", "routed", "number", "shape")}
    assert {error["code"] for error in named.values()} == {"invalid_input"}
    assert "endpoint.jump[0].private_key is a list" in named["get"]["message"]
    assert "destinations[0].private_key is a list" in named["relay"]["message"]
    assert run.failure("inherited")["message"].endswith(": ansible_password")
    assert "pasword" in run["misspelt"]["msg"]
    assert "rescued" in run.output
    assert watch.found == set()
