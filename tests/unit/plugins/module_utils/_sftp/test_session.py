# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies are matched strictly by id, and the first protocol violation ends the session."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp import wire
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import (
    MAX_EXTENSIONS,
    MAX_REPLY_BYTES,
    Session,
)
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import (
    DATA,
    HANDLE,
    NAME,
    OK,
    STATUS,
    Answer,
    FakeSftp,
    MemoryDuplex,
    attrs,
    names,
    packet,
    status,
    text,
    u32,
)

# Enough for an immediate reply on a busy machine, and short enough for tests of a missing one.
IMPATIENT = Timeouts(operation_seconds=0.5)


def opened(server: FakeSftp, *, piece_bytes: int = 1 << 20) -> tuple[Session, MemoryDuplex]:
    duplex = MemoryDuplex(server, piece_bytes=piece_bytes)
    session = Session(duplex, timeouts=IMPATIENT)
    session.open(timeout_seconds=60)
    return session, duplex


def answering(kind: int, answer: Answer) -> tuple[Session, MemoryDuplex]:
    server = FakeSftp({b"/a": b"content"})
    server.on(kind, answer)
    return opened(server)


def refused(ask: t.Callable[[], object]) -> BackhaulError:
    with pytest.raises(BackhaulError) as caught:
        ask()
    return caught.value


def test_the_greeting_states_the_extensions() -> None:
    session, _duplex = opened(FakeSftp(extensions={b"a@b": b"1", b"c@d": b""}))
    assert session.extensions == {b"a@b": b"1", b"c@d": b""}


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (packet(2, u32(2)), "version 2"),
        (packet(2, u32(6)), "version 6"),
        (packet(2, b""), "ends 4 bytes early"),
        (packet(2, u32(3) + text(b"name alone")), "early"),
        (packet(101, u32(3)), "greets with a packet of type 101"),
        (u32(0), "claims 0 bytes"),
        (u32(MAX_REPLY_BYTES + 1), "claims"),
        (b"Last login: today\n", "text where SFTP packets"),
    ],
)
def test_a_wrong_greeting_is_a_violation_that_closes_the_channel(greeting: bytes, said: str) -> None:
    duplex = MemoryDuplex(FakeSftp(greeting=greeting))
    error = refused(Session(duplex, timeouts=Timeouts()).open)
    assert error.code == "protocol_violation"
    assert said in error.cause
    assert duplex.closed


def test_no_greeting_is_timed_out() -> None:
    error = refused(Session(MemoryDuplex(FakeSftp(greeting=b"")), timeouts=IMPATIENT).open)
    assert (error.code, "greeting" in error.cause) == ("timed_out", True)


def test_an_end_in_place_of_the_greeting_hints_at_the_account() -> None:
    error = refused(Session(MemoryDuplex(FakeSftp(greeting=b"", ended=True)), timeouts=Timeouts()).open)
    assert (error.code, "SFTP subsystem" in error.remedy) == ("link_lost", True)


def test_replies_in_any_order_reach_their_requests() -> None:
    session, duplex = answering(wire.STAT, lambda request, honest: [])
    requests = [session.request(wire.STAT, wire.string(b"%d" % number)) for number in range(5)]
    ids = [request.id for request in duplex.server.requests]
    for number in (3, 0, 4, 2, 1):
        duplex.push(packet(105, u32(ids[number]) + attrs(number)))
    for number, reply in enumerate(requests):
        assert session.expect_attributes(session.wait(reply)) == Attributes(size=number)


@pytest.mark.parametrize("piece_bytes", [1, 3, 7, 1000])
def test_the_pieces_in_which_replies_arrive_do_not_matter(piece_bytes: int) -> None:
    session, _duplex = opened(FakeSftp({b"/a": b"x" * 99}), piece_bytes=piece_bytes)
    assert session.expect_attributes(session.call(wire.STAT, wire.string(b"/a"))).size == 99


VIOLATIONS: dict[str, t.Callable[[int], bytes]] = {
    "an id that no request has": lambda number: status(number + 1, OK),
    "the same reply twice": lambda number: status(number, OK) * 2,
    "a type that is no reply": lambda number: packet(3, u32(number)),
    "a type that is unknown": lambda number: packet(99, u32(number)),
    "a handle for a status": lambda number: packet(HANDLE, u32(number) + text(b"h")),
    "no id": lambda number: packet(STATUS, b"\0\0"),
    "a status without a code": lambda number: packet(STATUS, u32(number)),
    "a status with half a code": lambda number: packet(STATUS, u32(number) + b"\0\0"),
    "a status with half a message": lambda number: packet(STATUS, u32(number) + u32(0) + u32(5) + b"ab"),
    "an empty packet": lambda number: u32(0),
    "a huge packet": lambda number: u32(2**31) + b"x",
}


