# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the fields of certificates with those that the package ``cryptography`` reads."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.host_certificate import is_forged, read_certificate
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.ssh_wire import WireError

from .material import Certificate, Workshop

KINDS = ("ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048")


def _issued(workshop: Workshop, kind: str, authority: str) -> Certificate:
    arguments = ("-h", "-I", "me", "-z", "7", "-n", "a,b.example", "-V", "20200101:20300101", "-O", "extension:x@y=z")
    return workshop.certificate(workshop.key(kind, "a"), workshop.key(authority, "authority-a"), *arguments)


@pytest.mark.skipif(not hasattr(serialization, "SSHCertificate"), reason="cryptography reads them from version 40 on")
@pytest.mark.parametrize("authority", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_equal_those_of_the_library(kind: str, authority: str, workshop: Workshop) -> None:
    certificate = _issued(workshop, kind, authority)
    expected = serialization.load_ssh_public_identity(certificate.line.encode("ascii"))
    assert isinstance(expected, serialization.SSHCertificate)
    expected.verify_cert_signature()
    read = read_certificate(certificate.blob)
    assert not is_forged(read)
    assert (read.serial, read.key_id, list(read.principals)) == (
        expected.serial,
        expected.key_id,
        expected.valid_principals,
    )
    assert (read.valid_after, read.valid_before) == (expected.valid_after, expected.valid_before)
    assert (read.role, list(read.critical_options)) == (expected.type.name.lower(), list(expected.critical_options))
    for our_key, their_key in ((read.public_key, expected.public_key()), (read.authority, expected.signature_key())):
        line = their_key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        assert our_key.line == line.decode("ascii")


@pytest.mark.parametrize("authority", KINDS)
def test_a_changed_byte_makes_the_signature_wrong(authority: str, workshop: Workshop, seed: int) -> None:
    rng = random.Random(f"bytes {seed}")
    blob = _issued(workshop, "ed25519", authority).blob
    algorithm = read_certificate(blob).signature_algorithm
    for _number in range(200):
        changed = bytearray(blob)
        changed[rng.randrange(len(blob))] ^= rng.randrange(1, 256)
        try:
            read = read_certificate(bytes(changed))
        except WireError:
            continue
        # A signature of another algorithm is refused as weak (why_weak) when its authority is trusted.
        assert read.signature_algorithm != algorithm or is_forged(read), (seed, bytes(changed).hex())
