# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The algorithms that are offered, those agreed on with real servers, and the refusal of weak ones."""

from __future__ import annotations

import socket
import typing as t
from dataclasses import replace

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, LinkError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import (
    VERSION,
    kex_init,
    listening,
    packet,
    paramiko_server,
    read_packet,
    read_version,
)
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab
from ansible_collections.backhaul.sftp.tests.lab.processes import HOST
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop

from .meeting import refusal, report_of, trusting
from .sshd import sshd

pytestmark = pytest.mark.integration
PARAMIKO = tuple(int(part) for part in paramiko.__version__.split(".")[:2])
HAS_ML_KEM = PARAMIKO >= (5, 1)
HAS_SHA1 = PARAMIKO < (5, 0)

POST_QUANTUM = ["mlkem768x25519-sha256"] if HAS_ML_KEM else []
KEXES = [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
]
SHA1_KEXES = [
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group1-sha1",
]
# Not algorithms: markers that the client supports extension lists (RFC 8308) and strict key exchange.
SIGNS = ["ext-info-c", "kex-strict-c-v00@openssh.com"]
HOST_KEYS = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
]
CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"]
CBC = ["aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"]
MACS = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"]


def offer_of(endpoint: Endpoint) -> dict[str, list[str]]:
    """Return the lists that we send to a server that supports none of the algorithms."""
    offers: list[dict[str, list[str]]] = []

    def take(connection: socket.socket) -> None:
        connection.sendall(VERSION)
        read_version(connection)
        offers.append(_lists(read_packet(connection)))
        connection.sendall(packet(kex_init("none@here", "none@here", "none@here", "none@here")))

    with listening(take) as server:
        refusal(replace(endpoint, host=HOST, port=server.port), TrustError, "algorithm_mismatch")
    return offers[0]


def _lists(payload: bytes) -> dict[str, list[str]]:
    assert payload[0] == 20, "the first packet is KEXINIT"
    message = paramiko.Message(payload[17:])
    parts = ("kex", "host_key", "cipher", "cipher_back", "mac", "mac_back", "compression", "compression_back")
    found = {part: message.get_list() for part in parts}
    assert [found[part] for part in parts[2::2]] == [found[part] for part in parts[3::2]]
    return found


def known_by(workshop: Workshop, *kinds: str, **changes: t.Any) -> Endpoint:
    """Return an endpoint that pins keys of these types."""
    pins = tuple(workshop.key(kind, "host").line for kind in kinds)
    return trusting(Endpoint(role="source", host=HOST, **changes), host_keys=pins)


def test_nothing_weak_is_offered(workshop: Workshop) -> None:
    offer = offer_of(known_by(workshop, "ed25519"))
    assert offer["kex"] == [*POST_QUANTUM, *KEXES, *SIGNS]
    assert offer["host_key"] == HOST_KEYS
    assert offer["cipher"] == CIPHERS
    assert offer["mac"] == MACS
    assert offer["compression"] == ["none"]


def test_legacy_algorithms_come_after_all_others(workshop: Workshop) -> None:
    offer = offer_of(known_by(workshop, "ed25519", algorithms="legacy"))
    assert offer["kex"] == [*POST_QUANTUM, *KEXES, *(SHA1_KEXES if HAS_SHA1 else []), *SIGNS]
    assert offer["host_key"] == [*HOST_KEYS, *(["ssh-rsa"] if HAS_SHA1 else [])]
    assert offer["cipher"] == [*CIPHERS, *CBC]
    assert offer["mac"] == [*MACS, "hmac-sha1"]


def test_post_quantum_is_offered_alone_or_refused(workshop: Workshop) -> None:
    endpoint = known_by(workshop, "ed25519", algorithms="post_quantum")
    if HAS_ML_KEM:
        assert offer_of(endpoint)["kex"] == [*POST_QUANTUM, *SIGNS]
        return
    with listening(lambda connection: None) as server:
        error = refusal(replace(endpoint, port=server.port), InputError, "dependency_missing")
    assert "5.1" in error.message


