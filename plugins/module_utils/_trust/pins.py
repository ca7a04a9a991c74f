# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Pins: host keys that the playbook states itself, as public keys or as fingerprints."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import Detail, InputError
from .public_key import CERTIFICATE_SUFFIX, HOST_KEY_TYPES, PublicKey, plain_type, read_key_text, read_public_key
from .ssh_wire import WireError, decode_base64

_FINGERPRINT_PREFIX = "SHA256:"
_FINGERPRINT_CHARACTERS = 43  # 32 bytes in base64 without the padding
_ADVICE = (
    "Give the line that ssh-keyscan prints for the server or the text of its ssh_host_*_key.pub, for example "
    '"ssh-ed25519 AAAA...", or the fingerprint that ssh-keygen -l shows, "SHA256:...".'
)


@dataclass(frozen=True)
class Pin:
    """One pin. ``key`` is None for a fingerprint. ``place`` is its position in the option, as ``host_keys[0]``."""

    fingerprint: str
    key: PublicKey | None
    place: str

    def matches(self, key: PublicKey) -> bool:
        """Return whether ``key`` is the pinned key."""
        return self.fingerprint == key.fingerprint


def read_pins(texts: t.Sequence[str]) -> tuple[Pin, ...]:
    """Return the pins in order. Raises ``InputError`` (``invalid_input``), which names the wrong pin and the reason."""
    pins = []
    for index, text in enumerate(texts):
        place = f"host_keys[{index}]"
        try:
            pins.append(_read_pin(text.strip(), place))
        except WireError as exc:
            # The text is not part of the message: it may be a private key that was given here by mistake.
            details: dict[str, Detail] = {"option": "host_keys", "index": index}
            raise InputError(
                "invalid_input", f"{place} is no host key: {exc}", remedy=_ADVICE, details=details
            ) from exc
    return tuple(pins)


def _read_pin(text: str, place: str) -> Pin:
    if text.startswith(_FINGERPRINT_PREFIX):
        return Pin(_read_fingerprint(text), None, place)
    key = _read_key(text.split())
    return Pin(key.fingerprint, key, place)


def _read_fingerprint(text: str) -> str:
    encoded = text[len(_FINGERPRINT_PREFIX) :].rstrip("=")
    if len(encoded) != _FINGERPRINT_CHARACTERS:
        raise WireError(f"a SHA256 fingerprint has {_FINGERPRINT_CHARACTERS} characters after SHA256:")
    decode_base64(f"{encoded}=".encode())
    return _FINGERPRINT_PREFIX + encoded


def _read_key(fields: list[str]) -> PublicKey:
    _refuse_other_forms(fields)
    # A known_hosts line starts with host names. They are ignored: the endpoint says which host a pin belongs to.
    for key_type, encoded in list(zip(fields, fields[1:]))[:2]:
        if plain_type(key_type) in HOST_KEY_TYPES:
            return read_public_key(read_key_text(key_type, encoded.encode("utf-8")))
    raise WireError("it names no type of host key that is accepted")


def _refuse_other_forms(fields: list[str]) -> None:
    if not fields:
        raise WireError("it is empty")
    if fields[0].startswith("@"):
        raise WireError("lines with a marker belong into known_hosts")
    if any(field.endswith(CERTIFICATE_SUFFIX) for field in fields[:2]):
        raise WireError("a certificate is no key; put its authority into known_hosts with @cert-authority")
