# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate says: ours beside the reader of the ``cryptography`` package."""

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
def test_we_read_what_the_library_reads(kind: str, authority: str, workshop: Workshop) -> None:
    certificate = _issued(workshop, kind, authority)
    theirs = serialization.load_ssh_public_identity(certificate.line.encode("ascii"))
    assert isinstance(theirs, serialization.SSHCertificate)
    theirs.verify_cert_signature()
    ours = read_certificate(certificate.blob)
    assert not is_forged(ours)
    assert (ours.serial, ours.key_id, list(ours.principals)) == (theirs.serial, theirs.key_id, theirs.valid_principals)
    assert (ours.valid_after, ours.valid_before) == (theirs.valid_after, theirs.valid_before)
    assert (ours.role, list(ours.critical_options)) == (theirs.type.name.lower(), list(theirs.critical_options))
    for our_key, their_key in ((ours.public_key, theirs.public_key()), (ours.authority, theirs.signature_key())):
        line = their_key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        assert our_key.line == line.decode("ascii")


@pytest.mark.parametrize("authority", KINDS)
def test_a_changed_byte_is_never_signed(authority: str, workshop: Workshop, seed: int) -> None:
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
        # One of another algorithm is refused as weak (why_weak), if anybody asks its authority.
        assert read.signature_algorithm != algorithm or is_forged(read), (seed, bytes(changed).hex())
