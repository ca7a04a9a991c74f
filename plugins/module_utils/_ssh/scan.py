# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Which host keys a server has: asked for one by one, without logging in and without trusting any of them."""

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
    """A host key that a server showed, and what the endpoint's own trust says about it."""

    key: PublicKey
    verdict: TrustedKey | None
    refusal: TrustError | None


def scan_host_keys(endpoint: Endpoint) -> list[ScannedKey]:
    """Return the server's host keys, one for each type it has, in our order of preference.

    Every type costs one connection that ends inside the key exchange: the server gets no user name and no credential.
    The jumps on the way are logged in to. Where the endpoint trusts an authority, certificates are asked for, too, and
    a key that only its certificate vouches for is trusted by that.
    """
    require_paramiko()
    trust = load_trust(endpoint)
    found: dict[bytes, ScannedKey] = {}
    with contextlib.ExitStack() as closing:
        through = reach(endpoint, closing)
        for key_type in algorithms.HOST_KEYS:
            blob = _shown_key(endpoint, through, key_type)
            if blob is not None and blob not in found:
                found[blob] = _judged(blob, trust)
        for key_type in (name for name in trust.known_algorithms() if name.endswith(CERTIFICATE_SUFFIX)):
            blob = _shown_key(endpoint, through, key_type)
            if blob is not None and is_certificate(blob):
                scanned = _judged(blob, trust)
                before = found.get(scanned.key.blob)
                if before is None or before.verdict is None:
                    found[scanned.key.blob] = scanned
    return list(found.values())


def _shown_key(endpoint: Endpoint, through: Connection | None, key_type: str) -> bytes | None:
    shown: list[bytes] = []

    def remember(blob: bytes) -> None:
        shown.append(blob)
        raise LinkError("link_lost", "the host key is known, and nothing more was wanted")

    only = replace(endpoint, algorithms=key_type)
    deadline = time.monotonic() + endpoint.timeouts.connect_seconds
    try:
        transport = open_transport(only, through=through, judge=remember, known_algorithms=(), deadline=deadline)
        close_transport(transport)
    except (LinkError, TrustError) as exc:
        if not shown and exc.code != "algorithm_mismatch":
            raise exc.with_location(role=endpoint.role, host=endpoint.label) from None
    return shown[0] if shown else None


def _judged(blob: bytes, trust: HostTrust) -> ScannedKey:
    key = read_certificate(blob).public_key if is_certificate(blob) else read_public_key(blob)
    try:
        trust.judge(blob)
    except TrustError as exc:
        return ScannedKey(key, None, exc)
    return ScannedKey(key, trust.verdict, None)
