# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ``backup_relay`` in real playbooks with real servers."""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.lab import SharedLab

from .controller import Place, Run, Site, Vars

ROLE = "backhaul.sftp.backup_relay"
NOW = int(time.time())
HOUR = 3600
NEWEST = "db-3.tar.gz"
CONTENT = os.urandom(300_000)


@pytest.fixture
def backups(source: Place) -> Place:
    """A server with three good backups, an empty one and an unfinished one."""
    source.put("db-1.tar.gz", b"1" * 100, mtime=NOW - 50 * HOUR)
    source.put("db-2.tar.gz", b"2" * 100, mtime=NOW - 26 * HOUR)
    source.put(NEWEST, CONTENT, mtime=NOW - 2 * HOUR)
    source.put("db-4.tar.gz", b"", mtime=NOW - HOUR)
    source.put("db-5.tar.gz.part", b"5", mtime=NOW)
    return source


def _role(source: Place, *destinations: Vars, **variables: t.Any) -> Vars:
    """Return a task that uses the role; the variables are named without their prefix."""
    given = {"source": source.end(), **({"destinations": list(destinations)} if destinations else {}), **variables}
    return {
        "name": "Use the role",
        "ansible.builtin.include_role": {"name": ROLE},
        "vars": {f"backup_relay_{name}": value for name, value in given.items()},
    }


def _survived(*tasks: Vars) -> Vars:
    """Return a block in which a failure does not end the play."""
    return {"block": list(tasks), "rescue": [{"name": "Go on", "ansible.builtin.debug": {"msg": "it failed"}}]}


def _reports(run: Run) -> list[Vars]:
    facts = [entry["result"] for entry in run.records if entry["task"].endswith(": Make the report")]
    assert facts, run.output
    return [entry["ansible_facts"]["backup_relay_report"] for entry in facts]


def _report(run: Run) -> Vars:
    (report,) = _reports(run)
    return report


def _failures(run: Run) -> list[Vars]:
    return [entry["result"] for entry in run.records if entry["status"] == "failed"]


def _changed_tasks(run: Run) -> list[str]:
    return [entry["task"] for entry in run.records if entry["result"].get("changed")]


def _states(report: Vars) -> list[str]:
    return [entry["state"] for entry in report["destinations"]]


def test_the_second_run_changes_nothing_and_transfers_nothing(
    site: Site, backups: Place, store: Place, lab: SharedLab
) -> None:
    other = site.add("other", lab.openssh(variant="chroot"))
    role = _role(
        backups, store.end(), other.end("current.tar.gz"), patterns=["db-*"], report_file=str(site.folder / "r.json")
    )
    first, second = site.play(role), site.play(role)
    assert (first.status, second.status) == (0, 0), first.output + second.output
    assert store.content(NEWEST) == other.content("current.tar.gz") == CONTENT
    assert store.names() == {NEWEST}
    assert other.names() == {"current.tar.gz"}
    report = _report(first)
    assert (report["state"], _states(report)) == ("relayed", ["created", "created"])
    assert {Path(entry["path"]).name for entry in report["passed_over"]} == {"db-4.tar.gz", "db-5.tar.gz.part"}
    again = _report(second)
    assert (again["state"], _states(again)) == ("unchanged", ["unchanged", "unchanged"])
    assert again["bytes_read"] == sum(entry["bytes_sent"] for entry in again["destinations"]) == 0
    assert _changed_tasks(second) == []


def test_the_report_says_state_age_size_rate_and_proof(site: Site, backups: Place, store: Place) -> None:
    file = site.folder / "report.json"
    role = _role(backups, store.end(), report_file=str(file), set_stats=True)
    run = site.play(role, env={"ANSIBLE_SHOW_CUSTOM_STATS": "true"})
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report == _report(run)
    (there,) = report["destinations"]
    assert (there["host"], there["path"]) == ("store", store.path(NEWEST))
    assert (there["state"], there["size"], there["proof"]) == ("created", len(CONTENT), "readback")
    assert 2 * HOUR <= there["newest_age_seconds"] < 3 * HOUR
    assert there["bytes_per_second"] > 0
    page = file.with_suffix(".html").read_text(encoding="utf-8")
    for said in (NEWEST, "created", "2 h", "293.0 KiB", "SHA-256 of what was read back", there["sha256"]):
        assert said in page
    assert "http" not in page  # the page loads nothing from the network
    (shown,) = [line for line in run.output.splitlines() if line.startswith("\tRUN: ")]
    assert json.loads(shown.removeprefix("\tRUN: "))["backup_relay"] == report