def test_the_known_algorithms_of_the_host_are_offered_first(workshop: Workshop) -> None:
    offer = offer_of(known_by(workshop, "rsa2048", "ecdsa384"))["host_key"]
    assert offer[:3] == ["ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256"]
    assert sorted(offer) == sorted(HOST_KEYS)
    certified = trusting(
        Endpoint(role="source", host=HOST),
        known_hosts=f"@cert-authority * {workshop.key('ed25519', 'authority').line}\n",
    )
    offer = offer_of(certified)["host_key"]
    assert offer[:6] == [f"{name}-cert-v01@openssh.com" for name in HOST_KEYS]
    assert offer[6:] == HOST_KEYS


def test_compression_never_starts_before_the_login(workshop: Workshop) -> None:
    offer = offer_of(known_by(workshop, "ed25519", compression=True))
    assert offer["compression"] == ["zlib@openssh.com", "none"]


@pytest.fixture(scope="module")
def modern(workshop: Workshop) -> t.Iterator[Server]:
    """An sshd with its default settings."""
    with sshd(workshop) as server:
        yield server


def test_sshd_and_we_agree_on_gcm(modern: Server) -> None:
    report = report_of(modern.endpoint())
    assert (report.kex, report.cipher, report.mac) == ("curve25519-sha256", "aes128-gcm@openssh.com", "")
    assert report.strict_kex and report.server_version.startswith("SSH-2.0-OpenSSH_")


def test_without_gcm_it_is_ctr_with_encrypt_then_mac(workshop: Workshop) -> None:
    with sshd(workshop, "Ciphers aes256-ctr,aes256-cbc", "KexAlgorithms curve25519-sha256@libssh.org") as server:
        report = report_of(server.endpoint())
    assert (report.cipher, report.mac) == ("aes256-ctr", "hmac-sha2-256-etm@openssh.com")
    assert report.kex == "curve25519-sha256@libssh.org"


def test_a_compressed_connection_works(modern: Server) -> None:
    assert report_of(replace(modern.endpoint(), compression=True)).cipher == "aes128-gcm@openssh.com"


APPLIANCE = (
    "KexAlgorithms diffie-hellman-group14-sha1",
    "Ciphers aes128-cbc",
    "MACs hmac-sha1",
    "HostKeyAlgorithms ssh-rsa",
)


@pytest.fixture(scope="module")
def appliance(workshop: Workshop) -> t.Iterator[Server]:
    """An sshd with the algorithms of an appliance of 2012; even its host key signs only with SHA-1."""
    with sshd(workshop, *APPLIANCE, keys=[workshop.key("rsa2048", "host")]) as server:
        yield server


def test_an_appliance_is_refused_and_the_error_has_both_lists(appliance: Server) -> None:
    error = refusal(appliance.endpoint(), TrustError, "algorithm_mismatch")
    assert error.details["cipher"] == {"ours": CIPHERS, "theirs": ["aes128-cbc"]}
    assert error.details["MAC"] == {"ours": MACS, "theirs": ["hmac-sha1"]}
    kex, host_key = (t.cast("dict[str, list[str]]", error.details[part]) for part in ("key exchange", "host key"))
    assert kex["theirs"][0] == "diffie-hellman-group14-sha1" and kex["ours"][-1] == KEXES[-1]
    assert host_key == {"ours": ["rsa-sha2-512", "rsa-sha2-256", *HOST_KEYS[:4]], "theirs": ["ssh-rsa"]}
    assert "legacy" in error.remedy


def test_legacy_reaches_an_appliance_as_far_as_paramiko_can(appliance: Server) -> None:
    endpoint = replace(appliance.endpoint(), algorithms="legacy")
    if not HAS_SHA1:
        error = refusal(endpoint, TrustError, "algorithm_mismatch")
        assert set(error.details) == {"key exchange", "host key"}
        return
    report = report_of(endpoint)
    assert (report.kex, report.cipher, report.mac) == ("diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha1")
    assert report.host_key_algorithm == "ssh-rsa"


def test_legacy_prefers_strong_algorithms(modern: Server) -> None:
    report = report_of(replace(modern.endpoint(), algorithms="legacy"))
    assert (report.kex, report.cipher) == ("curve25519-sha256", "aes128-gcm@openssh.com")


