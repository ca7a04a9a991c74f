# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Read and check OpenSSH host certificates, version 1 (OpenSSH's PROTOCOL.certkeys)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from .host_patterns import matches_pattern
from .public_key import (
    CERTIFICATE_SUFFIX,
    SIGNATURE_ALGORITHMS,
    PublicKey,
    plain_type,
    read_key_fields,
    read_public_key,
    type_name,
)
from .ssh_wire import WireError, WireReader

_ROLES = {1: "user", 2: "host"}
_MOST_PRINCIPALS = 256
_ALWAYS = 2**64 - 1


@dataclass(frozen=True)
class HostCertificate:
    """The fields of a certificate. They prove nothing until ``is_forged``, ``why_weak`` and ``why_invalid`` all pass.

    Times are seconds since 1970. ``valid_before`` is the first second at which the certificate is no longer valid.
    """

    public_key: PublicKey
    serial: int
    role: str
    key_id: bytes
    principals: tuple[bytes, ...]
    valid_after: int
    valid_before: int
    critical_options: tuple[bytes, ...]
    authority: PublicKey
    signature_algorithm: str
    signature: bytes
    signed: bytes


def is_certificate(blob: bytes) -> bool:
    """Return whether the type in the blob is that of a certificate. Raises ``WireError`` when there is no type."""
    return type_name(WireReader(blob).string()).endswith(CERTIFICATE_SUFFIX)


def read_certificate(blob: bytes) -> HostCertificate:
    """Return the certificate that fills the blob. Raises ``WireError``.

    The library cryptography reads the keys and verifies the signature. Its SSHCertificate is not used: it hides the
    signature algorithm (SHA-1 is refused here), drops the application of a key on a token, and refuses certificates
    that ssh accepts.
    """
    reader = WireReader(blob)
    kind = type_name(reader.string())
    reader.string()  # the nonce
    public_key = read_key_fields(reader, plain_type(kind))
    serial, role, key_id, principals = reader.uint64(), reader.uint32(), reader.text(), reader.string()
    valid_after, valid_before = reader.uint64(), reader.uint64()
    critical, extensions, _reserved, authority = (reader.string() for _field in range(4))
    signed = blob[: reader.position]
    signature = reader.string()
    reader.end()
    _read_options(extensions)
    return HostCertificate(
        public_key=public_key,
        serial=serial,
        role=_role(role),
        key_id=key_id,
        principals=_read_principals(principals),
        valid_after=valid_after,
        valid_before=valid_before,
        critical_options=_read_options(critical),
        authority=_read_authority(authority),
        signature_algorithm=type_name(WireReader(signature).string()),
        signature=signature,
        signed=signed,
    )


def why_weak(certificate: HostCertificate) -> str:
    """Return why even a valid signature of the authority would prove nothing; an empty text if it proves something."""
    algorithm = certificate.signature_algorithm
    if algorithm not in SIGNATURE_ALGORITHMS.get(certificate.authority.key_type, ()):
        return f"its authority signed it with {algorithm}, which is not accepted"
    if certificate.authority.is_too_weak:
        return f"its authority's RSA key has only {certificate.authority.rsa_bits} bits"
    return ""


def is_forged(certificate: HostCertificate) -> bool:
    """Return whether the signature algorithm is accepted and the signature is wrong."""
    accepted = SIGNATURE_ALGORITHMS.get(certificate.authority.key_type, ())
    if certificate.signature_algorithm not in accepted:
        return False
    return not certificate.authority.has_signed(certificate.signed, certificate.signature)


def why_invalid(certificate: HostCertificate, *, name: bytes, now: int) -> str:
    """Return why a signed certificate is not valid for ``name`` at ``now``; an empty text if it is.

    ``name`` is the host without its port, or the alias. ``now`` is in seconds since 1970. A certificate without
    principals is valid for no host, and a principal may hold wildcards (as in OpenSSH 10.3 and newer).
    """
    if certificate.role != "host":
        return f"it is a {certificate.role} certificate, not one for hosts"
    return _why_outside_dates(certificate, now) or _why_not_for(certificate, name) or _why_restricted(certificate)


def _role(number: int) -> str:
    if number not in _ROLES:
        raise WireError("it is neither for users nor for hosts")
    return _ROLES[number]


def _read_authority(blob: bytes) -> PublicKey:
    if is_certificate(blob):
        raise WireError("its authority is itself a certificate")
    return read_public_key(blob)


def _read_principals(packed: bytes) -> tuple[bytes, ...]:
    reader, principals = WireReader(packed), []
    while not reader.is_empty:
        principals.append(reader.text())
    if len(principals) > _MOST_PRINCIPALS:
        raise WireError(f"it names more than {_MOST_PRINCIPALS} principals")
    return tuple(principals)


def _read_options(packed: bytes) -> tuple[bytes, ...]:
    reader, names = WireReader(packed), []
    while not reader.is_empty:
        names.append(reader.string())
        reader.string()
    return tuple(names)


def _why_outside_dates(certificate: HostCertificate, now: int) -> str:
    if now < certificate.valid_after:
        return f"it is valid from {_date(certificate.valid_after)}, and the clock here says {_date(now)}"
    if now >= certificate.valid_before:
        return f"it expired on {_date(certificate.valid_before)}, and the clock here says {_date(now)}"
    return ""


def _why_not_for(certificate: HostCertificate, name: bytes) -> str:
    if not certificate.principals:
        return "it names no host at all"
    if any(matches_pattern(name, principal) for principal in certificate.principals):
        return ""
    listed = ", ".join(ascii(principal)[2:-1] for principal in certificate.principals[:8])
    return f"it is for {listed}, not for {ascii(name)[2:-1]}"


def _why_restricted(certificate: HostCertificate) -> str:
    if not certificate.critical_options:
        return ""
    names = ", ".join(ascii(option)[2:-1] for option in certificate.critical_options[:8])
    return f"it has the critical option {names}, which no host certificate may have"


def _date(seconds: int) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return "the end of time" if seconds == _ALWAYS else f"second {seconds}"
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
