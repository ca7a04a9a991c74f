# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keywords of tasks and plays work with these modules as with all others."""

from __future__ import annotations

import os
import signal
import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Proxy, SharedLab

from .controller import Place, Playing, Site, Vars, eventually, find, info, relay

_TEMPORARY = "backhaul"


def test_defaults_of_the_action_group_reach_every_module(site: Site, source: Place) -> None:
    source.put("a", b"content")
    defaults = {"group/backhaul.sftp.sftp": {"endpoint": {"inventory_host": "source"}, "path": source.path()}}
    task = find("until", patterns=["b"])
    until: Vars = {"until": "result is succeeded", "retries": 1, "delay": 0, "register": "result"}
    run = site.play(
        info("info"), find("find"), {**task, **until}, {**find("tagged"), "tags": ["never"]}, module_defaults=defaults
    )
    assert run.succeeded("find")["latest"]["name"] == "a"
    assert run.succeeded("info")["connection"]["name"] == "source"
    assert run.failure("until")["code"] == "no_match"
    assert [record["status"] for record in run.records if record["task"] == "tagged"] == []


def test_the_next_attempt_of_until_may_find_what_the_first_did_not(
    site: Site, source: Place, slow: tuple[Place, Proxy]
) -> None:
    place, proxy = slow
    proxy.refusing = True
    place.put("a", b"content")
    task = find("find", endpoint={"inventory_host": "slow"}, path=place.path())
    until: Vars = {"until": "result is succeeded", "retries": 60, "delay": 0, "register": "result"}
    with site.playing({**task, **until, "async": 30, "poll": 1}) as running:
        eventually(lambda: "FAILED - RETRYING" in running.text)
        proxy.refusing = False
        running.wait()
    result = running.run().succeeded("find")
    assert result["attempts"] > 1
    assert result["latest"]["name"] == "a"


def test_check_mode_plans_what_the_run_then_does(site: Site, source: Place, store: Place) -> None:
    source.put("a", b"new content")
    store.put("old", b"old")
    task = relay(
        "relay",
        source=source.end("a"),
        destinations=[store.end(), store.end("old"), store.end("in/new/")],
        create_directories=True,
    )
    looks = [
        find("find", endpoint={"inventory_host": "source"}, path=source.path()),
        info("info", endpoint={"inventory_host": "source"}),
    ]
    planned = site.play(task, *looks, arguments=["--check", "--diff"])
    assert planned.succeeded("relay")["changed"]
    assert planned.states("relay") == ["planned", "planned", "planned"]
    assert [entry["action"] for entry in planned["relay"]["destinations"]] == ["create", "replace", "create"]
    assert planned.succeeded("find")["latest"]["name"] == "a"
    assert planned.succeeded("info")["host_keys"]
    assert (store.names(), store.content("old")) == ({"old"}, b"old")
    assert planned["relay"]["bytes_read"] == 0
    done = site.play(task, arguments=["--diff"])
    assert done.states("relay") == ["created", "replaced", "created"]
    assert done["relay"]["diff"] == planned["relay"]["diff"]
    assert "size: 11" in done.output
    again = site.play(task, arguments=["--check", "--diff"])
    assert again.states("relay") == ["unchanged", "unchanged", "unchanged"]
    assert not again["relay"]["changed"]


def test_hosts_work_side_by_side(site: Site, source: Place, lab: SharedLab) -> None:
    source.put("a", os.urandom(300_000))
    stores = [site.add(f"store{number}", lab.openssh(variant="internal")) for number in (1, 2, 3)]
    names = [store.name for store in stores]
    for store in stores:
        site.hosts[store.name]["folder"] = store.path()
    task = relay("relay", source=source.end("a"), destinations=[{"path": "{{ folder }}"}])
    run = site.play(task, hosts=",".join(names), arguments=["--forks", "3"])
    for store in stores:
        assert run.on(store.name, "relay")["destinations"][0]["host"] == store.name
        assert store.content("a") == source.content("a")


