# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates for the tests, made by ssh-keygen."""

from __future__ import annotations

import base64
import hashlib
import struct
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .oracle import ssh_keygen

# The names of keys in tests, and the options of ssh-keygen to make them.
KINDS: dict[str, tuple[str, ...]] = {
    "ed25519": ("ed25519",),
    "ecdsa256": ("ecdsa", "-b", "256"),
    "ecdsa384": ("ecdsa", "-b", "384"),
    "ecdsa521": ("ecdsa", "-b", "521"),
    "rsa2048": ("rsa", "-b", "2048"),
    "rsa1024": ("rsa", "-b", "1024"),
    "dsa": ("dsa",),
}


@dataclass(frozen=True)
class Key:
    """A key pair on disk, and its public half."""

    kind: str
    path: Path
    key_type: str
    encoded: str

    @property
    def blob(self) -> bytes:
        """The public key in the SSH wire format."""
        return base64.b64decode(self.encoded)

    @property
    def line(self) -> str:
        """Type and base64, as in known_hosts."""
        return f"{self.key_type} {self.encoded}"

    @property
    def public_path(self) -> Path:
        """The path of the public key."""
        return Path(f"{self.path}.pub")


@dataclass(frozen=True)
class Certificate:
    """A host certificate on disk, with the values that it was made from."""

    key: Key
    authority: Key
    path: Path
    blob: bytes
    options: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """Type and base64."""
        return " ".join(self.path.read_text(encoding="ascii").split()[:2])


class Workshop:
    """Makes keys and certificates in one directory; each key is made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keys: dict[str, Key] = {}
        self._certificates: dict[tuple[str, ...], Certificate] = {}

    def key(self, kind: str, name: str) -> Key:
        """Return the key of this kind with this name."""
        label = f"{kind}-{name}"
        if label not in self._keys:
            self._keys[label] = _read(kind, self._make(label, KINDS[kind]))
        return self._keys[label]

    def _make(self, label: str, kind: t.Sequence[str]) -> Path:
        path = self.folder / label
        made = ssh_keygen("-q", "-t", kind[0], *kind[1:], "-N", "", "-C", label, "-f", path)
        assert made.returncode == 0, made.stderr
        return path

    def certificate(
        self, key: Key, authority: Key, *arguments: str, options: dict[str, str] | None = None
    ) -> Certificate:
        """Return a certificate that the authority signed with these arguments of ssh-keygen, with or without ``-h``."""
        label = (key.path.name, authority.path.name, *arguments)
        if label not in self._certificates:
            self._certificates[label] = self._sign(key, authority, arguments, options or {})
        return self._certificates[label]

    def certificate_by_token(self, key: Key, principal: str, *, damaged: bool = False) -> Certificate:
        """Return a certificate for an Ed25519 key, signed by an authority on an emulated hardware token."""
        kind, application, flags = b"sk-ssh-ed25519@openssh.com", b"ssh:", b"\x01\0\0\0\x07"
        token = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
        public = _packed(kind, token.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), application)
        named = b"ssh-ed25519-cert-v01@openssh.com"
        body = _packed(named, b"nonce" * 6, key.blob[-32:]) + struct.pack(">QI", 1, 2)
        body += _packed(b"id", _packed(principal.encode())) + struct.pack(">QQ", 0, 2**64 - 1)
        body += _packed(b"", b"", b"", public)
        signed = hashlib.sha256(application).digest() + flags + hashlib.sha256(body + b"!" * damaged).digest()
        blob = body + _packed(_packed(kind, token.sign(signed)) + flags)
        path = self.folder / f"by-token-{len(self._certificates)}-{damaged}-cert.pub"
        path.write_bytes(named + b" " + base64.b64encode(blob) + b"\n")
        encoded = base64.b64encode(public).decode("ascii")
        authority = Key("token", self.folder / "token", kind.decode("ascii"), encoded)
        return Certificate(key, authority, path, blob, {"principals": principal})

    def _sign(self, key: Key, authority: Key, arguments: t.Sequence[str], options: dict[str, str]) -> Certificate:
        signed = ssh_keygen("-q", "-s", authority.path, *arguments, key.public_path)
        assert signed.returncode == 0, signed.stderr
        written = self.folder / f"{key.path.name}-cert.pub"
        path = self.folder / f"certificate-{len(self._certificates)}-cert.pub"
        written.rename(path)
        blob = base64.b64decode(path.read_text(encoding="ascii").split()[1])
        return Certificate(key, authority, path, blob, options)


def _packed(*values: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(value)) + value for value in values)


def _read(kind: str, path: Path) -> Key:
    key_type, encoded = Path(f"{path}.pub").read_text(encoding="ascii").split()[:2]
    return Key(kind, path, key_type, encoded)
