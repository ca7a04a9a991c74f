# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary SSH keys, made by ssh-keygen or, where that is missing, by the ``cryptography`` package."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

from .server import UnavailableError

HOST_KEY_TYPES = ("ed25519", "ecdsa", "rsa")
_RSA_BITS = 2048


def make_key(path: Path, key_type: str, *, pem: bool = False, passphrase: str = "") -> str:
    """Write a key pair (``path`` and ``path.pub``) and return the public key as one line without a comment."""
    if shutil.which("ssh-keygen"):
        _by_ssh_keygen(path, key_type, pem=pem, passphrase=passphrase)
    else:
        _by_cryptography(path, key_type, pem=pem, passphrase=passphrase)
    return " ".join(Path(f"{path}.pub").read_text(encoding="ascii").split()[:2])


def make_host_keys(folder: Path, *, pem: bool = False) -> dict[Path, str]:
    """Make one host key of each type; return the private keys' paths with their public lines."""
    paths = [folder / f"host_{key_type}" for key_type in HOST_KEY_TYPES]
    return {path: make_key(path, key_type, pem=pem) for path, key_type in zip(paths, HOST_KEY_TYPES)}


def rfc4716(public_line: str) -> str:
    """Return a public key line in the form of RFC 4716, which ProFTPD reads."""
    blob = public_line.split()[1]
    lines = [blob[at : at + 70] for at in range(0, len(blob), 70)]
    return "\n".join(["---- BEGIN SSH2 PUBLIC KEY ----", *lines, "---- END SSH2 PUBLIC KEY ----", ""])


def _by_ssh_keygen(path: Path, key_type: str, *, pem: bool, passphrase: str) -> None:
    command = ["ssh-keygen", "-q", "-t", key_type, "-N", passphrase, "-C", "", "-f", str(path)]
    if key_type == "rsa":
        command += ["-b", str(_RSA_BITS)]
    if pem and key_type != "ed25519":  # ed25519 has no PEM form in OpenSSH
        command += ["-m", "PEM"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _by_cryptography(path: Path, key_type: str, *, pem: bool, passphrase: str) -> None:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError as exc:
        raise UnavailableError("neither ssh-keygen nor the Python package cryptography is installed") from exc
    key = _new_private_key(key_type)
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        hidden = serialization.BestAvailableEncryption(passphrase.encode())
    old_form = pem and key_type != "ed25519"
    form = serialization.PrivateFormat.TraditionalOpenSSL if old_form else serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, form, hidden)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.touch(mode=0o600)
    path.write_bytes(private)
    Path(f"{path}.pub").write_bytes(public + b"\n")


def _new_private_key(key_type: str) -> t.Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if key_type == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if key_type == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def new_password() -> str:
    """Return a new random password."""
    return base64.urlsafe_b64encode(os.urandom(18)).decode("ascii")
