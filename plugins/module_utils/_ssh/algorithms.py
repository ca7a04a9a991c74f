# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The algorithms to offer, in order of preference."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._errors import InputError


@dataclass(frozen=True)
class Suite:
    """The algorithms to offer for each part of a key exchange (RFC 4253 section 7.1), the preferred one first."""

    kexes: tuple[str, ...]
    host_keys: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]


DEFAULT = Suite(
    kexes=(
        "mlkem768x25519-sha256",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
    ),
    host_keys=(
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
    # AES-GCM first: it takes a third less CPU than AES-CTR with HMAC. No CBC, no 3DES.
    ciphers=("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"),
    # For AES-CTR: encrypt-then-MAC first. No SHA-1, no MD5.
    macs=("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"),
)
# Algorithms of appliances from before 2013, after all others. MD5 and DSA are left out.
LEGACY = Suite(
    kexes=(
        *DEFAULT.kexes,
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ),
    host_keys=(*DEFAULT.host_keys, "ssh-rsa"),
    ciphers=(*DEFAULT.ciphers, "aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"),
    macs=(*DEFAULT.macs, "hmac-sha1"),
)
SUITES = {
    "default": DEFAULT,
    "legacy": LEGACY,
    "post_quantum": replace(DEFAULT, kexes=("mlkem768x25519-sha256",)),
}
HOST_KEYS = DEFAULT.host_keys
# SHA-1 signatures: older versions of paramiko fall back to them when a server sends no server-sig-algs (RFC 8308).
REFUSED_PUBKEYS = ("ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "ssh-dss", "ssh-dss-cert-v01@openssh.com")


class Installed(t.Protocol):
    """paramiko's tables of implemented algorithms."""

    _kex_info: t.Mapping[str, object]
    _key_info: t.Mapping[str, object]
    _cipher_info: t.Mapping[str, object]
    _mac_info: t.Mapping[str, object]


def offered(name: str, known: t.Sequence[str], installed: Installed, *, without: t.Container[str] = ()) -> Suite:
    """Return the algorithms of a suite that are installed, with the ``known`` host key algorithms first.

    A server with several keys then presents a key that can be verified. A server without such a key still presents
    one, which the refusal can name. ``name`` is one of SUITES, or a single host key algorithm to request only that
    key. Host key algorithms in ``without`` are left out. ``dependency_missing`` when a part has no algorithm left.
    """
    suite = SUITES[name] if name in SUITES else replace(LEGACY, host_keys=(name,))
    result = Suite(
        kexes=_available(suite.kexes, installed._kex_info),
        host_keys=_available(_once((*known, *suite.host_keys), without), installed._key_info),
        ciphers=_available(suite.ciphers, installed._cipher_info),
        macs=_available(suite.macs, installed._mac_info),
    )
    if not (result.kexes and result.host_keys and result.ciphers and result.macs):
        raise InputError(
            "dependency_missing",
            f"the installed paramiko has nothing of what algorithms: {name} asks for",
            remedy="A newer paramiko may have it: ML-KEM came with 5.1.",
        )
    return result


def of_key_types(key_types: t.Iterable[str]) -> frozenset[str]:
    """Return the host key algorithms that use keys of these types."""
    rsa = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
    return frozenset(name for key_type in key_types for name in (rsa if key_type == "ssh-rsa" else (key_type,)))


def _once(names: t.Iterable[str], without: t.Container[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name not in without))


def _available(wanted: t.Sequence[str], installed: t.Container[str]) -> tuple[str, ...]:
    return tuple(name for name in wanted if name in installed)
