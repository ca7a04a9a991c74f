# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Fetch a server's host keys, one connection for each type, without logging in and without trusting them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace

from .._errors import LinkError, TrustError
from .._model import Endpoint
from .._trust.host_certificate import is_certificate, read_certificate
from .._trust.public_key import CERTIFICATE_SUFFIX, PublicKey, read_public_key
from .._trust.trust_store import TrustedKey
from . import algorithms
from .connect import Connection, close_transport, open_transport, reach
from .dependency import require_paramiko
from .trust import HostTrust, load_trust


@dataclass(frozen=True)
class ScannedKey:
    """A host key that a server presented, and the result of checking it against the endpoint's trust.

    Exactly one of ``verdict`` and ``refusal`` is set.
    """

    key: PublicKey
    verdict: TrustedKey | None
    refusal: TrustError | None


def scan_host_keys(endpoint: Endpoint) -> list[ScannedKey]:
    """Return the server's host keys, one for each type that it has, in our order of preference.

    Each type takes one connection that ends inside the key exchange: the server receives no user name and no
    credential. The jumps on the way are logged in to. If the endpoint trusts an authority, certificates are requested,
    too, and a key may be trusted by its certificate alone.
    """
    require_paramiko()
    trust = load_trust(endpoint)
    found: dict[bytes, ScannedKey] = {}
    with contextlib.ExitStack() as closing:
        through = reach(endpoint, closing)
        for key_type in algorithms.HOST_KEYS:
            blob = _shown_key(endpoint, through, key_type)
            if blob is not None and blob not in found:
                found[blob] = _checked(blob, trust)
        for key_type in (name for name in trust.known_algorithms() if name.endswith(CERTIFICATE_SUFFIX)):
            blob = _shown_key(endpoint, through, key_type)
            if blob is not None and is_certificate(blob):
                scanned = _checked(blob, trust)
                before = found.get(scanned.key.blob)
                if before is None or before.verdict is None:
                    found[scanned.key.blob] = scanned
    return list(found.values())


def _shown_key(endpoint: Endpoint, through: Connection | None, key_type: str) -> bytes | None:
    shown: list[bytes] = []

    def record(blob: bytes) -> None:
        shown.append(blob)
        raise LinkError("link_lost", "the host key is known, and nothing more was wanted")

    only = replace(endpoint, algorithms=key_type)
    deadline = time.monotonic() + endpoint.timeouts.connect_seconds
    try:
        transport = open_transport(only, through=through, check_host_key=record, known_algorithms=(), deadline=deadline)
        close_transport(transport)
    except (LinkError, TrustError) as exc:
        if not shown and exc.code != "algorithm_mismatch":
            raise exc.with_location(role=endpoint.role, host=endpoint.label) from None
    return shown[0] if shown else None


def _checked(blob: bytes, trust: HostTrust) -> ScannedKey:
    key = read_certificate(blob).public_key if is_certificate(blob) else read_public_key(blob)
    try:
        trust.judge(blob)
    except TrustError as exc:
        return ScannedKey(key, None, exc)
    return ScannedKey(key, trust.verdict, None)
