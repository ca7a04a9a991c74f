# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection of a client to a server: the decision of ssh, and that of the trust store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.algorithms import HOST_KEYS
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.trust import numeric_host
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.known_hosts import KnownHosts
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.revoked_host_keys import RevokedHostKeys
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.trust_store import TrustedKey, TrustStore

from . import oracle
from .generator import Target
from .material import Certificate, Key


@dataclass(frozen=True)
class Case:
    """A server with its keys, and the known hosts of a client.

    ``algorithms`` selects the key that the server presents; empty means the choice of ssh.
    """

    target: Target
    known_hosts: list[Path]
    revoked: Path | None
    keys: list[Key]
    certificates: list[Certificate]
    algorithms: str

    def store(self) -> TrustStore:
        """Return the trust store for the server."""
        files = [KnownHosts.parse(path.read_bytes(), origin=str(path)) for path in self.known_hosts]
        return TrustStore.build(
            host=numeric_host(self.target.host),
            port=self.target.port,
            host_key_alias=self.target.alias,
            host_keys=[],
            known_hosts=files,
            revoked_host_keys=[] if self.revoked is None else [_revoked(self.revoked)],
        )

    def presented(self, store: TrustStore) -> bytes | None:
        """Return the blob that the server presents to the collection, or None when it has no key that is offered."""
        shown = {algorithm(key.blob): key.blob for key in self.keys}
        shown.update({algorithm(certificate.blob): certificate.blob for certificate in self.certificates})
        offered = (self.algorithms,) if self.algorithms else offer(store)
        return next((shown[name] for name in offered if name in shown), None)


@dataclass(frozen=True)
class Difference:
    """A case with different decisions of ssh and of the trust store, with the data that may explain it."""

    case: Case
    store: TrustStore
    transcript: str
    decision: TrustedKey | TrustError

    @property
    def code(self) -> str:
        """The error code of the trust store, or an empty text when it accepts the key."""
        return self.decision.code if isinstance(self.decision, TrustError) else ""

    @property
    def place(self) -> str:
        """The line of known_hosts because of which the key was refused, as in the file."""
        origin = str(self.decision.details.get("origin", "")) if isinstance(self.decision, TrustError) else ""
        path, _colon, rest = origin.partition(":")
        number = rest.partition(":")[0]
        if not number.isdigit():
            return ""
        return Path(path).read_text("latin-1").split("\n")[int(number) - 1].lstrip(" \t")

    @property
    def certificate(self) -> Certificate | None:
        """The certificate that the server has."""
        return next(iter(self.case.certificates), None)

    def is_under_name_without_port(self) -> bool:
        """Return whether the entries under the host without port decide, although there is a port."""
        return self.store.fallback != self.store.primary and self.case.target.port != 22 and not self.case.target.alias


def offer(store: TrustStore) -> tuple[str, ...]:
    """Return the host key algorithms that the collection offers: known types first, as in ``algorithms.offered``."""
    return tuple(dict.fromkeys((*store.preferred_key_types(), *HOST_KEYS)))


def run_ssh(case: Case) -> oracle.Handshake:
    """Return the decision of ssh."""
    return oracle.handshake(
        host=case.target.host,
        port=case.target.port,
        alias=case.target.alias,
        known_hosts=case.known_hosts,
        revoked=case.revoked,
        host_keys=[key.path for key in case.keys],
        certificates=[certificate.path for certificate in case.certificates],
        algorithms=case.algorithms,
    )


def decide(case: Case, store: TrustStore) -> TrustedKey | TrustError:
    """Return the decision of the trust store."""
    presented = case.presented(store)
    try:
        if presented is None:
            raise store.nothing_known()
        return store.verify(presented, now=int(time.time()))
    except TrustError as exc:
        return exc


def _revoked(path: Path) -> RevokedHostKeys:
    if not path.exists():
        return RevokedHostKeys.missing(origin=str(path), fault="there is no such file")
    return RevokedHostKeys.parse(path.read_bytes(), origin=str(path))


def algorithm(blob: bytes) -> str:
    name = blob[4 : 4 + blob[3]].decode("ascii")
    return name.replace("ssh-rsa", "rsa-sha2-512")


def described(seed: int, difference: Difference) -> str:
    case = difference.case
    known = "\n".join(f"{path}:\n{path.read_bytes()!r}" for path in case.known_hosts)
    options = [certificate.options for certificate in case.certificates]
    return (
        f"seed {seed}: unexplained: {case.target} {case.algorithms} keys {[key.line for key in case.keys]} "
        f"certificates {options} revoked {case.revoked}\n"
        f"trust store: {difference.decision}\n{known}\nssh:\n{difference.transcript}"
    )
