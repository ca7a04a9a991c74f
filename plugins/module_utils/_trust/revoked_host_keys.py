# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Revoked host keys: a text list of public keys, or a key revocation list. One unreadable part invalidates a list."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from .host_certificate import HostCertificate, read_certificate
from .krl import KRL_MAGIC, RevocationList, read_krl
from .public_key import CERTIFICATE_SUFFIX, PublicKey, is_known_type, read_key_text, read_public_key, type_name
from .ssh_wire import WireError

_BLANKS = b" \t"
# The prefix of a binary list in base64: an option of Ansible cannot hold binary data.
ENCODED_KRL = b"krl-base64 "


@dataclass(frozen=True)
class RevokedHostKeys:
    """One list of revoked keys. ``fault`` says why it cannot be read; then no host may be trusted."""

    origin: str
    listed: RevocationList = field(default_factory=RevocationList)
    fault: str = ""

    @classmethod
    def missing(cls, *, origin: str, fault: str) -> RevokedHostKeys:
        """Return the object for a list that was given and cannot be read; ``fault`` says why."""
        return cls(origin=origin, fault=fault or "it could not be read")

    @classmethod
    def parse(cls, content: bytes | str, *, origin: str) -> RevokedHostKeys:
        """Read a list in either form. Never raises: the first unreadable part becomes the ``fault``."""
        raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        try:
            if raw.startswith(ENCODED_KRL):
                raw = base64.b64decode(raw[len(ENCODED_KRL) :], validate=True)
            listed = read_krl(raw) if raw.startswith(KRL_MAGIC) else RevocationList(keys=_read_lines(raw))
        except ValueError as exc:  # of base64, or a WireError
            return cls.missing(origin=origin, fault=str(exc))
        return cls(origin=origin, listed=listed)

    def why_revoked(self, key: PublicKey, certificate: HostCertificate | None) -> str:
        """Return why the key, its certificate or the certificate's authority is revoked, or an empty text."""
        return self.listed.why_revoked(key, certificate)


def read_key_line(line: bytes) -> PublicKey:
    """Return the key of a line ``type base64 comment``; for a certificate, the key in it. Raises ``WireError``."""
    fields = line.replace(b"\t", b" ").split(b" ", 1)
    encoded = fields[1].strip(b" ").split(b" ", 1)[0] if len(fields) == 2 else b""
    if not encoded:
        raise WireError("there is no key on it")
    key_type = type_name(fields[0])
    if not is_known_type(key_type):
        raise WireError(f"the key type {key_type} is not known")
    blob = read_key_text(key_type, encoded)
    return read_certificate(blob).public_key if key_type.endswith(CERTIFICATE_SUFFIX) else read_public_key(blob)


def _read_lines(content: bytes) -> frozenset[bytes]:
    keys = set()
    for number, raw in enumerate(content.split(b"\n"), start=1):
        line = raw.lstrip(_BLANKS)
        if line and not line.startswith((b"#", b"\0")):
            try:
                keys.add(read_key_line(line.split(b"\0")[0]).blob)
            except WireError as exc:
                raise WireError(f"line {number}: {exc}") from exc
    return frozenset(keys)