def test_a_link_that_was_planted_under_the_reports_name_is_replaced_and_not_followed(
    site: Site, backups: Place, store: Place
) -> None:
    shared = site.folder / "shared"
    shared.mkdir()
    victims = [site.folder / f"victim.{suffix}" for suffix in ("json", "html")]
    for victim in victims:
        victim.write_text("the victim's")
        (shared / f"report{victim.suffix}").symlink_to(victim)
    (site.folder / "link").symlink_to(shared)
    run = site.play(_role(backups, store.end(), report_file="link/report.json"))
    assert run.status == 0, run.output
    assert [victim.read_text() for victim in victims] == ["the victim's"] * 2
    assert json.loads((shared / "report.json").read_text(encoding="utf-8")) == _report(run)
    assert not (shared / "report.html").is_symlink()


_FORGED = "vault9: created, 1.0 GiB at 1 GiB a second"
_FORGING = {
    "line feed": f"db-x\n{_FORGED}",
    "separators": f"db-x\u2028{_FORGED}\u2029{_FORGED}\u0085{_FORGED}",
    "terminal": "db-\u009b31mred\x1b[2J\x7f\u202egz.\u2066rat",
}


@pytest.mark.parametrize("name", _FORGING.values(), ids=_FORGING)
def test_a_name_that_a_server_chose_forges_no_line_and_no_letter(
    site: Site, source: Place, store: Place, name: str
) -> None:
    source.put(name, CONTENT, mtime=NOW - HOUR)
    file = site.folder / "report.html"
    role = _role(source, store.end(), report_file=str(file), set_stats=True)
    again = {"name": "Show", "ansible.builtin.debug": {"var": "backup_relay_report"}}
    run = site.play(role, again, arguments=["-v"], env={"ANSIBLE_SHOW_CUSTOM_STATS": "true"})
    assert run.status == 0, run.output
    assert store.content(name) == CONTENT
    assert store.names() == {name}
    assert not [line for line in run.output.splitlines() if line.strip(" \"',-").startswith("vault9")]
    page = file.read_text(encoding="utf-8")
    assert name[:3] in page
    for text in (run.output, page):
        assert not [character for character in text if not (character.isprintable() or character in "\t\n")]


def test_a_name_that_is_not_utf_8_is_relayed_as_it_is(site: Site, source: Place, store: Place) -> None:
    source.put(b"db-\xff\xfe.gz", CONTENT, mtime=NOW - HOUR)
    run = site.play(_role(source, store.end()))
    assert run.status == 0, run.output
    assert os.listdir(os.fsencode(store.folder)) == [b"db-\xff\xfe.gz"]
    assert _report(run)["newest"]["name"] == "db-\\xff\\xfe.gz"


def test_each_host_of_a_group_is_a_destination_whatever_the_limit_is(
    site: Site, backups: Place, store: Place, appliance: Place
) -> None:
    site.groups["vault"] = ["store", "appliance"]
    site.hosts["appliance"]["backup_relay_destination_path"] = appliance.path("own.tar.gz")
    role = _role(backups, destination_group="vault", destination_path=store.path())
    run = site.play(role, hosts="source", arguments=["--limit", "source"])
    assert run.status == 0, run.output
    assert store.content(NEWEST) == appliance.content("own.tar.gz") == CONTENT
    assert [entry["host"] for entry in _report(run)["destinations"]] == ["store", "appliance"]


def test_a_server_with_sftp_and_nothing_else_can_be_the_host_of_the_play(
    site: Site, backups: Place, store: Place
) -> None:
    role = _role(backups, {"path": store.path()}, report_file=str(site.folder / "r.html"))
    run = site.play(role, hosts="store")
    assert run.status == 0, run.output
    assert store.content(NEWEST) == CONTENT
    assert _report(run)["destinations"][0]["host"] == "store"
    assert (site.folder / "r.html").exists()
    assert not (site.folder / "r.json").exists()


def test_check_mode_shows_the_plan(site: Site, backups: Place, store: Place) -> None:
    file = site.folder / "report.json"
    run = site.play(_role(backups, store.end(), report_file=str(file)), arguments=["--check", "--diff"])
    assert run.status == 0, run.output
    report = _report(run)
    assert (report["state"], report["check_mode"], _states(report)) == ("planned", True, ["planned"])
    assert store.names() == set()
    assert not file.exists()


def test_what_failed_is_reported_before_the_role_fails(site: Site, backups: Place, store: Place) -> None:
    missing, good = store.end("no-such-directory/"), store.end()
    page = site.folder / "report.html"
    strict = _role(backups, missing, good, report_file=str(page))
    run = site.play(strict)
    assert run.status == 2
    assert [failure["error"]["code"] for failure in _failures(run)] == ["not_found"]
    report = _report(run)
    assert (report["state"], _states(report)) == ("failed", ["failed", "created"])
    assert report["error"]["code"] == report["destinations"][0]["error"]["code"] == "not_found"
    assert store.content(NEWEST) == CONTENT
    assert "not_found</strong> on store" in page.read_text(encoding="utf-8")
    lenient = site.play(_role(backups, missing, good, min_success=1))
    assert lenient.status == 0
    assert (_report(lenient)["state"], _states(_report(lenient))) == ("incomplete", ["failed", "unchanged"])


