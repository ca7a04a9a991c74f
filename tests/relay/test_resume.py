# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay that is cut at any point is resumed: the copy is right, and no byte is sent twice."""

from __future__ import annotations

import functools
import random
import subprocess
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab

from .conftest import Placed
from .scene import MIB, Place, eventually, put, random_content, run, start_relay

SIZE = 10 * MIB + 12_345
SERVERS: dict[str, tuple[t.Callable[[SharedLab], Server], str]] = {
    "openssh with a shell": (lambda lab: lab.openssh(), "command"),
    "openssh without": (lambda lab: lab.openssh(variant="internal"), "readback"),
    "proftpd": (lambda lab: lab.proftpd(), "check-file"),
    "asyncssh": (lambda lab: lab.asyncssh(), "readback"),
}


@pytest.fixture(params=SERVERS)
def target(request: pytest.FixtureRequest, lab: SharedLab, placed: Placed) -> tuple[Place, str]:
    """A destination on each kind of server, and its method of verification."""
    start, proof = SERVERS[request.param]
    return placed(start(lab)), proof


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_later_run_resumes_after_a_cut_on_the_way_to_the_destination(
    source: Place, target: tuple[Place, str], share: float
) -> None:
    place, proof = target
    content = random_content(SIZE)
    put(source, content)
    put(place, b"old", "copy")
    place.proxy.upstream.cut_at(int(SIZE * share))
    (error,) = run(source, place).results
    assert isinstance(error, BackhaulError)
    assert (error.code, error.role, error.details["resumable"]) == ("link_lost", "destination", True)
    assert place.content() == b"old"
    there = place.partial_bytes()
    assert MIB < there < SIZE
    report = run(source, place)
    (outcome,) = report.outcomes
    assert (outcome.state, outcome.verified_by) == ("replaced", proof)
    assert place.content() == content
    assert place.partial_files() == []
    assert outcome.bytes_sent + outcome.bytes_resumed == SIZE
    assert outcome.bytes_resumed > there - 5 * MIB
    assert report.bytes_read == outcome.bytes_sent


def test_a_retry_resumes_after_a_cut_of_either_end(source: Place, target: tuple[Place, str]) -> None:
    place, _proof = target
    content = random_content(SIZE)
    put(source, content)
    place.proxy.upstream.cut_at(SIZE // 2)
    source.proxy.downstream.cut_at(SIZE // 4)
    (outcome,) = run(source, place, retries=3).outcomes
    assert (outcome.state, outcome.attempts) == ("created", 3)
    assert outcome.bytes_resumed > 0
    assert place.content() == content
    assert place.partial_files() == []


@pytest.mark.parametrize("shell", [True, False])
def test_a_source_that_cannot_hash_is_read_again_and_nothing_is_sent_again(
    lab: SharedLab, placed: Placed, target: tuple[Place, str], shell: bool
) -> None:
    place, _proof = target
    source = placed(lab.openssh() if shell else lab.openssh(variant="internal"))
    content = random_content(SIZE)
    put(source, content)
    source.proxy.downstream.cut_at(SIZE // 2)
    (error,) = run(source, place).results
    assert isinstance(error, BackhaulError)
    assert error.role == "source"
    report = run(source, place)
    (outcome,) = report.outcomes
    assert outcome.bytes_sent + outcome.bytes_resumed == SIZE
    assert report.bytes_read == (outcome.bytes_sent if shell else SIZE)
    assert place.content() == content


def test_a_source_that_changed_meanwhile_starts_over(source: Place, target: tuple[Place, str]) -> None:
    place, _proof = target
    put(source, random_content(SIZE))
    place.proxy.upstream.cut_at(SIZE // 2)
    run(source, place)
    content = random_content(SIZE)
    put(source, content)
    (outcome,) = run(source, place).outcomes
    assert (outcome.bytes_resumed, outcome.bytes_sent, place.content()) == (0, SIZE, content)


def test_a_damaged_partial_file_starts_over(source: Place, target: tuple[Place, str]) -> None:
    place, _proof = target
    content = random_content(SIZE)
    put(source, content)
    place.proxy.upstream.cut_at(SIZE // 2)
    run(source, place)
    (partial,) = place.partial_files()
    with partial.open("r+b") as file:
        file.seek(1234)
        byte = file.read(1)
        file.seek(1234)
        file.write(bytes([byte[0] ^ 1]))
    (outcome,) = run(source, place).outcomes
    assert (outcome.bytes_resumed, outcome.bytes_sent, place.content()) == (0, SIZE, content)
    assert place.partial_files() == []


def _is_reached(place: Place, point: int, process: subprocess.Popen[bytes]) -> bool:
    return place.partial_bytes() >= point or process.poll() is not None


def test_killed_again_and_again_at_random_points_it_arrives_in_the_end(
    source: Place, target: tuple[Place, str], capsys: pytest.CaptureFixture[str]
) -> None:
    place, _proof = target
    content = random_content(SIZE)
    put(source, content)
    place.proxy.upstream.throttle(6 * MIB)
    seed = random.randrange(10**6)
    with capsys.disabled():
        print(f" seed {seed}", end="")
    points = sorted(random.Random(seed).sample(range(2 * MIB, SIZE - 4 * MIB), 2))
    for point in points:
        with start_relay(source, place) as process:
            eventually(functools.partial(_is_reached, place, point, process))
            process.kill()
        assert place.content() in (None, content)
    place.proxy.upstream.throttle(0)
    (outcome,) = run(source, place).outcomes
    assert place.content() == content
    assert place.partial_files() == []
    assert outcome.bytes_resumed > 0
