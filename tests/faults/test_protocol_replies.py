# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies of the wrong type or against the protocol, at either end of a relay."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import Answer, Honest, Request, packet, u32
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.places import CONTENT, OLD, FakePlace, RealPlace, Scene

# The types of requests that a relay sends to either end; FSTAT and CLOSE end both a file that was read and one written.
AT_SOURCE = {"LSTAT": sftp.LSTAT, "OPEN": sftp.OPEN, "FSTAT": sftp.FSTAT, "READ": sftp.READ}
AT_DESTINATION = {
    "LSTAT": sftp.LSTAT,
    "STAT": sftp.STAT,
    "OPEN": sftp.OPEN,
    "WRITE": sftp.WRITE,
    "EXTENDED": sftp.EXTENDED,
    "FSTAT": sftp.FSTAT,
    "CLOSE": sftp.CLOSE,
    "READ": sftp.READ,
}


def other_id(request: Request, honest: Honest) -> list[bytes]:
    (whole,) = honest()
    return [whole[:5] + u32(request.id + 1000) + whole[9:]]


def twice(request: Request, honest: Honest) -> list[bytes]:
    return honest() * 2


def unknown_type(request: Request, honest: Honest) -> list[bytes]:
    return [packet(77, u32(request.id))]


def a_request(request: Request, honest: Honest) -> list[bytes]:
    return [packet(sftp.READ, u32(request.id))]


def another_type(request: Request, honest: Honest) -> list[bytes]:
    body = u32(request.id) + sftp.text(b"what is this")
    return [packet(sftp.HANDLE if request.kind != sftp.OPEN else sftp.DATA, body)]


def unasked_ok(request: Request, honest: Honest) -> list[bytes]:
    """Reply with OK where data is due, and with data where a status is due."""
    done = request.kind not in (sftp.WRITE, sftp.CLOSE, sftp.EXTENDED)
    return [sftp.status(request.id, sftp.OK) if done else packet(sftp.ATTRS, u32(request.id) + sftp.attrs(1))]


def status_without_code(request: Request, honest: Honest) -> list[bytes]:
    return [packet(sftp.STATUS, u32(request.id))]


def status_with_half_a_message(request: Request, honest: Honest) -> list[bytes]:
    return [packet(sftp.STATUS, u32(request.id) + u32(sftp.FAILURE) + u32(100) + b"half")]


def without_id(request: Request, honest: Honest) -> list[bytes]:
    return [packet(honest()[0][4], b"\0\0")]


def cut_short(request: Request, honest: Honest) -> list[bytes]:
    """Cut the end of a reply: half the code of a STATUS, the last four bytes of all others."""
    (whole,) = honest()
    return [packet(whole[4], whole[5:11] if whole[4] == sftp.STATUS else whole[5:-4])]


def no_length(request: Request, honest: Honest) -> list[bytes]:
    return [u32(0)]


def huge_length(request: Request, honest: Honest) -> list[bytes]:
    return [u32(0xFFFFFFFF) + bytes(100)]


def text(request: Request, honest: Honest) -> list[bytes]:
    return [b"Segmentation fault (core dumped)\n" * 10]


MISMATCHES: dict[str, Answer] = {
    "other-id": other_id,
    "twice": twice,
    "unknown-type": unknown_type,
    "a-request": a_request,
    "another-type": another_type,
    "unasked-ok": unasked_ok,
}
MALFORMED: dict[str, Answer] = {
    "status-without-code": status_without_code,
    "status-with-half-a-message": status_with_half_a_message,
    "without-id": without_id,
    "cut-short": cut_short,
    "no-length": no_length,
    "huge-length": huge_length,
    "text": text,
}
EACH = [
    *(
        pytest.param(answer, id=name, marks=pytest.mark.fault("protocol.matching"))
        for name, answer in MISMATCHES.items()
    ),
    *(
        pytest.param(answer, id=name, marks=pytest.mark.fault("protocol.malformed"))
        for name, answer in MALFORMED.items()
    ),
]


@pytest.mark.fault("protocol.matching")
@pytest.mark.fault("protocol.malformed")
@pytest.mark.parametrize("answer", EACH)
@pytest.mark.parametrize("kind", AT_SOURCE.values(), ids=AT_SOURCE)
def test_a_wrong_reply_of_the_source(origin: FakePlace, store: RealPlace, kind: int, answer: Answer) -> None:
    scene = Scene(origin, store)
    origin.fake.on(kind, answer)
    scene.fails("protocol_violation", role="source")
    scene.recovers()


@pytest.mark.fault("protocol.matching")
@pytest.mark.fault("protocol.malformed")
@pytest.mark.parametrize("answer", EACH)
@pytest.mark.parametrize("kind", AT_DESTINATION.values(), ids=AT_DESTINATION)
def test_a_wrong_reply_of_the_destination(origin: FakePlace, target: FakePlace, kind: int, answer: Answer) -> None:
    scene = Scene(origin, target)
    target.fake.on(kind, answer, times=1)
    scene.fails("protocol_violation", role="destination")
    scene.recovers()


