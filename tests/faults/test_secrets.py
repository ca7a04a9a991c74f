# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets stay out of every output, and text of a server has no effect in a terminal or a template."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.tests.actors import HOSTILE_MESSAGE_SERVER
from ansible_collections.backhaul.sftp.tests.actors.forking_host import ForkingHost
from ansible_collections.backhaul.sftp.tests.faults.journey import Journey
from ansible_collections.backhaul.sftp.tests.integration.controller import Site, Vars, find, info, put, relay
from ansible_collections.backhaul.sftp.tests.integration.watch import Watch, key_body
from ansible_collections.backhaul.sftp.tests.lab import SharedLab, start_asyncssh
from ansible_collections.backhaul.sftp.tests.lab.keys import make_key
from ansible_collections.backhaul.sftp.tests.relay.conftest import Placed
from ansible_collections.backhaul.sftp.tests.relay.scene import Place
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of

pytestmark = pytest.mark.integration
CANARY, PASSPHRASE = "canary-password-5d1e", "canary passphrase 3b8f"


@pytest.fixture
def canaries(site: Site, lab: SharedLab) -> tuple[Vars, list[str]]:
    """An endpoint with a secret in every option that takes one, also of its jump host; and these secrets."""
    server, locked = lab.asyncssh(), site.folder / "locked_key"
    make_key(locked, "ed25519", passphrase=PASSPHRASE)
    text = locked.read_text(encoding="ascii")
    secret: Vars = {"password": CANARY, "private_key": text, "private_key_passphrase": PASSPHRASE}
    host: Vars = {"host": server.host, "port": server.port, "user": server.user, "use_agent": False}
    known: Vars = {**host, **secret, "known_hosts": server.known_hosts()}
    return known, [CANARY, PASSPHRASE, key_body(text)]


@pytest.mark.fault("secrets.canary")
def test_a_canary_in_every_option_is_nowhere(site: Site, canaries: tuple[Vars, list[str]]) -> None:
    """In tasks that fail in each phase, in a background task, in the role and in its report; at -vvvv."""
    known, secrets = canaries
    hopping: Vars = {**known, "jump": [known]}
    unknown: Vars = {**known, "known_hosts": "# nobody"}
    (site.folder / "file").write_bytes(b"content")
    tasks = {
        "find": find("find", endpoint=known, path="/"),
        "info": info("info", endpoint=unknown),
        "put": put("put", endpoint=hopping, src="file", dest="/a"),
        "relay": relay("relay", source={**known, "path": "/a"}, destinations=[{**hopping, "path": "/"}], retries=0),
        "misspelt": relay(
            "misspelt", source={**known, "path": "/a", "pasword": 1}, destinations=[{**known, "path": "/"}]
        ),
        "left alone": {**find("left alone", endpoint=known, path="/"), "async": 30, "poll": 0, "register": "job"},
    }
    role: Vars = {
        "block": [
            {
                "name": "role",
                "ansible.builtin.include_role": {"name": "backhaul.sftp.backup_relay"},
                "vars": {
                    "backup_relay_source": {**known, "path": "/backups"},
                    "backup_relay_destinations": [{**known, "path": "/copies"}],
                    "backup_relay_report_file": str(site.folder / "report.html"),
                },
            }
        ],
        "rescue": [{"name": "rescued", "ansible.builtin.debug": {"var": "ansible_failed_result"}}],
    }
    everything: list[Vars] = [
        *tasks.values(),
        {"name": "status", "ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}"}, "ignore_errors": True},
        role,
        {"name": "facts", "ansible.builtin.debug": {"var": "vars"}, "when": False},
    ]
    watch = Watch(site, secrets)
    temporary = site.folder / "tmp"
    temporary.mkdir()
    env = {"ANSIBLE_LOG_PATH": str(site.folder / "ansible.log"), "TMPDIR": str(temporary)}
    with site.playing(*everything, arguments=["-vvvv", "--diff"], env=env) as running:
        watch.until_end(running)
    watch.search()
    run = running.run()
    failed = {record["task"] for record in run.records if record["status"] == "failed"}
    assert failed >= set(tasks) - {"left alone"}, run.output
    assert "rescued" in run.output
    assert watch.searches > 5
    assert watch.found == set()


@pytest.fixture
def verbose_journey(source: Place, placed: Placed) -> t.Iterator[Journey]:
    """A relay to a server that refuses every write with a very long message."""
    with start_asyncssh(sftp_class=HOSTILE_MESSAGE_SERVER) as server:
        yield Journey(source, placed(server), size=100)


SIZES = {"kept.1000": 1000, "cut.200000": 200_000, "refused.1000000": 1_000_000}


@pytest.mark.fault("secrets.remote_text")
@pytest.mark.parametrize("name", SIZES)
def test_what_a_server_says_is_inert_and_cut(
    verbose_journey: Journey, forking_host: ForkingHost, tmp_path: Path, name: str
) -> None:
    """The length of the server's message is the number at the end of the file name."""
    place = verbose_journey.target
    source = endpoint_of(
        verbose_journey.source.server,
        path=verbose_journey.source.server.remote_path(verbose_journey.source.folder) + "/backup",
    )
    destination = endpoint_of(place.server, path=place.server.remote_path(place.folder / name))
    params = {"source": source, "destinations": [destination], "retries": 0}
    ended = forking_host.run(tmp_path / "run", "sftp_relay", params)
    assert ended.result["failed"] and ended.result["error"]["code"] in ("remote_failure", "protocol_violation")
    assert "\\x1b" in json.dumps(ended.result["error"]) or SIZES[name] > 200_000
    assert "\x1b" not in ended.output and "\u202e" not in ended.output
    assert len(ended.output) < 30_000
    assert place.partial_files() == []
    (error,) = verbose_journey.run().results
    assert isinstance(error, BackhaulError) and len(error.message) < 10_000


@pytest.mark.fault("secrets.remote_text")
def test_a_template_in_what_a_server_says_is_never_evaluated(site: Site, verbose_journey: Journey) -> None:
    server = verbose_journey.target.server
    place = site.add("verbose_journey", server)
    source = site.add("source", verbose_journey.source.server)
    source.put("kept.1000", b"content")
    run = site.play(
        {
            **relay("relay", source=source.end("kept.1000"), destinations=[place.end()], retries=0),
            "register": "outcome",
        },
        {"name": "show", "ansible.builtin.debug": {"msg": "said: {{ outcome.error.message }}"}},
        {"name": "again", "ansible.builtin.debug": {"var": "outcome.msg"}},
    )
    assert "{{ 6 * 7 }}" in run.failure("relay")["message"]
    assert "said: " in run.output and "{{ 6 * 7 }}" in run["show"]["msg"]
    assert "said 42" not in run.output and "\x1b" not in run.output
