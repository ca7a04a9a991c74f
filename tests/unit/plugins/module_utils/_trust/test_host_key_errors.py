# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that refuse a host key: the message for people, and the data for playbooks."""

from __future__ import annotations

import json

from ansible_collections.backhaul.sftp.plugins.module_utils._trust import host_key_errors
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import ed25519, line, rsa

KEY, OTHER = ed25519(1), rsa(2048, 2)
EXPECTED = host_key_errors.Expected("ssh-rsa", OTHER.fingerprint, "/etc/ssh/ssh_known_hosts:3")


def test_the_error_for_an_unknown_host_has_its_key_the_places_searched_and_a_pin() -> None:
    error = host_key_errors.unknown("[host]:2222", looked_in=["a", "b"], offered=KEY)
    assert error.code == "host_key_unknown"
    assert KEY.fingerprint in error.cause
    assert "Looked in: a, b" in error.cause
    assert f'host_keys:\n  - "{line(KEY)}"' in error.remedy
    assert error.details["looked_in"] == ["a", "b"]
    assert error.details["offered"] == {
        "type": "ssh-ed25519",
        "fingerprint": KEY.fingerprint,
        "key": line(KEY).split()[1],
    }


def test_the_error_before_the_key_exchange_has_no_key() -> None:
    error = host_key_errors.unknown("host", looked_in=[], offered=None)
    assert "no known_hosts text or file was given" in error.cause
    assert error.details["offered"] is None
    assert "ssh-keyscan" in error.remedy


def test_a_key_known_without_the_port_is_named() -> None:
    error = host_key_errors.unknown("[host]:2222", looked_in=["a"], offered=KEY, portless=[EXPECTED])
    assert "/etc/ssh/ssh_known_hosts:3" in error.remedy
    assert "would count for [host]:2222 as well" in error.remedy


def test_an_untrusted_authority_is_named() -> None:
    error = host_key_errors.unknown("host", looked_in=["a"], offered=KEY, authority=OTHER)
    assert OTHER.fingerprint in error.cause
    assert error.details["authority"] == OTHER.fingerprint


def test_a_mismatch_shows_the_offered_and_the_expected_key() -> None:
    error = host_key_errors.mismatch("host", KEY, expected=[EXPECTED])
    assert error.code == "host_key_mismatch"
    assert KEY.fingerprint in error.cause
    assert f"ssh-rsa {OTHER.fingerprint} (/etc/ssh/ssh_known_hosts:3)" in error.cause
    assert error.details["expected"] == [
        {"type": "ssh-rsa", "fingerprint": OTHER.fingerprint, "origin": "/etc/ssh/ssh_known_hosts:3"}
    ]


def test_a_mismatch_with_many_keys_stays_short_and_keeps_the_data() -> None:
    error = host_key_errors.mismatch("host", KEY, expected=[EXPECTED] * 100)
    assert error.cause.count(OTHER.fingerprint) == 8
    assert error.cause.endswith("; ...")
    assert error.details["expected"] == [EXPECTED.to_dict()] * 100


def test_a_pinned_fingerprint_has_no_type() -> None:
    pinned = host_key_errors.Expected("", KEY.fingerprint, "host_keys[0]")
    assert str(pinned) == f"{KEY.fingerprint} (host_keys[0])"
    assert pinned.to_dict()["type"] is None


def test_every_refusal_has_its_code_a_remedy_and_plain_data() -> None:
    errors = {
        "host_key_revoked": host_key_errors.revoked("host", KEY, place="a:1", reason="it is"),
        "host_certificate_invalid": host_key_errors.certificate_invalid("host", KEY, reason="it expired"),
        "algorithm_mismatch": host_key_errors.too_weak("host", rsa(1024)),
        "host_key_unknown": host_key_errors.unreadable("host", b"x", is_certificate=False, reason="it ends too early"),
    }
    for code, error in errors.items():
        assert error.code == code
        assert error.remedy
        assert json.loads(json.dumps(error.details)) == error.details
        assert not error.retryable


def test_revocations_that_cannot_be_read_say_so() -> None:
    error = host_key_errors.revocations_unclear("host", KEY, reason="a:1: there is no key on it")
    assert error.code == "host_key_revoked"
    assert "a:1: there is no key on it" in error.cause


def test_a_key_type_from_the_server_is_escaped() -> None:
    error = host_key_errors.unreadable("host", b"x", is_certificate=True, reason="\x1b[2J")
    assert error.code == "host_certificate_invalid"
    assert "\x1b" not in error.message
