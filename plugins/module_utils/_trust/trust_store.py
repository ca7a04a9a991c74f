# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Decide whether to trust the host key that a server presents. No other file makes this decision."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._errors import Detail, TrustError
from . import host_key_errors
from .host_certificate import HostCertificate, is_certificate, is_forged, read_certificate, why_invalid, why_weak
from .host_patterns import lookup_names, names_without_zone
from .known_hosts import Known, KnownHosts, KnownKey, look_up
from .pins import Pin, read_pins
from .public_key import CERTIFICATE_SUFFIX, HOST_KEY_TYPES, PublicKey, read_public_key
from .revoked_host_keys import RevokedHostKeys
from .ssh_wire import WireError

# An RSA key signs with SHA-512 or SHA-256. The algorithm "ssh-rsa" (SHA-1) is never offered.
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


@dataclass(frozen=True)
class TrustedKey:
    """A trusted host key, and the reason for the trust.

    ``trusted_by`` is ``pin``, ``known_hosts`` or ``certificate``. ``origin`` is the pin, or the ``file:line`` of the
    key or authority. ``key`` is the plain key; ``certificate`` is the certificate that was presented with it, or None.
    """

    trusted_by: str
    origin: str
    key: PublicKey
    certificate: HostCertificate | None = None

    def to_dict(self) -> dict[str, Detail]:
        """Return the fields as plain JSON types, as they appear under ``connections`` in a result."""
        authority = None if self.certificate is None else self.certificate.authority.fingerprint
        return {
            "trusted_by": self.trusted_by,
            "origin": self.origin,
            "type": self.key.key_type,
            "fingerprint": self.key.fingerprint,
            "authority_fingerprint": authority,
        }