def test_a_task_may_run_in_the_background(site: Site, source: Place, store: Place) -> None:
    source.put("a", b"content")
    task = relay("waited for", source=source.end("a"), destinations=[{"path": store.path("1")}])
    detached = relay("detached", source=source.end("a"), destinations=[{"path": store.path("2")}])
    status: Vars = {
        "name": "status",
        "async_status": {"jid": "{{ job.ansible_job_id }}"},
        "delegate_to": "localhost",
        "register": "state",
        "until": "state.finished",
        "retries": 60,
        "delay": 1,
    }
    run = site.play(
        {**task, "async": 60, "poll": 1}, {**detached, "async": 60, "poll": 0, "register": "job"}, status, hosts="store"
    )
    assert run.states("waited for") == ["created"]
    assert run.states("status") == ["created"]
    assert store.names() == {"1", "2"}
    assert _temporary_files(site) == []


def _temporary_files(site: Site) -> list[str]:
    """Return the temporary files that ended runs have left."""
    folder = site.home / ".ansible" / "tmp"
    return [str(path) for path in folder.rglob("*") if not path.is_dir() or "ansible-local" in path.name]


def test_a_task_that_is_out_of_time_leaves_nothing_behind(site: Site, source: Place, slow: tuple[Place, Proxy]) -> None:
    place, proxy = slow
    source.put("a", os.urandom(12_000_000))
    place.put("b", b"old")
    proxy.upstream.throttle(400_000)
    ends: Vars = {"source": source.end("a"), "destinations": [place.end("b")]}
    tasks = [relay(name, **ends, resume=False) for name in ("async", "timeout")]
    run = site.play({**tasks[0], "async": 3, "poll": 1}, {**tasks[1], "timeout": 3})
    assert run.failure("async")["code"] == "timed_out"
    assert "async" in run["async"]["msg"]
    assert run["timeout"]["status"] == "failed"
    # The modules have ended and removed their partial files.
    assert (place.names(), place.content("b")) == ({"b"}, b"old")
    assert _temporary_files(site) == []


@pytest.mark.parametrize(
    "end",
    [
        lambda running: running.signal(signal.SIGINT),
        lambda running: running.signal(signal.SIGTERM),
        lambda running: running.kill(),
    ],
    ids=["interrupted", "cancelled", "killed"],
)
def test_a_run_that_ends_early_leaves_no_partial_file(
    site: Site, source: Place, slow: tuple[Place, Proxy], end: t.Callable[[Playing], None]
) -> None:
    place, proxy = slow
    source.put("a", os.urandom(12_000_000))
    proxy.upstream.throttle(400_000)
    task = relay("relay", source=source.end("a"), destinations=[place.end("b")], resume=False)
    with site.playing(task) as running:
        eventually(lambda: any(_TEMPORARY in name for name in place.names()))
        end(running)
        running.wait()
        eventually(lambda: not site.processes())
    assert place.names() == set()


def test_a_cancelled_relay_to_several_is_gone_on_with(site: Site, source: Place, slow: tuple[Place, Proxy]) -> None:
    place, proxy = slow
    content = os.urandom(12_000_000)
    source.put("a", content)
    proxy.upstream.throttle(4_000_000)
    task = relay("relay", source=source.end("a"), destinations=[place.end("b"), place.end("c")])

    def sizes() -> list[int]:
        return [os.stat(place.folder / name).st_size for name in place.names() if _TEMPORARY in name]

    with site.playing(task) as running:
        eventually(lambda: len(sizes()) == 2 and min(sizes()) > 2_000_000)
        running.signal(signal.SIGTERM)
        running.wait()
        eventually(lambda: not site.processes())
    assert not place.names() & {"b", "c"}
    assert len(sizes()) == 2
    proxy.upstream.throttle(0)
    entries = site.play(task).succeeded("relay")["destinations"]
    assert [entry["state"] for entry in entries] == ["created", "created"]
    assert all(entry["bytes_resumed"] > 1_000_000 for entry in entries)
    assert all(entry["bytes_resumed"] + entry["bytes_sent"] == len(content) for entry in entries)
    assert (place.names(), place.content("b"), place.content("c")) == ({"b", "c"}, content, content)
