# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision on a host key; tests/trust compares it with that of ssh on live servers."""

from __future__ import annotations

import hashlib
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.known_hosts import KnownHosts
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.public_key import PublicKey
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.revoked_host_keys import RevokedHostKeys
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.trust_store import TrustedKey, TrustStore
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import (
    certificate,
    ecdsa,
    ed25519,
    krl,
    line,
    packed,
    rsa,
)

KEY, OTHER, AUTHORITY = ed25519(1), rsa(2048, 2), ed25519(9)
KEY_SHA256 = hashlib.sha256(KEY.blob).digest()
CERTIFICATE = certificate(KEY, AUTHORITY)
CERTIFICATE_ALGORITHMS = (
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)
PLAIN_ALGORITHMS = tuple(name.replace("-cert-v01@openssh.com", "") for name in CERTIFICATE_ALGORITHMS)


def _store(
    *lines: str,
    host: str = "Host.Example",
    pins: t.Sequence[str] = (),
    port: int = 22,
    alias: str = "",
    revoked: t.Sequence[RevokedHostKeys] = (),
) -> TrustStore:
    return TrustStore.build(
        host=host,
        port=port,
        host_key_alias=alias,
        host_keys=pins,
        known_hosts=[KnownHosts.parse("\n".join(lines), origin="known_hosts")],
        revoked_host_keys=revoked,
    )


def _accepted(store: TrustStore, presented: bytes = KEY.blob) -> tuple[str, str]:
    trusted = store.verify(presented, now=1000)
    return trusted.trusted_by, trusted.origin


def _refused(store: TrustStore, presented: bytes = KEY.blob) -> TrustError:
    with pytest.raises(TrustError) as caught:
        store.verify(presented, now=1000)
    return caught.value


# Plain keys


def test_a_known_key_is_accepted_with_its_place() -> None:
    store = _store(f"host.example {line(OTHER)}", f"host.example {line(KEY)}")
    assert _accepted(store) == ("known_hosts", "known_hosts:2")
    assert _accepted(store, OTHER.blob) == ("known_hosts", "known_hosts:1")


def test_another_key_is_a_mismatch_and_no_key_is_unknown() -> None:
    assert _refused(_store(f"host.example {line(OTHER)}")).code == "host_key_mismatch"
    error = _refused(_store(f"other.example {line(KEY)}"))
    assert error.code == "host_key_unknown"
    assert error.details["looked_in"] == ["known_hosts"]


def test_a_key_with_a_port_applies_to_that_port_only() -> None:
    store = _store(f"[host.example]:2222 {line(KEY)}", port=2222)
    assert _accepted(store) == ("known_hosts", "known_hosts:1")
    assert _refused(_store(f"[host.example]:2222 {line(KEY)}")).code == "host_key_unknown"


def test_a_key_without_port_applies_when_none_has_the_port() -> None:
    known = f"host.example {line(KEY)}"
    revoked = f"@revoked [host.example]:2222 {line(OTHER)}"
    for lines in ([known], [known, revoked], [known, f"@cert-authority [host.example]:2222 {line(AUTHORITY)}"]):
        assert _accepted(_store(*lines, port=2222)) == ("known_hosts", "known_hosts:1")
    assert _store(known, port=2222).preferred_key_types() == ("ssh-ed25519",)
    both = _store(known, f"[host.example]:2222 {line(OTHER)}", port=2222)
    assert _refused(both).code == "host_key_mismatch"
    assert _refused(_store(known, alias="other", port=2222)).code == "host_key_unknown"


def test_another_key_without_port_does_not_apply_to_the_port() -> None:
    error = _refused(_store(f"host.example {line(OTHER)}", port=2222))
    assert error.code == "host_key_unknown"
    assert f"without its port, and would count for [host.example]:2222 as well: {OTHER.key_type}" in error.remedy
    assert "(known_hosts:1)" in error.remedy


def test_an_alias_replaces_host_and_port() -> None:
    assert _accepted(_store(f"store {line(KEY)}", alias="Store", port=2222)) == ("known_hosts", "known_hosts:1")
    assert _refused(_store(f"host.example {line(KEY)}", alias="store")).code == "host_key_unknown"


def test_a_short_rsa_key_is_refused_even_if_it_is_known() -> None:
    weak = rsa(1024)
    assert _refused(_store(f"host.example {line(weak)}"), weak.blob).code == "algorithm_mismatch"
    assert _refused(_store(pins=[line(weak)]), weak.blob).code == "algorithm_mismatch"


