# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Which algorithms are offered, and in which order."""

from __future__ import annotations

import typing as t

# AES-GCM first: it costs a third less than AES-CTR with HMAC. No CBC, no 3DES.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
# For AES-CTR: encrypt-then-MAC first. No SHA-1, no MD5.
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
KEXES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
HOST_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
# SHA-1 signatures, for which older paramiko still falls back when a server sends no server-sig-algs (RFC 8308).
REFUSED_PUBKEYS = ("ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "ssh-dss", "ssh-dss-cert-v01@openssh.com")


def known_first(known: t.Sequence[str]) -> tuple[str, ...]:
    """Return the host key algorithms with the known ones first.

    A server with several keys then shows one that can be verified; one without any of them still shows a key, which
    the refusal can name.
    """
    return tuple(dict.fromkeys((*known, *HOST_KEYS)))


def available(wanted: t.Sequence[str], installed: t.Container[str]) -> tuple[str, ...]:
    """Return those of ``wanted`` that the installed paramiko has, in our order."""
    return tuple(name for name in wanted if name in installed)
