# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The trust of an endpoint: read its files, apply the rules, and keep the verdict."""

from __future__ import annotations

import os
import pwd
import socket
import stat
import time
import typing as t
from dataclasses import replace

from .._errors import InputError
from .._model import Endpoint
from .._trust.known_hosts import KnownHosts
from .._trust.revoked_host_keys import RevokedHostKeys
from .._trust.trust_store import TrustedKey, TrustStore
from . import audit
from .files import read_file

# The files that ssh reads, in its order (ssh_config(5), UserKnownHostsFile and GlobalKnownHostsFile).
USER_FILES = (".ssh/known_hosts", ".ssh/known_hosts2")
SYSTEM_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
MAX_FILE_BYTES = 64 * 1024 * 1024


class HostTrust:
    """The trust in one host during one connection: checks every key that the server presents.

    ``load`` reads the declared trust. The first load decides what vouches for the host. Revocations are read again
    each time the server presents its key again, so that a revocation also ends long connections.
    """

    def __init__(self, load: t.Callable[[], TrustStore]) -> None:
        self._load = load
        self._store = load()
        self.verdict: TrustedKey | None = None
        self.shown_types: list[str] = []

    @property
    def may_know_another(self) -> bool:
        """Whether a key of another type may match: a pinned fingerprint does not state its key's type."""
        return any(pin.key is None for pin in self._store.pins)

    def judge(self, presented: bytes) -> None:
        """Accept the presented host key or raise TrustError; runs inside the key exchange."""
        store = _with_revocations_of(self._load(), self._store) if self.verdict else self._store
        self.shown_types.append(_type_of(presented))
        now = int(time.time())  # certificates have dates
        self.verdict = store.verify(presented, now=now)

    def known_algorithms(self) -> tuple[str, ...]:
        """Return the host key algorithms with a declared key or authority, the preferred one first."""
        return self._store.preferred_key_types()


def _type_of(presented: bytes) -> str:
    """Return the type that a key or certificate states (RFC 4253 section 6.6)."""
    return presented[4 : 4 + int.from_bytes(presented[:4], "big")].decode("ascii", "replace")


def load_trust(endpoint: Endpoint) -> HostTrust:
    """Read the trust that the endpoint declares; ``invalid_input`` or ``unsafe_path`` for an unusable file."""
    return HostTrust(lambda: _load_store(endpoint))


def _load_store(endpoint: Endpoint) -> TrustStore:
    trust = endpoint.trust
    texts = [KnownHosts.parse(trust.known_hosts, origin="known_hosts")] if trust.known_hosts else []
    # Read even with pins: only pins vouch for the host then, but these files may revoke its key.
    files = default_files() if trust.known_hosts_files is None else trust.known_hosts_files
    texts += [KnownHosts.parse(read_declared(path), origin=path) for path in files]
    store = TrustStore.build(
        host=numeric_host(endpoint.host),
        port=endpoint.port,
        host_key_alias=trust.host_key_alias,
        host_keys=trust.host_keys,
        known_hosts=texts,
        revoked_host_keys=_revocations(trust.revoked_host_keys),
    )
    audit.passed_over(store.notes)
    return store


def numeric_host(host: str) -> str:
    """Return the canonical text of an address (``127.0.0.1`` for ``127.1`` or ``0x7f000001``), or a name unchanged.

    The resolver parses the address without a query, as for ssh (resolve_addr in ssh.c) and when the server is dialled.
    An IPv6 address may be in brackets.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") and ":" in host else host
    try:
        found = socket.getaddrinfo(bare, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return socket.getnameinfo(found[0][4], socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    except (OSError, ValueError):  # ValueError: a text that the resolver rejects
        return host


def _with_revocations_of(latest: TrustStore, first: TrustStore) -> TrustStore:
    """Return ``first`` with the revocations of ``latest``, so that a file that is being rewritten removes no trust."""
    return replace(
        first,
        primary=replace(first.primary, revoked=latest.primary.revoked, faults=latest.primary.faults),
        fallback=replace(first.fallback, revoked=latest.fallback.revoked, faults=latest.fallback.faults),
        revoked_host_keys=latest.revoked_host_keys,
    )


def _revocations(given: str) -> tuple[RevokedHostKeys, ...]:
    """Return the revocations in ``given``: a list of public keys, or the path of a file.

    A file that cannot be read becomes a fault that refuses every host, as for RevokedKeys of sshd_config(5).
    """
    if not given:
        return ()
    if len(given.split()) > 1:
        return (RevokedHostKeys.parse(given, origin="revoked_host_keys"),)
    try:
        return (RevokedHostKeys.parse(read_declared(given, must_exist=True), origin=given),)
    except InputError as exc:
        return (RevokedHostKeys.missing(origin=given, fault=exc.cause),)


def default_files() -> tuple[str, ...]:
    """Return the known-hosts files that ssh reads by default. Like ssh, use the account's home directory, not $HOME."""
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # as in a container with an arbitrary uid
        home = os.path.expanduser("~")
    return (*(os.path.join(home, name) for name in USER_FILES), *SYSTEM_FILES)


def read_declared(path: str, *, must_exist: bool = False) -> bytes:
    """Return the content of a file that declares trust. As for ssh, a missing file is empty unless ``must_exist``."""
    try:
        return read_file(path, limit_bytes=MAX_FILE_BYTES, check=lambda found: _require_private(path, found))
    except OSError as exc:
        if isinstance(exc, FileNotFoundError) and not must_exist:
            return b""
        raise InputError(
            "invalid_input",
            f"the file {path} cannot be read: {exc.strerror}",
            remedy="Without it nothing can be said about the host key. Make it readable, or name another file.",
        ) from exc


def _require_private(path: str, found: os.stat_result) -> None:
    """Raise ``unsafe_path`` unless only its owner can write the file, and the owner is this account or root.

    An account that can write the file decides which servers are trusted.
    """
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o022:
        raise InputError(
            "unsafe_path",
            f"the file {path} can be written by others (mode {stat.S_IMODE(found.st_mode):04o})",
            remedy=f"Check its content, then: chmod go-w {path}",
        )
    if stat.S_ISREG(found.st_mode) and found.st_uid not in (0, os.getuid()):
        raise InputError(
            "unsafe_path",
            f"the file {path} belongs to another user (uid {found.st_uid})",
            remedy="Use a file that belongs to the account running Ansible, or to root.",
        )