def test_a_dead_backup_job_is_reported_and_no_earlier_result_stands_in_for_it(
    site: Site, backups: Place, store: Place
) -> None:
    run = site.play(
        _role(backups, store.end()),
        _survived(_role(backups, store.end("again.tar.gz"), fresh_within="1h")),
    )
    assert run.status == 0, run.output
    good, stale = _reports(run)
    assert good["state"] == "relayed"
    assert (stale["state"], stale["error"]["code"], _states(stale)) == ("failed", "stale", ["not_tried"])
    assert stale["newest"] is None
    assert store.names() == {NEWEST}


def test_a_hostile_name_stays_text(site: Site, backups: Place, store: Place) -> None:
    hostile = "db-{{ 7 * 191 }}-{% raw %}-<script>'\"&.tar.gz"
    backups.put(hostile, b"x" * 1000, mtime=NOW)
    page = site.folder / "report.html"
    run = site.play(_role(backups, store.end(), report_file=str(page)))
    assert run.status == 0, run.output
    assert _report(run)["newest"]["name"] == hostile
    assert store.names() == {hostile}
    assert "1337" not in run.output
    text = page.read_text(encoding="utf-8")
    assert "db-{{ 7 * 191 }}-{% raw %}-&lt;script&gt;" in text
    assert "<script>" not in text


def test_no_secret_is_shown_or_reported(site: Site, backups: Place, lab: SharedLab) -> None:
    server = lab.asyncssh()
    nas = site.add("nas", server, ansible_password=server.password, ansible_ssh_private_key_file=None)
    spelled_out = nas.end("b.tar.gz", password=server.password, user=server.user)
    wrong = nas.end(
        "c.tar.gz", password="canary-in-a-coal-mine", private_key="canary-key", authentications=["password"]
    )
    file = site.folder / "report.json"
    run = site.play(_role(backups, nas.end(), spelled_out, wrong, report_file=str(file)), arguments=["-vvvv"])
    assert _states(_report(run)) == ["created", "created", "failed"]
    told = run.output + file.read_text(encoding="utf-8") + file.with_suffix(".html").read_text(encoding="utf-8")
    for secret in (str(server.password), "canary"):
        assert secret not in told


def test_defaults_of_the_modules_reach_what_the_role_has_no_variable_for(
    site: Site, backups: Place, store: Place
) -> None:
    defaults = {
        "backhaul.sftp.sftp_find": {"excludes": ["db-3*"]},
        "backhaul.sftp.sftp_relay": {"create_directories": True},
    }
    run = site.play(_role(backups, store.end("new/")), module_defaults=defaults)
    assert run.status == 0, run.output
    assert store.content("new/db-2.tar.gz") == b"2" * 100


def test_the_time_in_the_name_can_decide(site: Site, backups: Place, store: Place) -> None:
    backups.put("db-20250101-0200.tar.gz", b"b" * 10, mtime=NOW - 90 * HOUR)
    backups.put("db-20250101-0100.tar.gz", b"a" * 10, mtime=NOW)
    run = site.play(_role(backups, store.end(), order_by="name_time", time_format="%Y%m%d-%H%M", time_zone="+01:00"))
    assert run.status == 0, run.output
    assert store.names() == {"db-20250101-0200.tar.gz"}
    assert _report(run)["newest"]["time_utc"] == "2025-01-01T01:00:00Z"


def test_what_cannot_be_meant_is_refused_before_anything_is_done(site: Site, backups: Place, store: Place) -> None:
    site.groups["unfinished"] = ["source"]
    cases = {
        "either backup_relay_destinations or": _role(backups),
        "and not both": _role(backups, store.end(), destination_group="unfinished"),
        "'nowhere' is not in the inventory": _role(backups, destination_group="nowhere", destination_path="/x/"),
        "'unfinished' is not in the inventory": _role(backups, destination_group="unfinished"),
        "directory of backup_relay_report_file": _role(backups, store.end(), report_file="/no/such/report.json"),
        "inventry_host": _role(backups, {"inventry_host": "store", "path": "/x/"}),
        "backup_relay_order_by": _role(backups, store.end(), order_by="moon"),
    }
    run = site.play(*map(_survived, cases.values()))
    assert run.status == 0, run.output
    messages = [str(failure) for failure in _failures(run)]
    assert len(messages) == len(cases), run.output
    for expected, message in zip(cases, messages):
        assert expected in message
    assert not [entry for entry in run.records if entry["task"].endswith(": Find the newest good backup")]


def test_the_playbook_runs_by_its_full_name(site: Site, backups: Place, store: Place) -> None:
    variables = {"backup_relay_source": backups.end(), "backup_relay_destinations": [store.end()]}
    run = site.play(arguments=["-e", json.dumps(variables), "backhaul.sftp.relay_latest"])
    assert run.status == 0, run.output
    assert store.content(NEWEST) == CONTENT
