# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Choose one private key among the key files in ssh's settings: an endpoint has only one."""

from __future__ import annotations

import base64
import binascii
import os
import typing as t
from dataclasses import dataclass

from ..module_utils._trust.ssh_wire import WireError, WireReader

# The file of an RSA key of 16384 bits has 13 KiB.
_MAX_KEY_BYTES = 1024 * 1024
_VAULT = b"$ANSIBLE_VAULT"
_OPENSSH = b"openssh-key-v1\0"


@dataclass(frozen=True)
class Identity:
    """The paths of a private key and of its certificate; empty when there is none.

    ``needs_agent``: only an agent can use one of the named keys. ``left_out`` are the files that are not used.
    """

    private_key_file: str = ""
    certificate: str = ""
    needs_agent: bool = False
    left_out: tuple[str, ...] = ()


def choose_identity(files: t.Sequence[str], certificates: t.Sequence[str], *, has_passphrase: bool) -> Identity:
    """Return the first private key that can be used without an agent, and its certificate.

    A key whose certificate is listed in ``certificates`` takes precedence.
    """
    named = [path for path in certificates if os.path.isfile(path)]
    usable, needs_agent = [], False
    for path in files:
        reason = _unusable_because(path, has_passphrase=has_passphrase)
        needs_agent = needs_agent or reason == "agent"
        usable += [] if reason else [path]
    certified = [path for path in usable if f"{path}-cert.pub" in named]
    chosen = (certified or usable or [""])[0]
    left_out = tuple(path for path in files if path != chosen)
    return Identity(chosen, certificate_of(chosen, certificates), needs_agent and not chosen, left_out)


def certificate_of(key_file: str, certificates: t.Sequence[str]) -> str:
    """Return the path of the certificate to present with a key, or an empty text.

    As in ssh, the file ``<key>-cert.pub`` is used when no certificate is named or when it is one of those named.
    """
    named, beside = [path for path in certificates if os.path.isfile(path)], f"{key_file}-cert.pub"
    if not key_file:
        return ""
    if beside in named or not named:
        return beside if os.path.isfile(beside) else ""
    return named[0]


def _unusable_because(path: str, *, has_passphrase: bool) -> str:
    """Return "missing", "agent" for a key that only an agent can use, or an empty text for a usable key."""
    try:
        content = _content(path)
    except OSError:
        return "agent" if os.path.isfile(f"{path}.pub") else "missing"
    if content.startswith(_VAULT):
        return ""
    if b"PRIVATE KEY-----" not in content:
        return "agent"
    return "agent" if _is_in_hardware(content) or (_is_encrypted(content) and not has_passphrase) else ""


def _content(path: str) -> bytes:
    if not os.path.isfile(path):
        raise FileNotFoundError(path)
    with open(path, "rb") as file:
        return file.read(_MAX_KEY_BYTES)


def _is_encrypted(content: bytes) -> bool:
    if b"BEGIN OPENSSH PRIVATE KEY" in content:
        return _header(content)[:1] != (b"none",)
    return b"ENCRYPTED" in content


def _is_in_hardware(content: bytes) -> bool:
    """Return whether the key itself is on a hardware token."""
    return any(part.startswith(b"sk-") for part in _header(content)[1:])


def _header(content: bytes) -> tuple[bytes, ...]:
    """Return cipher name and key type of a key in OpenSSH's format (PROTOCOL.key); an empty tuple when damaged."""
    try:
        blob = base64.b64decode(b"".join(line for line in content.splitlines() if not line.startswith(b"-----")))
        reader = WireReader(blob)
        if reader.take(len(_OPENSSH)) != _OPENSSH:
            return ()
        cipher = reader.string()
        reader.string(), reader.string(), reader.uint32()  # KDF name, KDF options, number of keys
        return cipher, WireReader(reader.string()).string()
    except (WireError, binascii.Error):
        return ()