@dataclass(frozen=True)
class TrustStore:
    """All declared keys, authorities and revocations of one server.

    ``primary`` is known under the first lookup name. ``fallback`` is known under the name without the port: its
    authorities and revocations always apply, its keys only when ``primary`` has no keys (as in OpenSSH, sshconnect.c).
    """

    name: str
    principal: bytes
    pins: tuple[Pin, ...]
    primary: Known
    fallback: Known
    revoked_host_keys: tuple[RevokedHostKeys, ...]
    looked_in: tuple[str, ...]

    @classmethod
    def build(
        cls,
        *,
        host: str,
        port: int,
        host_key_alias: str,
        host_keys: t.Sequence[str],
        known_hosts: t.Sequence[KnownHosts],
        revoked_host_keys: t.Sequence[RevokedHostKeys],
    ) -> TrustStore:
        """Return the trust store of one server.

        ``host`` is a name or the canonical text of an address. ``host_keys`` are the pins as text. With pins, no other
        declaration can make a key trusted, and every revocation still applies. Raises ``InputError``
        (``invalid_input``) for a pin that cannot be read.
        """
        pins = read_pins(host_keys)
        names = lookup_names(host, port, host_key_alias)
        fallback = look_up(known_hosts, names[1]) if len(names) > 1 else Known()
        for name in () if host_key_alias else names_without_zone(host, port):
            found = look_up(known_hosts, name)
            fallback = replace(
                fallback, revoked=fallback.revoked + found.revoked, faults=fallback.faults + found.faults
            )
        return cls(
            name=names[0].decode("utf-8", "replace"),
            principal=names[-1],
            pins=pins,
            primary=look_up(known_hosts, names[0]),
            fallback=fallback,
            revoked_host_keys=tuple(revoked_host_keys),
            looked_in=tuple(text.origin for text in known_hosts) if not pins else ("host_keys",),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """The lines about this host that were skipped, with the reason, for debug output."""
        return tuple(dict.fromkeys(self.primary.notes + self.fallback.notes))

    def preferred_key_types(self) -> tuple[str, ...]:
        """Return the host key algorithms to offer, the best first: only those that a declared key can verify.

        A server with several keys then presents one that is known. A type of which all known keys are revoked is left
        out. When nothing is known the result is empty; the caller then raises ``nothing_known`` before the key
        exchange.
        """
        if self.pins:
            return _algorithms(self._pinned_types())
        plain = _algorithms([known.key.key_type for known in self._not_revoked(self._plain_keys())])
        certified = tuple(name + CERTIFICATE_SUFFIX for name in _algorithms(HOST_KEY_TYPES))
        if self._not_revoked(self.primary.authorities):
            return certified + plain
        # As in ssh, an authority for the host without port comes after the keys for host and port. A revoked authority
        # does so as well, so that the error can say that it is revoked.
        return plain + certified if self._authorities() else plain

    def nothing_known(self) -> TrustError:
        """Return the error for a server of which no key and no authority is known, before it presents a key."""
        return host_key_errors.unknown(self.name, looked_in=self.looked_in, offered=None)

    def verify(self, presented: bytes, *, now: int) -> TrustedKey:
        """Return the presented host key with the reason to trust it.

        ``presented`` is the blob from the key exchange. ``now`` is in seconds since 1970. Raises ``TrustError`` with
        the code ``host_key_unknown``, ``host_key_mismatch``, ``host_key_revoked``, ``host_certificate_invalid``, or
        ``algorithm_mismatch`` for an RSA key that is too short.
        """
        key, certificate = self._read(presented)
        self._refuse_revoked(key, certificate)
        if key.is_too_weak:
            raise host_key_errors.too_weak(self.name, key)
        if certificate is not None and is_forged(certificate):
            self._refuse_invalid(key, "the signature of its authority is wrong")
        return self._trusted(key, certificate, now=now)

    def _read(self, presented: bytes) -> tuple[PublicKey, HostCertificate | None]:
        certified = False
        try:
            certified = is_certificate(presented)
            certificate = read_certificate(presented) if certified else None
            key = certificate.public_key if certificate else read_public_key(presented)
            if key.key_type not in HOST_KEY_TYPES:
                raise WireError(f"keys of the type {key.key_type} are not accepted")
        except WireError as exc:
            raise host_key_errors.unreadable(self.name, presented, is_certificate=certified, reason=str(exc)) from exc
        return key, certificate

    def _refuse_revoked(self, key: PublicKey, certificate: HostCertificate | None) -> None:
        faults = (*self.primary.faults, *self.fallback.faults)
        if faults:
            raise host_key_errors.revocations_unclear(self.name, key, reason=faults[0])
        for source in self.revoked_host_keys:
            if source.fault:
                raise host_key_errors.revocations_unclear(self.name, key, reason=f"{source.origin}: {source.fault}")
        place, reason = self._why_revoked(key, certificate)
        if reason:
            raise host_key_errors.revoked(self.name, key, place=place, reason=reason)

    def _why_revoked(self, key: PublicKey, certificate: HostCertificate | None) -> tuple[str, str]:
        for known in (*self.primary.revoked, *self.fallback.revoked):
            if known.key == key:
                return known.place, "its key is revoked"
            if certificate is not None and known.key == certificate.authority:
                return known.place, "the authority of its certificate is revoked"
        for source in self.revoked_host_keys:
            reason = source.why_revoked(key, certificate)
            if reason:
                return source.origin, reason
        return "", ""

    def _refuse_invalid(self, key: PublicKey, reason: str) -> None:
        if reason:
            raise host_key_errors.certificate_invalid(self.name, key, reason=reason)

    def _trusted(self, key: PublicKey, certificate: HostCertificate | None, *, now: int) -> TrustedKey:
        if self.pins:
            return self._pinned(key)
        authority = None if certificate is None else self._authority_of(certificate)
        if certificate is not None and authority is not None:
            reason = why_weak(certificate) or why_invalid(certificate, name=self.principal, now=now)
            self._refuse_invalid(key, reason)
            return TrustedKey("certificate", authority.place, key, certificate)
        return self._known(key, certificate)

    def _pinned(self, key: PublicKey) -> TrustedKey:
        for pin in self.pins:
            if pin.matches(key):
                return TrustedKey("pin", pin.place, key)
        expected = [
            host_key_errors.Expected(pin.key.key_type if pin.key else "", pin.fingerprint, pin.place)
            for pin in self.pins
        ]
        raise host_key_errors.mismatch(self.name, key, expected=expected)

    def _known(self, key: PublicKey, certificate: HostCertificate | None) -> TrustedKey:
        plain_keys = self._plain_keys()
        for known in plain_keys:
            if known.key == key:
                return TrustedKey("known_hosts", known.place, key)
        if self.primary.keys:
            raise host_key_errors.mismatch(self.name, key, expected=[_expected(known) for known in plain_keys])
        raise host_key_errors.unknown(
            self.name,
            looked_in=self.looked_in,
            offered=key,
            authority=certificate.authority if certificate else None,
            portless=[_expected(known) for known in self.fallback.keys],
        )

    def _authority_of(self, certificate: HostCertificate) -> KnownKey | None:
        return next((known for known in self._authorities() if known.key == certificate.authority), None)

    def _authorities(self) -> tuple[KnownKey, ...]:
        return self.primary.authorities + self.fallback.authorities

    def _plain_keys(self) -> tuple[KnownKey, ...]:
        return self.primary.keys or self.fallback.keys

    def _not_revoked(self, listed: tuple[KnownKey, ...]) -> list[KnownKey]:
        return [known for known in listed if not self._why_revoked(known.key, None)[1]]

    def _pinned_types(self) -> list[str]:
        if any(pin.key is None for pin in self.pins):
            return list(HOST_KEY_TYPES)
        pinned = [pin.key for pin in self.pins if pin.key is not None]
        return [key.key_type for key in pinned if not self._why_revoked(key, None)[1]]


def _expected(known: KnownKey) -> host_key_errors.Expected:
    return host_key_errors.Expected(known.key.key_type, known.key.fingerprint, known.place)


def _algorithms(key_types: t.Iterable[str]) -> tuple[str, ...]:
    wanted = set(key_types)
    ordered = (key_type for key_type in HOST_KEY_TYPES if key_type in wanted)
    return tuple(name for key_type in ordered for name in _ALGORITHMS.get(key_type, (key_type,)))
