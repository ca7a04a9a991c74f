# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets are encoded and decoded, and a stream may be cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp import wire
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp

uint32s = st.integers(0, 2**32 - 1)
pairs = st.one_of(st.tuples(st.none(), st.none()), st.tuples(uint32s, uint32s))


def unpacker(data: bytes) -> wire.Unpacker:
    return wire.Unpacker(memoryview(data))


@given(uint32s, st.integers(0, 2**64 - 1), st.binary(max_size=300), st.binary(max_size=20))
def test_fields_come_back_as_they_went(small: int, large: int, text: bytes, rest: bytes) -> None:
    fields = unpacker(wire.uint32(small) + wire.uint64(large) + wire.string(text) + rest)
    assert (fields.uint32(), fields.uint64(), fields.string(), fields.rest()) == (small, large, text, rest)
    fields.end()


@given(st.one_of(st.none(), st.integers(0, 2**64 - 1)), st.one_of(st.none(), uint32s), pairs, pairs)
def test_attributes_come_back_as_they_went(
    size: int | None, mode: int | None, owner: tuple[int | None, int | None], times: tuple[int | None, int | None]
) -> None:
    wanted = Attributes(size=size, mode=mode, uid=owner[0], gid=owner[1], atime=times[0], mtime=times[1])
    fields = unpacker(wire.attributes(wanted))
    assert fields.attributes() == wanted
    fields.end()


def test_attributes_are_encoded_as_specified() -> None:
    assert wire.attributes(Attributes(mode=0o600)) == bytes.fromhex("00000004 00000180")
    assert wire.attributes(Attributes()) == bytes(4)
    assert wire.attributes(Attributes(size=1, uid=2, gid=3, mode=4, atime=5, mtime=6)) == fake_sftp.attrs(
        1, 4, None, (2, 3), flags=8, tail=wire.uint32(5) + wire.uint32(6)
    )


@pytest.mark.parametrize("half", [Attributes(uid=1), Attributes(gid=1), Attributes(atime=1), Attributes(mtime=1)])
def test_half_a_pair_of_attributes_is_an_error(half: Attributes) -> None:
    with pytest.raises(ValueError, match="only together"):
        wire.attributes(half)


@pytest.mark.parametrize("seconds", [-1, 2**32, 2**63])
def test_a_time_that_version_3_cannot_hold_is_refused_and_not_a_crash(seconds: int) -> None:
    with pytest.raises(BackhaulError) as caught:
        wire.attributes(Attributes(atime=seconds, mtime=seconds))
    assert caught.value.code == "unsupported"


@given(st.binary(max_size=64))
@example(b"\x80\x00\x00\x00\xff\xff\xff\xff")
@example(b"\xff\xff\xff\xff")
def test_attributes_of_any_bytes_are_read_or_a_violation(data: bytes) -> None:
    try:
        unpacker(data).attributes()
    except RemoteError as exc:
        assert exc.code == "protocol_violation"


def test_extended_attributes_are_passed_over() -> None:
    extended = wire.uint32(2) + wire.string(b"a@b") + wire.string(b"1") + wire.string(b"c@d") + wire.string(b"")
    encoded = fake_sftp.attrs(7, flags=wire.HAS_EXTENDED, tail=extended)
    fields = unpacker(encoded + b"next")
    assert fields.attributes() == Attributes(size=7)
    assert fields.rest() == b"next"


@pytest.mark.parametrize("flags", [0x10, 0x40, 0x100, 0x40000000])
def test_unknown_flags_in_attributes_are_a_violation(flags: int) -> None:
    with pytest.raises(RemoteError, match="unknown flags") as caught:
        unpacker(fake_sftp.attrs(1, flags=flags)).attributes()
    assert caught.value.code == "protocol_violation"


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (b"", wire.Unpacker.byte),
        (b"\0\0\0", wire.Unpacker.uint32),
        (bytes(7), wire.Unpacker.uint64),
        (b"\0\0\0\x05abcd", wire.Unpacker.string),
        (b"\xff\xff\xff\xff", wire.Unpacker.view),
    ],
)
def test_a_field_that_ends_early_is_a_violation(data: bytes, read: object) -> None:
    with pytest.raises(RemoteError, match=r"ends \d+ bytes early"):
        read(unpacker(data))  # type: ignore[operator]


USUAL = Attributes(size=1, mode=2, uid=3, gid=4, atime=5, mtime=6)
some_attributes = st.sampled_from([USUAL, Attributes(), Attributes(mode=1), Attributes(size=2, atime=3, mtime=4)])
name_lists = st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=9), some_attributes), max_size=6)


