# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Load private keys in the usual formats as paramiko's key objects."""

from __future__ import annotations

import io
import typing as t

from .._errors import InputError
from .._trust.host_certificate import read_certificate
from .._trust.ssh_wire import WireError
from .dependency import SSHException, paramiko

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
        load_ssh_private_key,
    )
except Exception:  # noqa: BLE001, S110 - cryptography may be missing with paramiko; require_paramiko reports that
    pass


def load_private_key(text: str, passphrase: str | None) -> t.Any:
    """Return paramiko's key for a private key in OpenSSH, PEM or PKCS#8 form.

    ``invalid_input`` says whether the passphrase is missing or wrong, or the text is no key; it contains neither.
    """
    material = text.strip().replace("\r\n", "\n").encode("utf-8") + b"\n"
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in material else load_pem_private_key
    secret = passphrase.encode("utf-8") if passphrase else None
    try:
        key = load(material, secret)
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
    except TypeError as exc:
        if not secret:
            raise _unusable("it is encrypted, and no private_key_passphrase was given") from exc
        return load_private_key(text, None)  # like ssh, ignore a passphrase for a key that is not encrypted
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise _unusable(_why(material, encrypted=secret is not None)) from exc
    return _paramiko_key(plain)


def _why(material: bytes, *, encrypted: bool) -> str:
    if b"PRIVATE KEY-----" not in material:
        return "the text is not a private key in OpenSSH, PEM or PKCS#8 form"
    if encrypted:
        return "the passphrase is wrong, or the key is damaged"
    return "it is encrypted and no private_key_passphrase was given, or it is damaged"


def _unusable(why: str) -> InputError:
    return InputError(
        "invalid_input",
        f"the private key cannot be used: {why}",
        remedy="Give the whole text of the private key, with its BEGIN and END lines, and its passphrase if it"
        " has one.",
    )


def _paramiko_key(plain_openssh: str) -> t.Any:
    for cls in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return cls.from_private_key(io.StringIO(plain_openssh))
        except (SSHException, ValueError):  # RSAKey raises ValueError for a DSA key
            continue
    raise _unusable("only Ed25519, ECDSA and RSA keys are supported")


def with_certificate(key: t.Any, certificate: str) -> t.Any:
    """Return the key with its user certificate loaded, so that the login presents the certificate.

    ``invalid_input`` when the text is no certificate, or a certificate of another key.
    """
    try:
        key.load_certificate(certificate.strip())
        found = read_certificate(key.public_blob.key_blob)
    except (SSHException, WireError, ValueError, IndexError, TypeError) as exc:
        raise _unfit("it is damaged, no certificate at all, or for another type of key") from exc
    if found.public_key.blob != key.asbytes():
        raise _unfit("it belongs to another private key")
    if found.role != "user":
        raise _unfit(f"it is a {found.role} certificate, not one for users")
    return key


def _unfit(why: str) -> InputError:
    return InputError(
        "invalid_input",
        f"the certificate cannot be used: {why}",
        remedy="Give the one line of the -cert.pub file that was signed for this key.",
    )
