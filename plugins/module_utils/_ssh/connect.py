# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""From an endpoint to an open, verified, authenticated connection: the only way in."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._errors import BackhaulError, LinkError, shown
from .._model import ConnectionReport, Endpoint
from .._sftp.filesystem import SftpFileSystem
from .._sftp.session import Duplex, Session
from . import algorithms, channels
from .authenticate import authenticate
from .boundary import closing_after, translated
from .dependency import require_paramiko
from .dial import dial
from .transport import GuardedSocket, Judge, VerifiedTransport
from .trust import HostTrust, load_trust


class Connection:
    """One authenticated connection, for any number of SFTP sessions and commands; a context manager."""

    def __init__(self, endpoint: Endpoint, transport: VerifiedTransport, report: ConnectionReport) -> None:
        self.endpoint = endpoint
        self.report = report
        self._transport = transport

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        close_transport(self._transport)

    @contextlib.contextmanager
    def file_system(self) -> t.Iterator[SftpFileSystem]:
        """Open an SFTP session and yield the port on it."""
        timeouts = self.endpoint.timeouts
        duplex: Duplex = channels.open_subsystem(self._transport, seconds=timeouts.connect_seconds)
        session = Session(duplex, timeouts=timeouts)
        try:
            session.open()
            yield SftpFileSystem(
                session,
                timeouts=timeouts,
                run_command=self.run_command,
                remote_checksum=self.endpoint.remote_checksum,
            )
        finally:
            session.close()

    def run_command(self, command: str, *, stdin: bytes, timeout_seconds: float, limit_bytes: int) -> tuple[int, bytes]:
        """Run a constant command (the SFTP layer's ``CommandRunner``)."""
        return channels.run_command(
            self._transport, command, stdin=stdin, timeout_seconds=timeout_seconds, limit_bytes=limit_bytes
        )


def connect(endpoint: Endpoint) -> Connection:
    """Return a connection whose server was verified before it saw a credential, and that is logged in.

    Everything up to the login shares ``connect_seconds``. Errors: LinkError, TrustError, and InputError for
    credentials or trust that cannot be used; each says which end it was.
    """
    try:
        require_paramiko()
        trust = load_trust(endpoint)
        deadline = time.monotonic() + endpoint.timeouts.connect_seconds
        transport = open_transport(
            endpoint,
            judge=trust.judge,
            host_key_algorithms=algorithms.known_first(trust.known_algorithms()),
            deadline=deadline,
        )
        with contextlib.ExitStack() as undo:
            undo.callback(close_transport, transport)
            left = deadline - time.monotonic()
            with closing_after(left, transport.sock.close, phase="logging in"):
                method = authenticate(transport, endpoint.credentials)
            transport.set_keepalive(int(endpoint.timeouts.keepalive_seconds))
            undo.pop_all()
        return Connection(endpoint, transport, _report(endpoint, transport, trust, method))
    except BackhaulError as exc:
        exc.located(role=endpoint.role, host=endpoint.label)
        raise


def open_transport(
    endpoint: Endpoint, *, judge: Judge, host_key_algorithms: t.Sequence[str], deadline: float
) -> VerifiedTransport:
    """Return a transport after its first key exchange, with the host key judged; nobody is logged in yet."""
    stall_seconds = endpoint.timeouts.stall_seconds
    raw = dial(endpoint.host, endpoint.port, deadline=deadline, stall_seconds=stall_seconds)
    guarded = GuardedSocket(raw, stall_seconds=stall_seconds)
    seconds = deadline - time.monotonic()
    phase = "exchanging keys with the SSH server"
    with contextlib.ExitStack() as undo:
        undo.callback(guarded.close)
        with closing_after(seconds, guarded.close, phase=phase), translated(phase):
            transport = VerifiedTransport(
                guarded,
                judge=judge,
                host_key_algorithms=host_key_algorithms,
                compression=endpoint.compression,
            )
            undo.callback(close_transport, transport)
            transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = max(seconds, 1) * 2
            transport.start_client()
        undo.pop_all()
        return transport


def close_transport(transport: VerifiedTransport) -> None:
    """End a connection; never raises, and does not wait for a peer that is stuck."""
    with contextlib.suppress(Exception):
        transport.sock.close()
        transport.close()


def _report(endpoint: Endpoint, transport: VerifiedTransport, trust: HostTrust, method: str) -> ConnectionReport:
    verdict = trust.verdict
    if verdict is None:
        raise LinkError("link_lost", "the connection ended before its host key was judged")
    return ConnectionReport(
        name=endpoint.label,
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.credentials.user,
        address=transport.sock.peer,
        server_version=shown(transport.remote_version.encode("utf-8", "surrogateescape"), limit=255),
        host_key_type=verdict.key.key_type,
        host_key_fingerprint=verdict.key.fingerprint,
        trusted_by=verdict.trusted_by,
        trust_origin=verdict.origin,
        kex=transport.agreed_kex,
        cipher=transport.remote_cipher,
        mac="" if "gcm" in transport.remote_cipher else transport.remote_mac,
        strict_kex=bool(transport.agreed_on_strict_kex),
        authenticated_by=method,
    )
