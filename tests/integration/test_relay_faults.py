# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays with faults of network, server or disk: the copy is right, or nothing is changed."""

from __future__ import annotations

import contextlib
import os
import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.lab import Proxy, SharedLab, UnavailableError, start_openssh, tiny_disk

from .controller import Place, Site, eventually, relay

_MEBIBYTE = 1024 * 1024


def test_a_lost_connection_is_made_again_and_the_copy_is_right(
    site: Site, source: Place, slow: tuple[Place, Proxy]
) -> None:
    place, to_destination = slow
    content = os.urandom(3 * _MEBIBYTE)
    source.put("a", content)
    source.put("b", content)
    with Proxy(source.server) as from_source:
        origin = site.add_behind("origin", source.server, from_source)
        to_destination.upstream.cut_at(1 * _MEBIBYTE)
        from_source.downstream.cut_at(2 * _MEBIBYTE)
        run = site.play(
            relay("to", source=source.end("a"), destinations=[place.end()], retry_delay="0.1s"),
            relay(
                "from",
                source={**source.end("b"), "inventory_host": origin.name},
                destinations=[place.end()],
                retry_delay="0.1s",
            ),
        )
    for task, name in {"to": "a", "from": "b"}.items():
        entry = run.succeeded(task)["destinations"][0]
        assert (entry["state"], entry["attempts"]) == ("created", 2)
        assert place.content(name) == content


def test_a_server_that_stops_in_the_middle_is_given_up_in_time(site: Site, source: Place, lab: SharedLab) -> None:
    source.put("a", os.urandom(40 * _MEBIBYTE))
    with start_openssh(variant="internal") as server, Proxy(server) as proxy:
        place = site.add_behind("stuck", server, proxy)
        place.put("a", b"old")
        proxy.upstream.throttle(5 * _MEBIBYTE)
        end = place.end("a", stall_timeout=2, operation_timeout=2)
        with site.playing(relay("relay", source=source.end("a"), destinations=[end], retries=0)) as running:
            eventually(lambda: len(place.names()) == 2)
            server.pause_sessions()
            running.wait()
        error = running.run().failure("relay")
        assert (error["code"], error["role"], error["host"]) == ("timed_out", "destination", "stuck")
        assert place.content("a") == b"old"


def test_a_dead_destination_does_not_keep_the_others_from_theirs(site: Site, source: Place, store: Place) -> None:
    source.put("a", b"content")
    dead = {"host": "127.0.0.1", "port": 1, "user": "x", "known_hosts": "", "path": "/a"}
    run = site.play(
        relay("enough", source=source.end("a"), destinations=[dead, store.end("1")], min_success=1, retries=0),
        relay("not enough", source=source.end("a"), destinations=[dead, store.end("2")], retries=0),
        relay("retried", source=source.end("a"), destinations=[dead], retries=1, retry_delay="0.1s"),
    )
    assert run.succeeded("enough")["changed"]
    assert run.states("enough") == run.states("not enough") == ["failed", "created"]
    error = run.failure("not enough")
    assert (error["code"], error["details"]["failed"], error["details"]["succeeded"]) == ("connect_failed", 1, 1)
    assert run.failure("retried")["details"]["attempts"] == 2
    assert store.names() == {"1", "2"}


@pytest.fixture
def full(site: Site, lab: SharedLab) -> t.Iterator[t.Callable[..., Place]]:
    """Make folders on servers with a nearly full disk."""
    with contextlib.ExitStack() as disks:

        def make(name: str, **options: t.Any) -> Place:
            place = site.add(name, lab.openssh(variant="internal", **options))
            try:
                disks.enter_context(tiny_disk(place.folder))
            except UnavailableError as exc:
                pytest.skip(str(exc))
            return place

        yield make


def test_a_full_disk_leaves_the_old_copy_alone(site: Site, source: Place, full: t.Callable[..., Place]) -> None:
    source.put("a", os.urandom(2 * _MEBIBYTE))
    telling, silent = full("telling"), full("silent", denied=("statvfs",))
    for place in (telling, silent):
        place.put("a", b"old")
    run = site.play(
        relay("told before", source=source.end("a"), destinations=[telling.end("a")]),
        relay("noticed while writing", source=source.end("a"), destinations=[silent.end("a")]),
    )
    error = run.failure("told before")
    assert (error["code"], error["details"]["needed_bytes"]) == ("no_space", 2 * _MEBIBYTE)
    assert run["told before"]["bytes_read"] == 0
    # Version 3 has no status code for a full disk: without statvfs the error is FAILURE.
    assert run.failure("noticed while writing")["code"] in ("no_space", "remote_failure")
    for place in (telling, silent):
        assert (place.names(), place.content("a")) == ({"a"}, b"old")
