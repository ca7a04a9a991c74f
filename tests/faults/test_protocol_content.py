# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content that differs from the announced size: too little, too much, in tiny pieces, or of an impossible size."""

from __future__ import annotations

import random
import typing as t

import pytest

from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import Answer, Honest, Request, attrs, packet, u32
from ansible_collections.backhaul.sftp.tests.faults.conftest import Place
from ansible_collections.backhaul.sftp.tests.faults.places import CONTENT, FakePlace, RealPlace, Scene
from ansible_collections.backhaul.sftp.tests.lab import SharedLab

REGULAR = sftp.REGULAR | 0o644
MTIME = 1_700_000_000


def claiming(size: int) -> Answer:
    """Reply to requests for attributes with another size."""
    return lambda request, honest: [packet(sftp.ATTRS, u32(request.id) + attrs(size, REGULAR, MTIME))]


def claim(place: FakePlace, size: int) -> None:
    for kind in (sftp.LSTAT, sftp.STAT, sftp.FSTAT):
        place.fake.on(kind, claiming(size))


def crumbs(seed: int) -> Answer:
    """Return fewer bytes than requested, down to one."""
    runtime = random.Random(seed)

    def answer(request: Request, honest: Honest) -> list[bytes]:
        (whole,) = honest()
        if whole[4] != sftp.DATA:
            return [whole]
        return [sftp.data(request.id, whole[13 : 13 + runtime.randint(1, len(whole) - 13)])]

    return answer


@pytest.mark.fault("protocol.no_data")
@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize("extra", [0, 1, 100_000], ids=["none", "one byte more", "much more"])
def test_data_of_no_length_or_more_than_was_asked_for(
    origin: FakePlace, target: FakePlace, role: str, extra: int
) -> None:
    def answer(request: Request, honest: Honest) -> list[bytes]:
        request.text(), request.u64()
        return [sftp.data(request.id, bytes(request.u32() + extra if extra else 0))]

    scene = Scene(origin, target)
    (origin if role == "source" else target).fake.on(sftp.READ, answer)
    failed = scene.fails("protocol_violation", role=role)
    said = "a packet that claims" if extra == 100_000 else "bytes of data where 1 to"
    assert said in failed.error["message"]
    scene.recovers()


@pytest.mark.fault("protocol.short_reads")
@pytest.mark.parametrize("seed", range(5))
def test_reads_of_crumbs(origin: FakePlace, target: FakePlace, seed: int) -> None:
    """Both the copy and the readback."""
    for place in (origin, target):
        place.fake.limits = (262144, 1024, 1024, 0)
        place.fake.on(sftp.READ, crumbs(seed))
    scene = Scene(origin, target)
    assert scene.succeeds(verify="readback").entry["verified_by"] == "readback"


def ending_at(size: int) -> Answer:
    """Reply with EOF at an offset below the size."""

    def answer(request: Request, honest: Honest) -> list[bytes]:
        request.text()
        at, count = request.u64(), request.u32()
        content = CONTENT[at : min(at + count, size)]
        return [sftp.data(request.id, content) if content else sftp.status(request.id, sftp.EOF)]

    return answer


@pytest.mark.fault("protocol.early_end")
@pytest.mark.parametrize("size", [0, 1, 2048, len(CONTENT) - 1])
def test_a_source_that_ends_early(origin: FakePlace, store: RealPlace, size: int) -> None:
    scene = Scene(origin, store)
    origin.fake.on(sftp.READ, ending_at(size))
    failed = scene.fails("short_transfer", role="source", retries=3)
    assert f"ended after {size} of {len(CONTENT)} bytes" in failed.error["message"]
    assert failed.error["details"]["attempts"] == 2  # one retry
    scene.recovers()


@pytest.mark.fault("protocol.early_end")
def test_a_source_that_ends_early_once(origin: FakePlace, store: RealPlace) -> None:
    scene = Scene(origin, store)
    origin.fake.on(sftp.READ, ending_at(2048), times=2)
    assert scene.succeeds(retries=3).entry["attempts"] == 2


@pytest.mark.fault("protocol.early_end")
def test_a_copy_that_reads_back_shorter_than_it_was_written(origin: FakePlace, target: FakePlace) -> None:
    scene = Scene(origin, target)
    target.fake.on(sftp.READ, ending_at(2048))
    scene.fails("digest_mismatch", role="destination")
    scene.recovers()


@pytest.mark.fault("protocol.early_end")
def test_a_destination_that_acknowledges_more_than_it_keeps(origin: FakePlace, target: FakePlace) -> None:
    scene = Scene(origin, target)
    target.fake.on(sftp.WRITE, lambda request, honest: [sftp.status(request.id, sftp.OK)])
    for verify in ("auto", "readback", "acknowledged"):
        scene.fails("short_transfer", role="destination", verify=verify)
    scene.recovers()


@pytest.mark.fault("protocol.more_data")
@pytest.mark.parametrize("size", [0, 1, 2048, len(CONTENT) - 1])
def test_a_source_that_is_longer_than_it_said(origin: FakePlace, store: RealPlace, size: int) -> None:
    scene = Scene(origin, store)
    claim(origin, size)
    scene.fails("source_changed", role="source")
    scene.recovers()


@pytest.mark.fault("protocol.more_data")
def test_a_source_without_an_end(origin: FakePlace, store: RealPlace) -> None:
    def endless(request: Request, honest: Honest) -> list[bytes]:
        request.text(), request.u64()
        return [sftp.data(request.id, bytes(request.u32()))]

    scene = Scene(origin, store)
    origin.fake.on(sftp.READ, endless)
    scene.fails("source_changed", role="source")
    scene.recovers()


@pytest.mark.fault("protocol.absurd_size")
@pytest.mark.parametrize("size", [2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("can_tell_space", [True, False])
def test_a_source_of_absurd_size(
    lab: SharedLab, origin: FakePlace, place: Place, size: int, can_tell_space: bool
) -> None:
    options: dict[str, t.Any] = {} if can_tell_space else {"denied": ("statvfs",)}
    scene = Scene(origin, place(lab.openssh(variant="internal", **options)))
    claim(origin, size)
    if can_tell_space:
        assert scene.fails("no_space", role="destination").value["bytes_read"] == 0
    else:
        scene.fails("short_transfer", role="source")
    scene.recovers()


@pytest.mark.fault("protocol.absurd_size")
@pytest.mark.parametrize("size", [2**63, 2**64 - 1])
def test_an_old_copy_of_absurd_size(origin: FakePlace, target: FakePlace, size: int) -> None:
    scene = Scene(origin, target)
    target.fake.on(sftp.LSTAT, claiming(size), times=1)
    scene.succeeds()