@pytest.mark.parametrize("said", VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_violation_ends_the_session(said: t.Callable[[int], bytes]) -> None:
    session, duplex = answering(wire.REMOVE, lambda request, honest: [said(request.id)])

    def remove() -> None:
        session.expect_ok(session.call(wire.REMOVE, wire.string(b"/a")))
        session.expect_ok(session.call(wire.STAT, wire.string(b"/a")))  # the second of two replies is noticed here

    first = refused(remove)
    assert first.code == "protocol_violation"
    assert duplex.closed
    assert refused(remove).code == "protocol_violation"


def test_a_status_without_message_and_language_is_taken_as_old_servers_send_it() -> None:
    session, _duplex = answering(wire.REMOVE, lambda request, honest: [packet(STATUS, u32(request.id) + u32(OK))])
    session.expect_ok(session.call(wire.REMOVE, wire.string(b"/a")))


@pytest.mark.parametrize("code", [2, 3, 4, 8, 99])
def test_a_refusal_leaves_the_session_usable(code: int) -> None:
    session, _duplex = answering(wire.REMOVE, lambda request, honest: [status(request.id, code, b"no")])
    error = refused(lambda: session.expect_ok(session.call(wire.REMOVE, wire.string(b"/a"))))
    assert isinstance(error, RemoteError)
    assert session.expect_attributes(session.call(wire.STAT, wire.string(b"/a"))).size == 7


def test_eof_is_no_success_where_no_end_is_due() -> None:
    session, _duplex = answering(wire.REMOVE, lambda request, honest: [status(request.id, 1)])
    error = refused(lambda: session.expect_ok(session.call(wire.REMOVE, wire.string(b"/a"))))
    assert isinstance(error, RemoteError)


@pytest.mark.parametrize("code", [0, 1])
def test_ok_and_eof_are_violations_where_something_was_asked_for(code: int) -> None:
    session, duplex = answering(wire.STAT, lambda request, honest: [status(request.id, code)])
    error = refused(lambda: session.expect_attributes(session.call(wire.STAT, wire.string(b"/a"))))
    assert error.code == "protocol_violation"
    assert duplex.closed


@pytest.mark.parametrize("length", [0, 11, 100])
def test_data_that_is_empty_or_more_than_asked_for_is_a_violation(length: int) -> None:
    body = u32(length) + b"x" * length
    session, _duplex = answering(wire.READ, lambda request, honest: [packet(DATA, u32(request.id) + body)])
    reply = session.call(wire.READ, wire.string(b"h"), wire.uint64(0), wire.uint32(10))
    assert refused(lambda: session.expect_data(reply, at_most=10)).code == "protocol_violation"


def test_a_handle_of_more_than_256_bytes_is_a_violation() -> None:
    session, duplex = answering(wire.OPEN, lambda request, honest: [packet(HANDLE, u32(request.id) + text(b"h" * 257))])
    reply = session.call(wire.OPEN, wire.string(b"/a"), wire.uint32(1), wire.uint32(0))
    assert refused(lambda: session.expect_handle(reply)).code == "protocol_violation"
    assert duplex.closed


@pytest.mark.parametrize("count", [2, 2**32 - 1])
def test_names_that_are_announced_and_not_there_are_a_violation(count: int) -> None:
    one = text(b"a") + text(b"long") + attrs(1)
    session, _duplex = answering(wire.READDIR, lambda r, honest: [packet(NAME, u32(r.id) + u32(count) + one)])
    reply = session.call(wire.READDIR, wire.string(b"h"))
    assert refused(lambda: session.expect_names(reply)).code == "protocol_violation"


def test_names_come_with_their_attributes_and_the_long_name_is_ignored() -> None:
    listing = [(b"\xff", attrs(1)), (b"b", attrs())]
    session, _duplex = answering(wire.READDIR, lambda request, honest: [names(request.id, listing)])
    found = session.expect_names(session.call(wire.READDIR, wire.string(b"h")))
    assert found == [(b"\xff", Attributes(size=1)), (b"b", Attributes())]


def test_silence_is_timed_out_and_every_later_use_says_the_same() -> None:
    session, duplex = answering(wire.STAT, lambda request, honest: [])
    assert refused(lambda: session.call(wire.STAT, wire.string(b"/a"))).code == "timed_out"
    assert duplex.closed
    assert refused(lambda: session.call(wire.REMOVE, wire.string(b"/a"))).code == "timed_out"


def test_an_end_in_the_middle_of_a_packet_is_a_lost_link() -> None:
    server = FakeSftp()
    server.on(wire.STAT, lambda request, honest: [status(request.id, OK)[:-3]])
    session, _duplex = opened(server)
    server.ended = True
    error = refused(lambda: session.call(wire.STAT, wire.string(b"/a")))
    assert isinstance(error, LinkError)
    assert error.code == "link_lost"


def test_a_closed_session_cannot_be_used() -> None:
    session, duplex = opened(FakeSftp())
    session.close()
    session.close()
    assert duplex.closed
    assert refused(lambda: session.call(wire.STAT, wire.string(b"/a"))).code == "link_lost"


def test_request_ids_go_round() -> None:
    session, duplex = opened(FakeSftp({b"/a": b""}))
    session._next_id = 2**32 - 2
    for _call in range(3):
        session.expect_attributes(session.call(wire.STAT, wire.string(b"/a")))
    assert [request.id for request in duplex.server.requests] == [2**32 - 1, 0, 1]


def test_thousands_of_extensions_are_not_kept() -> None:
    server = FakeSftp(extensions={b"x%d" % number: b"" for number in range(12_000)})
    opened = Session(MemoryDuplex(server), timeouts=Timeouts())
    opened.open()
    assert len(opened.extensions) == MAX_EXTENSIONS