@pytest.mark.parametrize("presented", [b"", b"\0", KEY.blob + b"\0", KEY.blob[:-1], packed(b"ssh-unheard-of", b"x")])
def test_a_key_that_cannot_be_read_is_refused(presented: bytes) -> None:
    assert _refused(_store(f"* {line(KEY)}"), presented).code == "host_key_unknown"


def test_a_dsa_key_is_refused_even_if_it_is_known() -> None:
    blob = packed(b"ssh-dss", b"\x07", b"\x05", b"\x03", b"\x02")
    dsa = PublicKey("ssh-dss", blob)
    store = _store(f"* {line(dsa)}")
    assert store.preferred_key_types() == ()
    assert _refused(store, blob).code == "host_key_unknown"


# Pins


@pytest.mark.parametrize("pin", [line(KEY), KEY.fingerprint])
def test_a_pinned_key_is_accepted_without_known_hosts(pin: str) -> None:
    assert _accepted(_store(pins=[line(OTHER), pin])) == ("pin", "host_keys[1]")


def test_pins_are_exclusive() -> None:
    store = _store(f"host.example {line(KEY)}", f"@cert-authority * {line(AUTHORITY)}", pins=[line(OTHER)])
    assert _refused(store).code == "host_key_mismatch"
    error = _refused(store, CERTIFICATE)
    assert error.code == "host_key_mismatch"
    assert error.details["expected"] == [
        {"type": "ssh-rsa", "fingerprint": OTHER.fingerprint, "origin": "host_keys[0]"}
    ]


def test_revocations_override_pins() -> None:
    pins = [line(KEY)]
    assert _refused(_store(f"@revoked * {line(KEY)}", pins=pins)).code == "host_key_revoked"
    listed = RevokedHostKeys.parse(line(KEY), origin="revoked")
    assert _refused(_store(pins=pins, revoked=[listed])).code == "host_key_revoked"


def test_an_invalid_pin_stops_everything() -> None:
    with pytest.raises(InputError, match=r"host_keys\[1\]"):
        _store(pins=[line(KEY), "SHA256:short"])


# Revocations


@pytest.mark.parametrize("name", ["host.example", "[host.example]:2222", "*"])
def test_a_revocation_applies_under_both_names(name: str) -> None:
    store = _store(f"[host.example]:2222 {line(KEY)}", f"@revoked {name} {line(KEY)}", port=2222)
    error = _refused(store)
    assert error.code == "host_key_revoked"
    assert error.details["origin"] == "known_hosts:2"


@pytest.mark.parametrize("name", ["fe80::7", "[fe80::7]:2222", "fe80::7%eth0", "[fe80::7%eth0]:2222"])
def test_a_revocation_applies_to_an_address_with_and_without_its_zone(name: str) -> None:
    known = f"[fe80::7%eth0]:2222 {line(KEY)}"
    assert _accepted(_store(known, host="fe80::7%eth0", port=2222))
    assert _refused(_store(known, f"@revoked {name} {line(KEY)}", host="fe80::7%eth0", port=2222)).code == (
        "host_key_revoked"
    )
    assert _refused(_store(known, f"@new {name} x", host="fe80::7%eth0", port=2222)).code == "host_key_revoked"


def test_a_key_for_an_address_without_zone_does_not_apply_with_a_zone() -> None:
    assert _refused(_store(f"fe80::7 {line(KEY)}", host="fe80::7%eth0")).code == "host_key_unknown"


@pytest.mark.parametrize("revoked", [KEY, AUTHORITY])
def test_a_certificate_is_revoked_with_its_key_or_its_authority(revoked: PublicKey) -> None:
    lines = [f"@cert-authority * {line(AUTHORITY)}", f"* {line(KEY)}", f"@revoked * {line(revoked)}"]
    assert _refused(_store(*lines), CERTIFICATE).code == "host_key_revoked"


def test_a_revoked_key_does_not_affect_other_keys() -> None:
    assert _accepted(_store(f"* {line(KEY)}", f"@revoked * {line(OTHER)}"))


@pytest.mark.parametrize("broken", ["@revoked * ssh-ed25519 AAAA", "@unheard-of * x"])
@pytest.mark.parametrize("port", [22, 2222])
def test_an_unreadable_line_that_may_revoke_refuses_all_keys(broken: str, port: int) -> None:
    error = _refused(_store(f"[host.example]:2222,host.example {line(KEY)}", broken, port=port))
    assert error.code == "host_key_revoked"
    assert "known_hosts:2" in error.cause


