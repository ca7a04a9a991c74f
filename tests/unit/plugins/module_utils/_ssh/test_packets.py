# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits for packets, on real socket pairs."""

from __future__ import annotations

import os
import socket
import struct
import typing as t
import zlib

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.packets import (
    MAX_BANNER_BYTES,
    MAX_PACKET_BYTES,
    MAX_REPEATS,
    REPEATED,
    BoundedInflate,
    BoundedPacketizer,
)


@pytest.fixture
def line() -> t.Iterator[tuple[BoundedPacketizer, paramiko.packet.Packetizer, socket.socket]]:
    """Our packetizer, a plain one that sends to it, and the sending socket."""
    receiving, sending = socket.socketpair()
    receiving.settimeout(5)
    with receiving, sending:
        yield BoundedPacketizer(receiving), paramiko.packet.Packetizer(sending), sending


Line = t.Tuple[BoundedPacketizer, t.Any, socket.socket]


def message(kind: int, content: bytes = b"") -> paramiko.Message:
    """Return a message of this type."""
    return paramiko.Message(bytes([kind]) + content)


def test_an_ordinary_message_arrives(line: Line) -> None:
    packets, peer, _socket = line
    content = os.urandom(30_000)
    peer.send_message(message(94, content))
    kind, found = packets.read_message()
    assert (kind, found.asbytes(), found.seqno) == (94, content, 0)


@pytest.mark.parametrize("length", [MAX_PACKET_BYTES + 8, 2**31 + 4, 2**32 - 4])
def test_a_packet_that_claims_too_much_is_refused_before_it_is_read(line: Line, length: int) -> None:
    packets, _peer, raw = line
    raw.sendall(struct.pack(">I", length - length % 8 + 4) + bytes(4))
    with pytest.raises(paramiko.SSHException, match="announced a packet"):
        packets.read_message()


def test_a_negative_packet_length_is_refused(line: Line) -> None:
    with pytest.raises(paramiko.SSHException, match="announced a packet"):
        line[0].read_all(-8)


def test_the_lines_before_the_version_are_limited(line: Line) -> None:
    packets, _peer, raw = line
    raw.sendall(b"x" * 1000 + b"\n" + b"y" * 70)
    assert packets.readline(5) == "x" * 1000
    with pytest.raises(paramiko.SSHException, match="before the SSH version"):
        for _time in range(MAX_BANNER_BYTES):
            raw.sendall(b"y" * 100)
            packets._read_timeout(5)


def test_a_line_in_another_encoding_is_escaped_and_the_next_one_is_read(line: Line) -> None:
    packets, _peer, raw = line
    raw.sendall(b"Gr\xfc\xdfe\r\nSSH-2.0-x\r\n")
    assert packets.readline(5) == "Gr\\xfc\\xdfe"
    assert packets.readline(5) == "SSH-2.0-x"


@pytest.mark.parametrize("kind", REPEATED)
def test_a_message_that_may_repeat_is_limited(line: Line, kind: int) -> None:
    packets, peer, _socket = line
    for _time in range(MAX_REPEATS):
        peer.send_message(message(kind))
        assert packets.read_message()[0] == kind
    peer.send_message(message(kind))
    with pytest.raises(paramiko.SSHException, match=f"more than {MAX_REPEATS}"):
        packets.read_message()


def test_a_repeated_message_cannot_be_read_past_its_end(line: Line) -> None:
    packets, peer, _socket = line
    peer.send_message(message(60, paramiko.Message().add_string(b"one").add_int(2).asbytes()))
    _kind, found = packets.read_message()
    assert (found.get_string(), found.get_int(), found.seqno) == (b"one", 2, 0)
    for read in (found.get_int, found.get_boolean, found.get_string):
        with pytest.raises(paramiko.SSHException, match="claims to hold more"):
            read()


def test_a_compressed_stream_is_inflated_packet_by_packet() -> None:
    deflate, inflate = zlib.compressobj(), BoundedInflate()
    for size in (10, MAX_PACKET_BYTES, 0, 3000):
        content = os.urandom(size // 2) * 2
        assert inflate(deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH)) == content


def test_a_compressed_packet_that_becomes_too_large_is_refused() -> None:
    with pytest.raises(paramiko.SSHException, match="holds more than"):
        BoundedInflate()(zlib.compress(bytes(MAX_PACKET_BYTES + 1)))


def test_a_compressed_packet_that_is_damaged_is_refused() -> None:
    with pytest.raises(paramiko.SSHException, match="damaged"):
        BoundedInflate()(b"no zlib stream")