def test_legacy_reaches_a_server_with_cbc_and_sha1_macs(workshop: Workshop) -> None:
    with sshd(workshop, *APPLIANCE[1:3]) as server:
        refusal(server.endpoint(), TrustError, "algorithm_mismatch")
        report = report_of(replace(server.endpoint(), algorithms="legacy"))
    assert (report.cipher, report.mac) == ("aes128-cbc", "hmac-sha1")


@pytest.mark.skipif(not HAS_ML_KEM, reason="ML-KEM came with paramiko 5.1")
def test_post_quantum_is_required(modern: Server, lab: SharedLab) -> None:
    endpoint = replace(modern.endpoint(), algorithms="post_quantum")
    error = refusal(endpoint, TrustError, "algorithm_mismatch")
    assert set(error.details) == {"key exchange"}
    report = report_of(replace(lab.asyncssh().endpoint(), algorithms="post_quantum"))
    assert report.kex == "mlkem768x25519-sha256"


class _Downgrading(paramiko.Transport):  # type: ignore[misc]
    """Signs with another algorithm than the negotiated one."""

    def get_server_key(self) -> t.Any:
        return _SigningWith(super().get_server_key(), self.signs_with)

    signs_with = "rsa-sha2-256"


class _SigningWith:
    def __init__(self, key: t.Any, algorithm: str) -> None:
        self._key, self._algorithm = key, algorithm

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._key, name)

    def sign_ssh_data(self, data: bytes, _algorithm: str | None = None) -> t.Any:
        return self._key.sign_ssh_data(data, self._algorithm)


@pytest.mark.parametrize("signs_with", ["rsa-sha2-256", pytest.param("ssh-rsa", marks=pytest.mark.skipif(
    not HAS_SHA1, reason="paramiko 5 cannot sign with SHA-1"))])  # fmt: skip
def test_a_signature_that_was_not_agreed_on_is_refused(workshop: Workshop, signs_with: str) -> None:
    kind = type("Downgrading", (_Downgrading,), {"signs_with": signs_with})
    key = workshop.key("rsa2048", "host")
    with paramiko_server(key, transport_class=kind) as server:
        error = refusal(server.endpoint(key), TrustError, "algorithm_mismatch")
        assert f"signed with {signs_with} though rsa-sha2-512" in error.message
    with paramiko_server(key) as honest:
        assert report_of(honest.endpoint(key)).host_key_algorithm == "rsa-sha2-512"


def test_a_forged_signature_is_refused(workshop: Workshop) -> None:
    """The server presents the right key, and signs with another one."""

    class Forging(paramiko.Transport):  # type: ignore[misc]
        def get_server_key(self) -> t.Any:
            return _Masked(super().get_server_key(), workshop.key("ed25519", "host").blob)

    key, other = workshop.key("ed25519", "host"), workshop.key("ed25519", "stranger")
    with paramiko_server(other, transport_class=Forging) as server:
        error = refusal(server.endpoint(key), TrustError, "host_key_mismatch")
    assert "did not prove" in error.message


class _Masked:
    def __init__(self, key: t.Any, shown: bytes) -> None:
        self._key, self._shown = key, shown

    def asbytes(self) -> bytes:
        return self._shown

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._key, name)


@pytest.mark.parametrize("bits", [1024, 2047])
def test_a_small_diffie_hellman_group_is_refused(workshop: Workshop, bits: int) -> None:
    """paramiko requests 2048 bits and accepts 1024, which is too few (RFC 8270)."""
    asked: list[bytes] = []

    def offer_small_group(connection: socket.socket) -> None:
        connection.sendall(VERSION)
        read_version(connection)
        read_packet(connection)
        kex = "diffie-hellman-group-exchange-sha256"
        connection.sendall(packet(kex_init(kex, "ssh-ed25519", CIPHERS[0], MACS[0])))
        asked.append(read_packet(connection))
        message = paramiko.Message()
        message.add_byte(bytes([31]))
        message.add_mpint((1 << bits) - 1)
        message.add_mpint(2)
        connection.sendall(packet(message.asbytes()))
        asked.append(read_packet(connection))

    with listening(offer_small_group) as server:
        error = refusal(replace(known_by(workshop, "ed25519"), port=server.port), LinkError, "link_lost")
    assert f"{bits} bits" in error.message
    assert len(asked) == 1 and paramiko.Message(asked[0][1:]).get_int() == 2048