def test_a_missing_or_broken_list_of_revoked_keys_refuses_all_keys() -> None:
    for listed in (RevokedHostKeys.missing(origin="r", fault="no such file"), RevokedHostKeys.parse("x", origin="r")):
        error = _refused(_store(f"* {line(KEY)}", revoked=[listed]))
        assert error.code == "host_key_revoked"
        assert "cannot be read: r: " in error.cause


def test_a_binary_list_revokes_a_certificate_by_its_key_id() -> None:
    section = (1, packed(AUTHORITY.blob, b"") + b"\x23" + packed(packed(b"id")))
    listed = RevokedHostKeys.parse(krl(section), origin="krl")
    store = _store(f"@cert-authority * {line(AUTHORITY)}", revoked=[listed])
    assert _refused(store, CERTIFICATE).code == "host_key_revoked"
    other = certificate(KEY, AUTHORITY, key_id=b"another")
    assert _accepted(store, other) == ("certificate", "known_hosts:1")


# Certificates


@pytest.mark.parametrize("name", ["host.example", "*.example", "[host.example]:2222"])
def test_an_authority_applies_under_both_names(name: str) -> None:
    store = _store(f"@cert-authority {name} {line(AUTHORITY)}", port=2222)
    assert _accepted(store, CERTIFICATE) == ("certificate", "known_hosts:1")
    trusted = store.verify(CERTIFICATE, now=1000)
    assert trusted.to_dict() == {
        "trusted_by": "certificate",
        "origin": "known_hosts:1",
        "type": "ssh-ed25519",
        "fingerprint": KEY.fingerprint,
        "authority_fingerprint": AUTHORITY.fingerprint,
    }


def test_the_principal_is_the_alias_where_there_is_one() -> None:
    store = _store(f"@cert-authority store {line(AUTHORITY)}", alias="Store")
    assert _refused(store, CERTIFICATE).code == "host_certificate_invalid"
    assert _accepted(store, certificate(KEY, AUTHORITY, principals=(b"store",)))


def test_the_key_of_an_authority_is_no_host_key() -> None:
    assert _refused(_store(f"@cert-authority * {line(AUTHORITY)}"), AUTHORITY.blob).code == "host_key_unknown"


def test_a_known_key_is_no_authority() -> None:
    error = _refused(_store(f"host.example {line(AUTHORITY)}"), CERTIFICATE)
    assert error.code == "host_key_mismatch"


def test_without_its_authority_a_certificate_is_looked_up_as_a_plain_key() -> None:
    assert _accepted(_store(f"* {line(KEY)}"), CERTIFICATE) == ("known_hosts", "known_hosts:1")
    error = _refused(_store(), CERTIFICATE)
    assert error.code == "host_key_unknown"
    assert error.details["authority"] == AUTHORITY.fingerprint


@pytest.mark.parametrize(
    "presented",
    [
        certificate(KEY, AUTHORITY, valid=(0, 10)),
        certificate(KEY, AUTHORITY, principals=()),
        certificate(KEY, AUTHORITY, role=1),
        certificate(KEY, AUTHORITY)[:-4] + b"evil",
        certificate(KEY, AUTHORITY, surplus=b"x"),
        certificate(KEY, AUTHORITY, algorithm=b"ssh-rsa"),
    ],
)
def test_an_invalid_certificate_is_refused_even_if_its_key_is_known(presented: bytes) -> None:
    store = _store(f"@cert-authority * {line(AUTHORITY)}", f"* {line(KEY)}")
    assert _refused(store, presented).code == "host_certificate_invalid"


def test_a_forged_certificate_is_refused_even_if_its_authority_is_unknown() -> None:
    forged = certificate(KEY, AUTHORITY)[:-4] + b"evil"
    assert _refused(_store(f"* {line(KEY)}"), forged).code == "host_certificate_invalid"


def test_a_weak_signature_of_an_unknown_authority_is_ignored() -> None:
    old = certificate(KEY, rsa(1024), algorithm=b"ssh-rsa")
    assert _accepted(_store(f"* {line(KEY)}"), old) == ("known_hosts", "known_hosts:1")


def test_a_certificate_for_a_short_rsa_key_is_refused() -> None:
    store = _store(f"@cert-authority * {line(AUTHORITY)}")
    assert _refused(store, certificate(rsa(1024), AUTHORITY)).code == "algorithm_mismatch"


# What to offer


