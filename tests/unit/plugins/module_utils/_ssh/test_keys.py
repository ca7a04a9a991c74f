# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys in the usual formats, with and without a passphrase."""

from __future__ import annotations

import base64
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.keys import load_private_key, with_certificate
from ansible_collections.backhaul.sftp.tests.lab.keys import make_key

PASSPHRASE = "canary passphrase ä"
KEYS: dict[str, t.Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa256": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
FORMS = {"openssh": PrivateFormat.OpenSSH, "pem": PrivateFormat.TraditionalOpenSSL, "pkcs8": PrivateFormat.PKCS8}
CASES = [(key, form) for key in KEYS for form in FORMS if (key, form) != ("ed25519", "pem")]


def private(key: str, form: str, passphrase: str = "") -> str:
    hidden = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return t.cast(str, KEYS[key].private_bytes(Encoding.PEM, FORMS[form], hidden).decode())


def public_blob(key: str) -> bytes:
    line = KEYS[key].public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def why(text: str, passphrase: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        load_private_key(text, passphrase)
    assert caught.value.code == "invalid_input"
    said = f"{caught.value} {caught.value.to_dict()} {caught.value.__cause__!r}"
    assert PASSPHRASE not in said
    assert not any(len(line) > 20 and line in said for line in text.splitlines()[1:-1])
    return caught.value.cause


@pytest.mark.parametrize(("key", "form"), CASES)
def test_a_plain_key_is_loaded_and_an_unneeded_passphrase_is_ignored(key: str, form: str) -> None:
    for passphrase in (None, "", "not needed"):
        assert load_private_key(private(key, form), passphrase).asbytes() == public_blob(key)


# Only one key in OpenSSH's own format: deriving a key from its passphrase is slow by design.
ENCRYPTED = [case for case in CASES if case[1] != "openssh" or case[0] == "ed25519"]


@pytest.mark.parametrize(("key", "form"), ENCRYPTED)
def test_an_encrypted_key_needs_its_passphrase(key: str, form: str) -> None:
    text = private(key, form, PASSPHRASE)
    assert load_private_key(text, PASSPHRASE).asbytes() == public_blob(key)
    assert "no private_key_passphrase was given" in why(text)
    assert "passphrase is wrong" in why(text, "wrong")


@pytest.mark.parametrize("change", [lambda k: k.replace("\n", "\r\n"), lambda k: f"\n \n{k}\n\n", lambda k: k.strip()])
def test_line_ends_and_blanks_around_a_key_do_not_matter(change: t.Callable[[str], str]) -> None:
    assert load_private_key(change(private("ed25519", "openssh")), None).asbytes() == public_blob("ed25519")


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519 AAAA", "PuTTY-User-Key-File-3: ssh-ed25519", "x" * 10_000, "-----BEGIN-----"]
)
def test_what_is_no_private_key_is_called_so(text: str) -> None:
    assert "not a private key" in why(text)


def test_a_damaged_key_is_refused() -> None:
    lines = private("rsa", "openssh").splitlines()
    assert "damaged" in why("\n".join([*lines[:5], *lines[7:]]))


@pytest.mark.filterwarnings("ignore:SSH DSA key support")
@pytest.mark.parametrize(
    "key", [dsa.generate_private_key(1024), ed448.Ed448PrivateKey.generate()], ids=["dsa", "ed448"]
)
def test_kinds_of_keys_that_are_not_supported_are_refused(key: t.Any) -> None:
    why(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.mark.parametrize(("key_type", "pem"), [("ed25519", False), ("ecdsa", True)])
def test_keys_of_ssh_keygen_are_loaded(tmp_path: Path, key_type: str, pem: bool) -> None:
    line = make_key(tmp_path / "key", key_type, pem=pem, passphrase=PASSPHRASE)
    key = load_private_key((tmp_path / "key").read_text(), PASSPHRASE)
    assert f"{key.get_name()} {key.get_base64()}" == line


@pytest.mark.parametrize(
    "certificate", ["", "ssh-ed25519 AAAA", "no certificate", "ssh-ed25519-cert-v01@openssh.com AAAA", "x y z"]
)
def test_what_is_no_certificate_of_the_key_is_refused(certificate: str) -> None:
    with pytest.raises(InputError) as caught:
        with_certificate(load_private_key(private("ed25519", "openssh"), None), certificate)
    assert caught.value.code == "invalid_input"