@pytest.mark.fault("protocol.matching")
@pytest.mark.fault("protocol.malformed")
@pytest.mark.parametrize("answer", [case for case in EACH if case.values != (twice,)])  # the second reply is not read
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_a_wrong_reply_to_the_last_rename(origin: FakePlace, target: FakePlace, answer: Answer, done: bool) -> None:
    def to_rename(request: Request, honest: Honest) -> list[bytes]:
        if request.text() != b"posix-rename@openssh.com":
            return honest()
        reply = honest() if done else [sftp.status(request.id, sftp.OK)]
        return answer(request, lambda: reply)

    scene = Scene(origin, target)
    target.fake.on(sftp.EXTENDED, to_rename)
    result = scene.relay()
    assert (result.code, result.error["role"]) == ("protocol_violation", "destination")
    assert result.error["details"]["may_be_published"] is True
    assert target.files() == {b"copy": CONTENT if done else OLD}
    target.fake.heal()
    assert not scene.relay().error
    assert target.files() == {b"copy": CONTENT}


def in_batches(count: int) -> Answer:
    """Hold replies until there are this many, then send them in reverse order."""
    kept: list[bytes] = []

    def answer(request: Request, honest: Honest) -> list[bytes]:
        kept.extend(honest())
        if len(kept) < count:
            return []
        batch, kept[:] = kept[::-1], []
        return batch

    return answer


@pytest.mark.fault("protocol.matching")
def test_replies_in_another_order(origin: FakePlace, target: FakePlace) -> None:
    blocks = 16
    for place in (origin, target):
        place.fake.limits = (262144, 1024, 1024, 0)
    scene = Scene(origin, target)
    content = b"".join(bytes([number]) * 1024 for number in range(blocks))
    origin.put(b"backup", content)
    origin.fake.on(sftp.READ, in_batches(8), times=blocks)
    target.fake.on(sftp.WRITE, in_batches(blocks // 2), times=blocks)
    assert not scene.relay().error
    assert target.files() == {b"copy": content}
    assert origin.fake.kinds().count(sftp.READ) == blocks + 1


@pytest.mark.fault("protocol.malformed")
@pytest.mark.parametrize(
    ("code", "error"), [(77, "remote_failure"), (0xFFFFFFFF, "remote_failure"), (7, "remote_failure")]
)
def test_a_status_with_a_code_that_nobody_knows(origin: FakePlace, target: FakePlace, code: int, error: str) -> None:
    scene = Scene(origin, target)
    target.fake.on(sftp.WRITE, lambda request, honest: [sftp.status(request.id, code)])
    failed = scene.fails(error, role="destination")
    assert failed.error["details"]["status"] == code
    scene.recovers()


@pytest.mark.fault("protocol.malformed")
def test_a_status_of_an_old_server_that_is_a_code_and_nothing_else(origin: FakePlace, target: FakePlace) -> None:
    def bare(request: Request, honest: Honest) -> list[bytes]:
        (whole,) = honest()
        return [packet(sftp.STATUS, whole[5:13]) if whole[4] == sftp.STATUS else whole]

    scene = Scene(origin, target)
    for place in (origin, target):
        for kind in range(sftp.OPEN, sftp.RENAME + 1):
            place.fake.on(kind, bare)
    scene.succeeds()


GREETINGS = {
    "version 2": (packet(sftp.VERSION, u32(2)), "speaks version 2"),
    "version 6": (packet(sftp.VERSION, u32(6)), "speaks version 6"),
    "another packet": (sftp.status(0, sftp.OK), "greets with a packet of type 101"),
    "half an extension": (packet(sftp.VERSION, u32(3) + sftp.text(b"name")), "ends 4 bytes early"),
    "text": (b"Welcome to the backup server!\n", "Welcome to the backup server"),
    "a letter in another language": ("Ångström\n".encode(), "Ångström"),
}


@pytest.mark.fault("protocol.malformed")
@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize("greeting", GREETINGS)
def test_a_wrong_greeting(origin: FakePlace, target: FakePlace, role: str, greeting: str) -> None:
    scene = Scene(origin, target)
    fake = (origin if role == "source" else target).fake
    fake.greeting, expected = GREETINGS[greeting]
    failed = scene.fails("protocol_violation", role=role)
    assert expected in failed.error["message"]
    fake.greeting = None
    scene.recovers()


@pytest.mark.fault("protocol.malformed")
@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize("kind", [sftp.LSTAT, sftp.OPEN, sftp.FSTAT, sftp.READ, sftp.CLOSE])
def test_silence_after_half_a_reply(origin: FakePlace, target: FakePlace, role: str, kind: int) -> None:
    def half(request: Request, honest: Honest) -> list[bytes]:
        (whole,) = honest()
        return [whole[: len(whole) // 2]]

    scene = Scene(origin, target, waiting=task.SHORT_TIMEOUTS)
    (origin if role == "source" else target).fake.on(kind, half, times=1)
    scene.fails("timed_out", role=role)
    scene.recovers()


@pytest.mark.fault("protocol.matching")
def test_a_server_that_never_stops_answering_what_nobody_asked(origin: FakePlace, target: FakePlace) -> None:
    def flood(request: Request, honest: Honest) -> list[bytes]:
        return [*honest(), *(sftp.data(number, CONTENT) for number in range(5000, 7000))]

    scene = Scene(origin, target)
    origin.fake.on(sftp.READ, flood)
    scene.fails("protocol_violation", role="source")
    scene.recovers()