@pytest.mark.parametrize(
    ("lines", "port", "offered"),
    [
        ([], 22, ()),
        ([f"* {line(OTHER)}", f"* {line(KEY)}"], 22, ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")),
        ([f"* {line(ecdsa('nistp384'))}"], 22, ("ecdsa-sha2-nistp384",)),
        ([f"@cert-authority * {line(OTHER)}"], 22, CERTIFICATE_ALGORITHMS),
        ([f"@cert-authority * {line(OTHER)}", f"* {line(KEY)}"], 22, (*CERTIFICATE_ALGORITHMS, "ssh-ed25519")),
        ([f"@cert-authority host.example {line(OTHER)}"], 2222, CERTIFICATE_ALGORITHMS),
        ([f"host.example {line(KEY)}"], 2222, ("ssh-ed25519",)),
        ([f"@revoked * {line(KEY)}"], 22, ()),
        ([f"* {line(KEY)}", f"@revoked * {line(KEY)}"], 22, ()),
        ([f"* {line(KEY)}", f"* {line(ed25519(2))}", f"@revoked * {line(KEY)}"], 22, ("ssh-ed25519",)),
        (
            [f"* {line(KEY)}", f"* {line(OTHER)}", f"@revoked host.example {line(KEY)}"],
            2222,
            ("rsa-sha2-512", "rsa-sha2-256"),
        ),
        (
            [f"@cert-authority * {line(OTHER)}", f"* {line(KEY)}", f"@revoked * {line(OTHER)}"],
            22,
            ("ssh-ed25519", *CERTIFICATE_ALGORITHMS),
        ),
    ],
)
def test_only_algorithms_of_known_keys_are_offered(lines: list[str], port: int, offered: tuple[str, ...]) -> None:
    assert _store(*lines, port=port).preferred_key_types() == offered


def test_an_authority_without_port_is_offered_after_keys_with_the_port() -> None:
    # Found by the handshakes of tests/trust: ssh got the known key, the collection got an expired certificate.
    store = _store(f"@cert-authority host.example {line(OTHER)}", f"[host.example]:2222 {line(KEY)}", port=2222)
    assert store.preferred_key_types() == ("ssh-ed25519", *CERTIFICATE_ALGORITHMS)


def test_with_pins_only_their_types_are_offered() -> None:
    known = f"@cert-authority * {line(AUTHORITY)}"
    assert _store(known, pins=[line(KEY)]).preferred_key_types() == ("ssh-ed25519",)
    assert _store(known, pins=[line(KEY), OTHER.fingerprint]).preferred_key_types() == PLAIN_ALGORITHMS


@pytest.mark.parametrize("content", [line(KEY), krl((2, packed(KEY.blob))), krl((5, packed(KEY_SHA256)))])
def test_the_type_of_a_revoked_key_is_not_offered(content: str | bytes) -> None:
    revoked = [RevokedHostKeys.parse(content, origin="r")]
    lines = [f"* {line(KEY)}", f"* {line(OTHER)}"]
    assert _store(*lines, revoked=revoked).preferred_key_types() == ("rsa-sha2-512", "rsa-sha2-256")
    assert _store(pins=[line(KEY), line(OTHER)], revoked=revoked).preferred_key_types() == (
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
    authority = f"@cert-authority * {line(KEY)}"
    assert _store(authority, revoked=revoked).preferred_key_types() == CERTIFICATE_ALGORITHMS


def test_without_a_known_key_there_is_an_error_before_the_key_exchange() -> None:
    error = _store(port=2222).nothing_known()
    assert error.code == "host_key_unknown"
    assert "[host.example]:2222" in error.cause


def test_skipped_lines_are_noted() -> None:
    assert _store("host.example nonsense", f"* {line(KEY)}").notes == ("known_hosts:1: there is no key on it",)


def test_every_refusal_can_be_shown_as_json() -> None:
    for store in (_store(), _store(f"* {line(OTHER)}"), _store(f"@revoked * {line(KEY)}"), _store("@x * y")):
        error = _refused(store)
        assert json.loads(json.dumps(error.to_dict()))["code"] == error.code


@given(st.data())
def test_a_damaged_certificate_is_never_trusted_for_more_than_it_says(data: st.DataObject) -> None:
    blob = bytearray(CERTIFICATE)
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        trusted: TrustedKey | None = _store(f"@cert-authority * {line(AUTHORITY)}").verify(bytes(blob), now=1000)
    except TrustError:
        trusted = None
    assert trusted is None
