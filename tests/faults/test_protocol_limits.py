# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that announce odd limits, or nothing at all."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp, Honest, Request, packet, u32
from ansible_collections.backhaul.sftp.tests.faults.places import FakePlace, Scene

LIMITS = {"nothing": 0, "a byte": 1, "a kibibyte": 1024, "4 GiB": 2**32, "all there is": 2**64 - 1}
# The client's own bounds for the size of one request, for any announced limit.
LEAST, MOST = 1024, 255 * 1024
BIG = bytes(range(251)) * 2000


def sizes(fake: FakeSftp, kind: int) -> list[int]:
    """Return the bytes of each READ or WRITE request."""
    found = []
    for request in (request for request in fake.requests if request.kind == kind):
        request.position = 0
        request.text(), request.u64()
        found.append(request.u32())
    return found


def succeeds_with(scene: Scene, origin: FakePlace, target: FakePlace) -> None:
    """Relay a file of many requests and check the copy."""
    origin.put(b"backup", BIG)
    assert not scene.relay().error
    assert target.files() == {b"copy": BIG}
    for fake, kind in ((origin.fake, sftp.READ), (target.fake, sftp.WRITE), (target.fake, sftp.READ)):
        assert LEAST <= max(sizes(fake, kind)) <= MOST


@pytest.mark.fault("protocol.limits")
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_odd_limits(origin: FakePlace, target: FakePlace, limit: int) -> None:
    for place in (origin, target):
        place.fake.limits = (limit, limit, limit, limit)
    succeeds_with(Scene(origin, target), origin, target)


@pytest.mark.fault("protocol.limits")
def test_no_extensions_at_all(origin: FakePlace, target: FakePlace) -> None:
    for place in (origin, target):
        place.fake.extensions = {}
    scene = Scene(origin, target)
    succeeds_with(scene, origin, target)
    assert max(sizes(origin.fake, sftp.READ) + sizes(target.fake, sftp.WRITE)) == 32_768


@pytest.mark.fault("protocol.limits")
def test_thousands_of_extensions(origin: FakePlace, target: FakePlace) -> None:
    for place in (origin, target):
        place.fake.extensions = {b"name-%d@example.com" % number: bytes(20) for number in range(3000)}
    Scene(origin, target).succeeds()


@pytest.mark.fault("protocol.limits")
def test_limits_that_are_refused(origin: FakePlace, target: FakePlace) -> None:
    for place in (origin, target):
        place.fake.on(sftp.EXTENDED, lambda request, honest: [sftp.status(request.id, sftp.FAILURE)], times=1)
    Scene(origin, target).succeeds()


@pytest.mark.fault("protocol.limits")
@pytest.mark.parametrize("role", ["source", "destination"])
def test_limits_that_end_early(origin: FakePlace, target: FakePlace, role: str) -> None:
    def half(request: Request, honest: Honest) -> list[bytes]:
        return [packet(sftp.EXTENDED_REPLY, u32(request.id) + bytes(20))]

    scene = Scene(origin, target)
    (origin if role == "source" else target).fake.on(sftp.EXTENDED, half)
    scene.fails("protocol_violation", role=role)
    scene.recovers()
