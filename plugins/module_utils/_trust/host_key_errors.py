# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Errors that refuse a host key: the offered key, the expected keys, and how to resolve the difference."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass

from .._errors import Detail, TrustError, printable
from .public_key import PublicKey, fingerprint

_CHECK_FIRST = (
    "Compare the fingerprint with the one that the server's administrator reads out from the server itself "
    "(ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub), never with one that came over this connection."
)


@dataclass(frozen=True)
class Expected:
    """A key that would have been accepted. ``key_type`` is empty for a pinned fingerprint."""

    key_type: str
    fingerprint: str
    place: str

    def __str__(self) -> str:
        return f"{self.key_type} {self.fingerprint} ({self.place})".lstrip()

    def to_dict(self) -> dict[str, Detail]:
        """Return the key as plain JSON types."""
        return {"type": self.key_type or None, "fingerprint": self.fingerprint, "origin": self.place}


def unknown(
    name: str,
    *,
    looked_in: t.Sequence[str],
    offered: PublicKey | None,
    authority: PublicKey | None = None,
    portless: t.Sequence[Expected] = (),
) -> TrustError:
    """Return the error for a server of which no key is known; ``portless`` are the keys of its name without port."""
    places = ", ".join(looked_in) or "no known_hosts text or file was given"
    what = f" It offers {_type_and_fingerprint(offered)}." if offered else ""
    signed = f" Its certificate's authority {authority.fingerprint} is not trusted for it." if authority else ""
    details = _details(offered, looked_in=list(looked_in), authority=authority.fingerprint if authority else None)
    hint = _portless_hint(name, portless)
    return TrustError(
        "host_key_unknown",
        f"the host key of {name} is not known.{what}{signed} Looked in: {places}",
        remedy=hint + (_how_to_pin(offered) if offered else _how_to_find(name)),
        details=details,
    )


def mismatch(name: str, offered: PublicKey, *, expected: t.Sequence[Expected]) -> TrustError:
    """Return the error for an offered key that differs from all keys that are known for the server."""
    listed = "; ".join(str(key) for key in expected[:8]) + ("; ..." if len(expected) > 8 else "")
    remedy = (
        "Either someone answers in the server's place, or its key was changed: stop until you know which.\n"
        f"If its administrator confirms the new key, remove the old one. {_how_to_pin(offered)}"
    )
    return TrustError(
        "host_key_mismatch",
        f"the host key of {name} is not the expected one: "
        f"it offers {_type_and_fingerprint(offered)}, expected was {listed}",
        remedy=remedy,
        details=_details(offered, expected=[key.to_dict() for key in expected]),
    )


def revoked(name: str, offered: PublicKey, *, place: str, reason: str) -> TrustError:
    """Return the error for a revoked key, certificate or authority."""
    return TrustError(
        "host_key_revoked",
        f"the host key of {name} must not be trusted: {reason} ({place}). It offers {_type_and_fingerprint(offered)}",
        remedy="A revoked key may be in the hands of someone else. Give the server a new host key or certificate.",
        details=_details(offered, origin=place),
    )


def revocations_unclear(name: str, offered: PublicKey, *, reason: str) -> TrustError:
    """Return the error for a revocation that cannot be read: any key could be revoked, so none is trusted."""
    return TrustError(
        "host_key_revoked",
        f"no host key of {name} can be trusted, because what revokes keys cannot be read: {reason}",
        remedy="Mend or remove that line, or name a list of revoked keys that exists and can be read.",
        details=_details(offered, origin=reason),
    )


def certificate_invalid(name: str, offered: PublicKey, *, reason: str) -> TrustError:
    """Return the error for a certificate that is not valid for this server."""
    return TrustError(
        "host_certificate_invalid",
        f"the host certificate of {name} is not valid: {reason}. It is for the key {_type_and_fingerprint(offered)}",
        remedy="Have the certificate authority sign the server's key again (ssh-keygen -s CA -h -n NAME -V ...).",
        details=_details(offered, reason=reason),
    )


def too_weak(name: str, offered: PublicKey) -> TrustError:
    """Return the error for an RSA key that is too short."""
    return TrustError(
        "algorithm_mismatch",
        f"the RSA host key of {name} has only {offered.rsa_bits} bits; at least 2048 are required",
        remedy="Give the server an Ed25519 host key (ssh-keygen -A makes one).",
        details=_details(offered, bits=offered.rsa_bits),
    )


def unreadable(name: str, presented: bytes, *, is_certificate: bool, reason: str) -> TrustError:
    """Return the error for a key or certificate that cannot be parsed."""
    code, what = ("host_certificate_invalid", "certificate") if is_certificate else ("host_key_unknown", "key")
    return TrustError(
        code,
        f"the host {what} that {name} offers cannot be read: {printable(reason.encode('utf-8'))}",
        remedy="This is not how a working SSH server behaves; look at what answers on that address and port.",
        details={"offered": {"fingerprint": fingerprint(presented), "type": None, "key": None}, "reason": reason},
    )


def _type_and_fingerprint(offered: PublicKey) -> str:
    return f"{offered.key_type} {offered.fingerprint}"


def _details(offered: PublicKey | None, **others: Detail) -> dict[str, Detail]:
    described: Detail = None
    if offered is not None:
        encoded = base64.b64encode(offered.blob).decode("ascii")
        described = {"type": offered.key_type, "fingerprint": offered.fingerprint, "key": encoded}
    return {"offered": described, **others}


def _how_to_pin(offered: PublicKey) -> str:
    return f'{_CHECK_FIRST}\nThen pin it:\nhost_keys:\n  - "{offered.line}"'


def _how_to_find(name: str) -> str:
    return (
        f"Take the server's public host key for {name} from its administrator, or from ssh-keyscan. {_CHECK_FIRST}\n"
        'Then pin it:\nhost_keys:\n  - "ssh-ed25519 AAAA..."'
    )


def _portless_hint(name: str, portless: t.Sequence[Expected]) -> str:
    if not portless:
        return ""
    return (
        f"Other keys are known for this host without its port, and would count for {name} as well: "
        f"{portless[0]}. Another server may listen there.\n"
    )
