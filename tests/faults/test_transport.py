# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network faults: the copy is right, or the task fails within its deadlines with the right error."""

from __future__ import annotations

import random
import threading
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.tests.faults.journey import Journey
from ansible_collections.backhaul.sftp.tests.lab import Server, start_openssh
from ansible_collections.backhaul.sftp.tests.relay.conftest import Placed
from ansible_collections.backhaul.sftp.tests.relay.scene import MIB, Place

pytestmark = pytest.mark.integration
SEED = 20260724
MIDDLE = 3 * MIB


def stop(place: Place) -> None:
    """Stop the server's processes in the middle of a transfer, as a machine with hanging storage does."""
    place.proxy.upstream.do_at(MIDDLE, place.server.pause_sessions)
    place.proxy.downstream.do_at(MIDDLE, place.server.pause_sessions)


def lose(place: Place) -> None:
    """Drop the server's side of the connection without closing the client's."""
    place.proxy.upstream.do_at(MIDDLE, place.proxy.half_open)
    place.proxy.downstream.do_at(MIDDLE, place.proxy.half_open)


def drip(place: Place) -> None:
    """Throttle the connection to a few bytes per second."""
    place.proxy.upstream.drip_at(MIDDLE)
    place.proxy.downstream.drip_at(MIDDLE)


def mend(place: Place) -> None:
    """Undo the faults of the three functions above."""
    place.proxy.cut()
    for direction in (place.proxy.upstream, place.proxy.downstream):
        direction.clear_faults()
        direction.throttle(0)
    place.server.resume_sessions()


@pytest.fixture(scope="module")
def mortal() -> t.Iterator[tuple[Server, Server]]:
    """Servers of this test alone, which may be stopped and killed."""
    with start_openssh() as source, start_openssh(variant="internal") as target:
        yield source, target


@pytest.fixture
def own_servers(placed: Placed, mortal: tuple[Server, Server]) -> Journey:
    """A relay between these servers."""
    source, target = map(placed, mortal)
    return Journey(source, target)


@pytest.mark.fault("transport.stall")
@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize("break_connection", [stop, lose, drip])
def test_a_server_that_falls_silent_is_given_up_and_the_rest_follows(
    own_servers: Journey, break_connection: t.Callable[[Place], None], role: str
) -> None:
    place = own_servers.source if role == "source" else own_servers.target
    own_servers.hurry()
    break_connection(place)
    error = own_servers.fails("timed_out", role=role, keeps=True)
    assert "in time" in error.message or "stall_timeout" in error.message
    mend(place)
    assert own_servers.recovers().bytes_resumed >= MIB


@pytest.mark.fault("transport.stall")
def test_a_stall_is_retried_over_a_new_connection(journey: Journey) -> None:
    journey.hurry()
    journey.target.proxy.upstream.do_at(MIDDLE, journey.target.proxy.half_open)
    outcome = journey.arrives(retries=2)
    assert outcome.attempts == 2 and outcome.bytes_resumed >= MIB


@pytest.mark.fault("transport.cut")
@pytest.mark.parametrize("number", range(4))
def test_a_connection_that_is_reset_at_any_byte_is_made_again(journey: Journey, number: int) -> None:
    """Each connection is cut once, at a random byte."""
    runtime = random.Random(SEED + number)
    journey.source.proxy.downstream.cut_at(runtime.randrange(journey.size))
    journey.target.proxy.upstream.cut_at(runtime.randrange(journey.size))
    journey.target.proxy.downstream.cut_at(runtime.randrange(20_000))
    outcome = journey.arrives(retries=4)
    assert 2 <= outcome.attempts <= 5


@pytest.mark.fault("transport.cut")
def test_a_server_that_dies_and_comes_back_gets_the_rest(own_servers: Journey) -> None:
    """The server is down for a while, so that the first retries are refused."""
    server, done = own_servers.target.server, threading.Event()

    def come_back() -> None:
        server.start()
        done.set()

    def die() -> None:
        server.stop()
        own_servers.target.proxy.cut()
        threading.Timer(1.0, come_back).start()

    own_servers.target.proxy.upstream.do_at(MIDDLE, die)
    outcome = own_servers.arrives(retries=8)
    assert done.wait(20)
    assert outcome.attempts > 2 and outcome.bytes_resumed >= MIB


@pytest.mark.fault("transport.cut")
def test_sessions_that_are_killed_are_opened_again(own_servers: Journey) -> None:
    own_servers.target.proxy.upstream.do_at(MIDDLE, own_servers.target.server.kill_sessions)
    assert own_servers.arrives(retries=2).attempts == 2


@pytest.mark.fault("transport.cut")
def test_a_connection_that_is_cut_again_and_again_is_given_up(journey: Journey) -> None:
    journey.target.proxy.upstream.cut_at(20_000, times=100)
    error = journey.fails("link_lost", "connect_failed", role="destination", retries=2)
    assert error.details["attempts"] == 3
    journey.target.proxy.upstream.clear_faults()
    journey.recovers()


@pytest.mark.fault("transport.damage")
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
@pytest.mark.parametrize("role", ["source", "destination"])
def test_a_bit_that_flips_on_the_way_ends_the_connection(journey: Journey, role: str, direction: str) -> None:
    proxy = (journey.source if role == "source" else journey.target).proxy
    at = MIDDLE if (role, direction) in (("source", "downstream"), ("destination", "upstream")) else 3_000
    getattr(proxy, direction).flip_at(at)
    journey.hurry()
    error = journey.run().results[0]
    assert isinstance(error, LinkError) and error.role == role
    assert journey.target.content() != journey.bytes
    assert journey.recovers().bytes_sent > 0
