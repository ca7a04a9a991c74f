# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and checking host certificates."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.host_certificate import (
    is_certificate,
    is_forged,
    read_certificate,
    why_invalid,
    why_weak,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.public_key import PublicKey
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.ssh_wire import WireError, wire_string
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import (
    certificate,
    ecdsa,
    ed25519,
    packed,
    rsa,
)

AUTHORITY = ed25519(9)


def _why(name: bytes = b"host.example", now: int = 1000, **changes: t.Any) -> str:
    return why_invalid(read_certificate(certificate(ed25519(), AUTHORITY, **changes)), name=name, now=now)


@pytest.mark.parametrize("key", [ed25519(), rsa(), ecdsa("nistp256"), ecdsa("nistp384"), ecdsa("nistp521")])
def test_a_certificate_for_each_key_type_is_read(key: PublicKey) -> None:
    blob = certificate(key, AUTHORITY, serial=7, key_id=b"me", principals=(b"a", b"b"), valid=(5, 6))
    read = read_certificate(blob)
    assert (read.public_key, read.authority, read.serial, read.key_id) == (key, AUTHORITY, 7, b"me")
    assert (read.principals, read.valid_after, read.valid_before, read.role) == ((b"a", b"b"), 5, 6, "host")
    assert blob.startswith(read.signed)
    assert is_certificate(blob)
    assert not is_certificate(key.blob)


def test_a_valid_certificate_is_accepted() -> None:
    read = read_certificate(certificate(ed25519(), AUTHORITY))
    assert (_why(), why_weak(read), is_forged(read)) == ("", "", False)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"role": 1}, "user certificate"),
        (
            {"valid": (2000, 3000)},
            "from 1970-01-01 00:33:20 UTC, and the clock here says 1970-01-01 00:16:40 UTC",
        ),
        ({"valid": (0, 1000)}, "expired on 1970-01-01 00:16:40 UTC, and the clock here says"),
        ({"valid": (2**63, 2**64 - 1)}, "valid from second 9223372036854775808"),
        ({"valid": (2**64 - 1, 2**64 - 1)}, "valid from the end of time"),
        ({"principals": ()}, "names no host at all"),
        ({"principals": (b"other",)}, "for other, not for host.example"),
        ({"principals": (b"HOST.example",)}, "not for host.example"),
        ({"principals": (b"[host.example]:2222",)}, "not for host.example"),
        ({"principals": (b"\x1b]0;x",)}, r"for \\x1b]0;x, not for"),
        ({"critical": packed(b"force-command", b"x")}, "critical option force-command"),
    ],
)
def test_an_invalid_certificate_has_a_reason(changes: dict[str, t.Any], fault: str) -> None:
    assert fault.replace("\\\\", "\\") in _why(**changes)


@pytest.mark.parametrize("principals", [(b"*.example",), (b"x", b"host.example"), (b"*",), (b"host.exampl?",)])
def test_a_principal_may_be_a_pattern(principals: tuple[bytes, ...]) -> None:
    assert _why(principals=principals) == ""


def test_validity_includes_the_first_and_the_last_second() -> None:
    assert _why(now=1000, valid=(1000, 1001)) == ""


def test_extensions_are_ignored() -> None:
    assert _why(extensions=packed(b"whatever@example.com", b"")) == ""


@pytest.mark.parametrize(
    ("authority", "algorithm", "fault"),
    [
        (rsa(), b"ssh-rsa", "signed it with ssh-rsa"),
        (rsa(), b"ssh-ed25519", "signed it with ssh-ed25519"),
        (rsa(1024), b"rsa-sha2-512", "only 1024 bits"),
        (rsa(), b"rsa-sha2-256", ""),
        (ecdsa("nistp384"), b"ecdsa-sha2-nistp384", ""),
        (ecdsa("nistp384"), b"ecdsa-sha2-nistp256", "not accepted"),
    ],
)
def test_only_strong_signatures_are_accepted(authority: PublicKey, algorithm: bytes, fault: str) -> None:
    weakness = why_weak(read_certificate(certificate(ed25519(), authority, algorithm=algorithm)))
    assert (fault in weakness) if fault else weakness == ""


def test_a_wrong_signature_is_forged_and_one_of_a_refused_algorithm_is_not() -> None:
    blob = certificate(ed25519(), AUTHORITY)
    forged = read_certificate(blob[:-4] + b"evil")
    assert is_forged(forged)
    old = read_certificate(certificate(ed25519(), rsa(), algorithm=b"ssh-rsa"))
    assert not is_forged(old)


@pytest.mark.parametrize(
    "blob",
    [
        certificate(ed25519(), AUTHORITY, surplus=b"\0"),
        certificate(ed25519(), AUTHORITY)[:-1],
        certificate(ed25519(), AUTHORITY, role=3),
        certificate(ed25519(), certificate(ed25519(), AUTHORITY)),
        certificate(ed25519(), AUTHORITY.blob + b"\0"),
        certificate(ed25519(), AUTHORITY, critical=wire_string(b"half")),
        certificate(ed25519(), AUTHORITY, extensions=wire_string(b"half")),
        certificate(ed25519(), AUTHORITY, principals=[b"x"] * 257),
        certificate(ed25519(), AUTHORITY, principals=[b"x\0y"]),
    ],
)
def test_a_malformed_certificate_is_refused(blob: bytes) -> None:
    with pytest.raises(WireError):
        read_certificate(blob)


@given(st.data())
def test_a_damaged_certificate_is_refused_or_read_and_never_crashes(data: st.DataObject) -> None:
    blob = bytearray(certificate(ed25519(), AUTHORITY))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read_certificate(bytes(blob))
    except WireError:
        return