def name_packet(entries: list[tuple[bytes, bytes, Attributes]]) -> bytes:
    parts = (wire.string(name) + wire.string(long) + wire.attributes(about) for name, long, about in entries)
    return wire.uint32(len(entries)) + b"".join(parts)


@given(name_lists, st.binary(max_size=5))
def test_names_come_back_as_they_went_for_any_set_of_attributes(
    entries: list[tuple[bytes, bytes, Attributes]], rest: bytes
) -> None:
    fields = unpacker(name_packet(entries) + rest)
    assert fields.names() == [(name, about) for name, _long, about in entries]
    assert fields.rest() == rest


@given(name_lists.filter(bool), st.data())
def test_names_that_end_early_are_a_violation(
    entries: list[tuple[bytes, bytes, Attributes]], data: st.DataObject
) -> None:
    packet = name_packet(entries)
    with pytest.raises(RemoteError) as caught:
        unpacker(packet[: data.draw(st.integers(0, len(packet) - 1))]).names()
    assert caught.value.code == "protocol_violation"


@given(st.binary(max_size=60))
@example(b"\x00\x00\x00\x01\xff\xff\xff\xff")
@example(b"\xff\xff\xff\xff")
def test_names_of_any_bytes_are_read_or_a_violation(data: bytes) -> None:
    try:
        unpacker(data).names()
    except RemoteError as exc:
        assert exc.code == "protocol_violation"


def test_excess_bytes_can_be_refused() -> None:
    with pytest.raises(RemoteError, match="3 bytes too many"):
        unpacker(b"abc").end()


def test_a_request_head_counts_type_and_id() -> None:
    assert wire.request_head(wire.READ, 7, 20) == bytes.fromhex("00000019 05 00000007")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (2, "not_found"),
        (3, "permission_denied"),
        (4, "remote_failure"),
        (5, "protocol_violation"),
        (8, "unsupported"),
        (11, "already_exists"),
        (14, "no_space"),
        (15, "no_space"),
        (99, "remote_failure"),
        (2**32 - 1, "remote_failure"),
    ],
)
def test_status_codes_become_our_error_codes(code: int, expected: str) -> None:
    error = wire.status_error(code, b"what it said")
    assert (error.code, error.details["status"], error.details["server_said"]) == (expected, code, "what it said")
    assert error.cause.endswith(": what it said")


def test_a_message_of_a_server_is_made_printable_and_cut() -> None:
    error = wire.status_error(4, b"\x1b[2J{{ x }}\n" + b"a" * 1_000_000)
    assert "\x1b" not in error.cause
    assert "\n" not in error.cause
    assert len(error.cause) < 500


@given(
    st.lists(st.binary(min_size=1, max_size=60), max_size=8),
    st.lists(st.integers(0, 400), max_size=30),
)
@example([b"x"], [0, 1, 2, 3, 4])
def test_packets_are_the_same_at_any_cut_of_the_stream(packets: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(wire.string(packet) for packet in packets)
    at = sorted({cut for cut in cuts if cut <= len(stream)} | {0, len(stream)})
    framer = wire.Framer(limit_bytes=60)
    got = [bytes(packet) for start, end in zip(at, at[1:]) for packet in framer.feed(stream[start:end])]
    assert got == packets


def test_packets_are_complete_byte_by_byte() -> None:
    framer = wire.Framer(limit_bytes=10)
    fed = [framer.feed(bytes([byte])) for byte in wire.string(b"ab") + wire.string(b"c")]
    assert [[bytes(packet) for packet in packets] for packets in fed] == [[]] * 5 + [[b"ab"]] + [[]] * 4 + [[b"c"]]


@pytest.mark.parametrize("length", [0, 61, 2**31, 2**32 - 1])
def test_a_length_that_no_packet_has_is_a_violation_before_anything_is_kept(length: int) -> None:
    with pytest.raises(RemoteError, match=f"claims {length} bytes") as caught:
        wire.Framer(limit_bytes=60).feed(wire.uint32(length))
    assert caught.value.code == "protocol_violation"


@pytest.mark.parametrize(
    "text", [b"Welcome to backup01!\r\n", b"\x1b[1mhello\n", b"hi\n\0\0\0\x05", "Grüße\n".encode()]
)
def test_text_of_a_shell_start_up_file_is_explained(text: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        wire.Framer(limit_bytes=1024).feed(text)
    assert "text where SFTP packets" in caught.value.cause
    assert ".bashrc" in caught.value.remedy
    assert "\x1b" not in caught.value.cause


def test_text_before_the_protocol_is_quoted_as_far_as_it_came() -> None:
    with pytest.raises(RemoteError, match="Welcome to backup01!"):
        wire.Framer(limit_bytes=1024).feed(b"Welcome to backup01!\n")
