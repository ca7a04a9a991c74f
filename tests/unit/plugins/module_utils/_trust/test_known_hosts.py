# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsing known_hosts texts; tests/trust compares it with ssh-keygen on thousands of random texts."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.known_hosts import Known, KnownHosts, look_up
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import (
    certificate,
    ed25519,
    line,
    packed,
    rsa,
)

KEY, OTHER, AUTHORITY = ed25519(1), rsa(2048, 2), ed25519(9)
HOST = b"host"
CERTIFICATE_LINE = "ssh-ed25519-cert-v01@openssh.com " + base64.b64encode(certificate(KEY, AUTHORITY)).decode()


def _known(text: bytes | str, name: bytes = HOST) -> Known:
    return look_up([KnownHosts.parse(text, origin="file")], name)


def test_several_keys_of_a_host_are_all_kept_with_their_places() -> None:
    known = _known(f"# comment\nhost {line(KEY)}\nother {line(OTHER)}\n\nhost,x {line(OTHER)} a comment\n")
    assert [(found.key, found.place) for found in known.keys] == [(KEY, "file:2"), (OTHER, "file:5")]


def test_several_texts_are_read_in_their_order() -> None:
    texts = [KnownHosts.parse(f"host {line(key)}", origin=name) for key, name in ((KEY, "a"), (OTHER, "b"))]
    assert [found.place for found in look_up(texts, HOST).keys] == ["a:1", "b:1"]


def test_markers_sort_the_keys() -> None:
    known = _known(f"@cert-authority * {line(AUTHORITY)}\n@revoked host {line(KEY)}\nhost {line(OTHER)}")
    assert [found.key for found in known.authorities] == [AUTHORITY]
    assert [found.key for found in known.revoked] == [KEY]
    assert [found.key for found in known.keys] == [OTHER]


@pytest.mark.parametrize(
    "text",
    [
        f" \t host \t {line(KEY).replace(' ', chr(9))} \t comment",
        f"host {line(KEY)}\r\nother x\r\n",
        f"host {line(KEY)}\0 rest",
        f"HOST {line(KEY)}",
        f"@cert-authority\thost\t{line(KEY)}".replace(" ", "\t"),
        f"@cert-authority host {line(KEY)}",
        f"host rsa-sha2-512 {line(OTHER).split()[1]}",
    ],
)
def test_blanks_tabs_and_line_endings_do_not_matter(text: str) -> None:
    known = _known(text)
    assert len(known.keys + known.authorities) == 1
    assert not known.faults


@pytest.mark.parametrize(
    "text",
    [
        "host",
        "host ",
        "host # comment",
        "host ssh-ed25519",
        "host ssh-ed25519 AAAA",
        f"host ssh-rsa {line(KEY).split()[1]}",
        f"host {line(KEY)}=",
        "host 1024 35 1234567890",
        f"host {CERTIFICATE_LINE}",
        f"@cert-authority host {CERTIFICATE_LINE}",
        f"@cert-authority\thost {line(KEY)}",
        f"|1|broken {line(KEY)}",
    ],
)
def test_a_broken_line_is_skipped_with_a_note(text: str) -> None:
    known = _known(text)
    assert not known.keys + known.authorities + known.revoked
    assert not known.faults
    assert [note.startswith("file:1: ") for note in known.notes] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "@revoked host",
        "@revoked host ssh-ed25519",
        "@revoked host ssh-ed25519 AAAA",
        "@revoked host ssh-unheard-of AAAA",
        f"@revoked |1|broken {line(KEY)}",
        f"@unheard-of host {line(KEY)}",
        f"@Revoked host {line(KEY)}",
        f"@cert-authority @revoked host {line(KEY)}",
        f"@unheard-of |1|broken {line(KEY)}",
    ],
)
def test_an_unreadable_line_that_may_revoke_is_a_fault(text: str) -> None:
    assert [fault.startswith("file:1: ") for fault in _known(text).faults] == [True]


@pytest.mark.parametrize("text", ["@revoked other AAAA", "@unheard-of other x", "@revoked", "@x", "@revoked *,!host x"])
def test_broken_lines_of_other_hosts_are_no_fault(text: str) -> None:
    assert _known(text) == Known()


def test_a_tab_does_not_hide_a_revocation() -> None:
    assert [found.key for found in _known(f"@revoked\thost {line(KEY)}").revoked] == [KEY]


def test_a_revoked_certificate_revokes_the_key_inside() -> None:
    assert [found.key for found in _known(f"@revoked host {CERTIFICATE_LINE}").revoked] == [KEY]


def test_a_revoked_key_of_a_type_that_is_never_accepted_is_ignored() -> None:
    encoded = base64.b64encode(packed(b"ssh-unheard-of", b"key")).decode()
    known = _known(f"@revoked host ssh-unheard-of {encoded}")
    assert not known.faults
    assert len(known.notes) == 1


@given(st.binary(max_size=300))
def test_random_bytes_never_crash_the_reader(text: bytes) -> None:
    known = _known(text)
    assert not known.keys


@given(
    st.lists(st.sampled_from([b"@revoked", b"host", b"@", b" ", b"\t", b"\n", b"|1|", b"ssh-ed25519", b"AAAA", b"*"]))
)
def test_random_pieces_of_lines_never_crash_the_reader(pieces: list[bytes]) -> None:
    assert not _known(b"".join(pieces)).keys
