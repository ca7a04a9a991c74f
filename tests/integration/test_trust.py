# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No credential goes to a server with an unverified host key, with any settings of Ansible."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

import yaml

from ansible_collections.backhaul.sftp.tests.lab import Server, start_openssh
from ansible_collections.backhaul.sftp.tests.lab.keys import make_host_keys

from .controller import Place, Site, find, info, relay

_NO_HOST_KEY_CHECKING = {"ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_SSH_COMMON_ARGS": "-o StrictHostKeyChecking=no"}


@contextmanager
def _logging_server() -> t.Iterator[Server]:
    """Run a server whose log has every authentication request."""
    with start_openssh(variant="internal", extra=("LogLevel DEBUG1",)) as server:
        yield server


def _logins(server: Server) -> int:
    return server.log.read_text(encoding="utf-8", errors="replace").count("userauth-request")


def _new_host_keys(server: Server) -> None:
    """Give the server new host keys, as a reinstallation does."""
    server.stop()
    for path in server.folder.glob("host_*"):
        path.unlink()
    server.host_keys = tuple(make_host_keys(server.folder).values())
    server.start()


def _fingerprints(site: Site) -> set[str]:
    """Return the fingerprints of the server ``store`` from ``sftp_info`` without a login."""
    run = site.play(info("keys", endpoint={"inventory_host": "store"}, login=False), env=_NO_HOST_KEY_CHECKING)
    return {key["fingerprint"] for key in run.succeeded("keys")["host_keys"]}


def _pin_in(message: str) -> list[str]:
    """Return the pins in the YAML at the end of a message."""
    found = yaml.safe_load(message[message.index("host_keys:") :])
    return t.cast("list[str]", found["host_keys"])


def test_a_changed_host_key_stops_a_setup_that_worked(site: Site, source: Place) -> None:
    source.put("a", b"content")
    with _logging_server() as server:
        place = site.add("store", server)
        other = site.add("other", source.server)
        tasks = [
            find("find", endpoint={"inventory_host": "store"}, path=place.path(), when_none="ok"),
            relay("relay", source=source.end("a"), destinations=[place.end(), other.end()], min_success=2),
        ]
        before = site.play(*tasks, env=_NO_HOST_KEY_CHECKING)
        before.succeeded("find")
        assert before.states("relay") == ["created", "created"]
        expected = set(_fingerprints(site))
        assert _logins(server) > 0
        _new_host_keys(server)
        logins = _logins(server)
        site.hosts["store"]["ansible_ssh_common_args"] += " -o StrictHostKeyChecking=no"
        after = site.play(*tasks, env=_NO_HOST_KEY_CHECKING)
        error = after.failure("find")
        assert error["code"] == "host_key_mismatch"
        assert not error["retryable"]
        offered = error["details"]["offered"]["fingerprint"]
        known = {key["fingerprint"] for key in error["details"]["expected"]}
        assert known <= expected
        assert offered not in expected
        assert {offered, *known} <= set(after["find"]["msg"].replace(",", " ").replace(";", " ").split())
        assert after.states("relay") == ["failed", "unchanged"]
        assert after.failure("relay")["role"] == "destination"
        assert _logins(server) == logins
        pinned = site.play(
            find(
                "pinned",
                endpoint={"inventory_host": "store", "host_keys": _pin_in(after["find"]["msg"])},
                path=place.path(),
            )
        )
        assert pinned.succeeded("pinned")["connection"]["trusted_by"] == "pin"


def test_an_unknown_or_a_revoked_host_key_is_refused_before_any_login(site: Site) -> None:
    with _logging_server() as server:
        place = site.add("store", server)
        known = server.known_hosts()
        revoked = known + "".join(f"@revoked * {line}\n" for line in server.host_keys)
        elsewhere = known.replace(f":{server.port}", ":22")
        named: dict[str, t.Any] = {"inventory_host": "store"}
        run = site.play(
            find("unknown", endpoint={**named, "known_hosts": "# nothing\n"}, path=place.path()),
            find("known without its port", endpoint={**named, "known_hosts": elsewhere}, path=place.path()),
            find("revoked", endpoint={**named, "known_hosts": revoked}, path=place.path()),
            find("pin of another", endpoint={**named, "host_keys": ["SHA256:" + "A" * 43]}, path=place.path()),
            info("scan", endpoint={**named, "known_hosts": revoked}, login=False),
            env=_NO_HOST_KEY_CHECKING,
        )
        assert run.failure("unknown")["code"] == "host_key_unknown"
        assert run.failure("known without its port")["code"] == "host_key_unknown"
        assert run.failure("revoked")["code"] == "host_key_revoked"
        assert run.failure("pin of another")["code"] == "host_key_mismatch"
        assert {key["refused_as"] for key in run.succeeded("scan")["host_keys"]} == {"host_key_revoked"}
        assert _logins(server) == 0
        for task in ("unknown", "pin of another"):
            offered = run.failure(task)["details"]["offered"]
            if offered is None:
                continue
            assert offered["fingerprint"] in run[task]["msg"]
            assert "another channel" in run[task]["msg"] or "administrator" in run[task]["msg"]
        site.known_hosts.chmod(0o666)
        writable = site.play(find("writable", endpoint=named, path=place.path()))
        assert writable.failure("writable")["code"] == "unsafe_path"
        assert _logins(server) == 0


def test_pins_and_known_hosts_from_form_fields_count_line_by_line(site: Site, store: Place) -> None:
    server = store.server
    stranger = "SHA256:" + "A" * 43
    site.hosts["store"]["pins"] = "\r\n".join(["# from the form", stranger, "", *server.host_keys, ""])
    site.hosts["store"]["known"] = [f"[{server.host}]:{server.port} {line}\r\n# next" for line in server.host_keys]
    by_jump = {"host": server.host, "port": server.port, "user": server.user, "host_keys": "{{ pins }}"}
    by_jump["private_key_file"] = str(server.client_key.path)
    run = site.play(
        find("text", endpoint={"host_keys": "{{ pins }}"}, path=store.path(), when_none="ok"),
        find("list", endpoint={"host_keys": ["{{ pins }}"]}, path=store.path(), when_none="ok"),
        find("known", endpoint={"known_hosts": "{{ known }}", "known_hosts_files": []}, path="/", when_none="ok"),
        find("jump", endpoint={"host_keys": "{{ pins }}", "jump": [by_jump]}, path=store.path(), when_none="ok"),
        hosts="store",
    )
    for task in ("text", "list", "known", "jump"):
        run.succeeded(task)
