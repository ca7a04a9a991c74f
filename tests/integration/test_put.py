# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads: files on the server, and results."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.backhaul.sftp.tests.lab import Proxy

from .controller import Place, Site, Vars, eventually, put

_CONTENT = b"a license " * 4000
_SECRET = b"canary-plain-text " * 60_000
_MTIME = 1_700_000_000


def _contents(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def _states(result: Vars) -> list[str]:
    return [entry["state"] for entry in result["files"]]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_file_a_list_and_a_directory_arrive_and_a_second_run_changes_nothing(site: Site, store: Place) -> None:
    _write(site.folder / "files" / "a", _CONTENT)
    _write(site.folder / "files" / "tree" / "sub" / "b {{ x }}", b"second")
    _write(site.folder / "c", b"third")
    end = {"inventory_host": "store"}
    tasks = [
        put("file", endpoint=end, src="a", dest=store.path("one")),
        put("list", endpoint=end, paths=["a", "c"], dest=store.path("list"), create_directories=True),
        put("tree", endpoint=end, src="tree", dest=store.path(), mode="0640"),
        put("content of tree", endpoint=end, src="tree/", dest=store.path("inside"), create_directories=True),
    ]
    planned = site.play(*tasks, arguments=["--check", "--diff"])
    assert store.names() == set()
    first = site.play(*tasks)
    second = site.play(*tasks)
    for name in ("file", "list", "tree", "content of tree"):
        assert set(_states(planned.succeeded(name))) == {"planned"}
        assert set(_states(first.succeeded(name))) == {"created"}
        assert set(_states(second.succeeded(name))) == {"unchanged"}
        assert (planned[name]["changed"], first[name]["changed"], second[name]["changed"]) == (True, True, False)
        assert len(first[name]["connections"]) == 1
    assert _contents(store.folder) == {
        "one": _CONTENT,
        "list/a": _CONTENT,
        "list/c": b"third",
        "tree/sub/b {{ x }}": b"second",
        "inside/sub/b {{ x }}": b"second",
    }
    assert (store.local("tree/sub/b {{ x }}").stat().st_mode & 0o777) == 0o640


def test_a_source_that_is_nowhere_is_said_before_anything_is_sent(site: Site, store: Place) -> None:
    run = site.play(put("put", src="nowhere", dest=store.path()), hosts="store")
    assert run.failure("put")["code"] == "invalid_input"
    assert store.names() == set()


def test_a_role_finds_its_files_and_the_play_host_needs_no_python(site: Site, store: Place) -> None:
    _write(site.folder / "roles" / "licensed" / "files" / "license.key", _CONTENT)
    task = put("put", src="license.key", dest=store.path())
    _write(site.folder / "roles" / "licensed" / "tasks" / "main.yml", json.dumps([task]).encode())
    run = site.play(hosts="store", roles=["licensed"])
    assert _states(run.succeeded("licensed : put")) == ["created"]
    assert store.content("license.key") == _CONTENT


def _vault(site: Site, path: Path, content: bytes) -> list[str]:
    """Write a file that ansible-vault encrypted; return the arguments with which a play reads it."""
    password = site.folder / "vault-password"
    password.write_bytes(b"of the vault")
    encrypted = VaultLib([("default", VaultSecret(b"of the vault"))]).encrypt(content)
    _write(path, encrypted)
    os.utime(path, (_MTIME, _MTIME))
    return ["--vault-password-file", str(password)]


def _plain_text_in(site: Site) -> list[str]:
    """Return the files on the controller that have the secret in them."""
    return [str(path) for path in site.folder.rglob("*") if path.is_file() and _SECRET[:200] in path.read_bytes()]


def test_what_ansible_vault_encrypted_arrives_in_plain_text_unless_told_otherwise(site: Site, store: Place) -> None:
    arguments = _vault(site, site.folder / "files" / "one", _SECRET)
    _vault(site, site.folder / "files" / "tree" / "sub" / "two", _SECRET)
    _write(site.folder / "files" / "tree" / "three", b"never secret")
    (site.folder / "files" / "tree" / "sub" / "two").chmod(0o640)
    end = {"inventory_host": "store"}
    tasks = [
        put("file", endpoint=end, src="one", dest=store.path("one")),
        put("as it is", endpoint=end, src="one", dest=store.path("vault"), decrypt=False),
        put("tree", endpoint=end, src="tree", dest=store.path(), mode="preserve"),
        put("list", endpoint=end, paths=["one"], dest=store.path("list"), create_directories=True),
    ]
    first = site.play(*tasks, arguments=[*arguments, "-vvvv", "--diff"])
    second = site.play(*tasks, arguments=arguments)
    for name in ("file", "as it is", "tree", "list"):
        first.succeeded(name)
        assert (first[name]["changed"], second.succeeded(name)["changed"]) == (True, False)
    assert store.content("one") == store.content("tree/sub/two") == store.content("list/one") == _SECRET
    assert store.content("vault").startswith(b"$ANSIBLE_VAULT;")
    assert store.content("tree/three") == b"never secret"
    assert (store.local("one").stat().st_mtime, store.local("tree/sub/two").stat().st_mode & 0o777) == (_MTIME, 0o640)
    sources = [entry["source"] for entry in first["tree"]["files"]]
    assert sources == [str(site.folder / "files" / "tree" / name) for name in ("sub/two", "three")]
    assert _plain_text_in(site) == []
    assert _SECRET[:18].decode() not in first.output


def test_without_the_vaults_password_nothing_is_sent(site: Site, store: Place) -> None:
    _vault(site, site.folder / "files" / "one", _SECRET)
    detached: Vars = {"async": 30, "poll": 0}
    run = site.play(
        put("no password", src="one", dest=store.path()),
        {**put("detached", content="text", dest=store.path("x")), **detached},
        put("two", content="text", src="one", dest=store.path("x")),
        put("unnamed", content="text", dest=store.path()),
        hosts="store",
    )
    for name in ("no password", "detached", "two", "unnamed"):
        assert run.failure(name)["code"] == "invalid_input"
    assert store.names() == set()


def test_content_is_text_or_json_and_leaves_nothing_behind(site: Site, store: Place) -> None:
    tasks = [
        put("text", content=_SECRET.decode(), dest=store.path("text"), mode="0640"),
        put("json", content={"run": "{{ inventory_hostname }}", "list": [1, True]}, dest=store.path("json")),
        put("empty", content="", dest=store.path("empty")),
    ]
    first = site.play(*tasks, hosts="store", arguments=["-vvvv", "--diff"])
    second = site.play(*tasks, hosts="store")
    for name in ("text", "json", "empty"):
        assert (first.succeeded(name)["changed"], second.succeeded(name)["changed"]) == (True, False)
        assert first[name]["files"][0]["source"] is None
    assert (store.content("text"), store.content("empty")) == (_SECRET, b"")
    assert json.loads(store.content("json")) == {"run": "store", "list": [1, True]}
    assert _SECRET[:18].decode() not in first.output
    assert [path for path in _plain_text_in(site) if not Path(path).name.startswith("play-")] == []


@pytest.mark.parametrize("ended_by", ["interrupt", "terminate", "kill", "timeout"])
def test_however_a_run_is_cancelled_no_plain_text_is_left(site: Site, slow: tuple[Place, Proxy], ended_by: str) -> None:
    place, proxy = slow
    proxy.upstream.throttle(100_000)
    arguments = _vault(site, site.folder / "files" / "one", _SECRET)
    keywords: Vars = {"timeout": 8} if ended_by == "timeout" else {}
    task = {**put("put", src="one", dest=place.path("one")), **keywords}
    with site.playing(task, hosts="slow", arguments=arguments) as running:
        eventually(lambda: any(name.startswith(".backhaul-") for name in place.names()))
        assert len(_plain_text_in(site)) == 1
        if ended_by == "kill":
            running.kill()
        elif ended_by != "timeout":
            running.cancel(signal.SIGINT if ended_by == "interrupt" else signal.SIGTERM)
        running.wait()
        eventually(lambda: not site.processes())
        assert _plain_text_in(site) == []
    assert "one" not in place.names()
