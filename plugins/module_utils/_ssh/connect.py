# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Connect to an endpoint: open, verify and authenticate, in this order. Every connection is made here."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._errors import BackhaulError, InputError, LinkError, TrustError, printable
from .._model import USUAL_RESOURCES, ConnectionReport, Endpoint, Resources
from .._sftp.filesystem import SftpFileSystem
from .._sftp.optional import OptionalRequests
from .._sftp.session import Duplex, Session
from . import algorithms, audit, channels
from .authenticate import authenticate
from .dependency import require_paramiko
from .dial import dial
from .errors import translated, watchdog
from .transport import GuardedSocket, HostKeyCheck, RawSocket, VerifiedTransport
from .trust import HostTrust, load_trust


class Connection:
    """One authenticated connection, for any number of SFTP sessions and commands; a context manager."""

    def __init__(self, endpoint: Endpoint, transport: VerifiedTransport, report: ConnectionReport) -> None:
        self.endpoint = endpoint
        self.report = report
        self.transport = transport
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._resources.close()

    def own(self, stack: contextlib.ExitStack) -> None:
        """Close ``stack`` with this connection: it holds the connection's transport and those of its jumps."""
        self._resources = stack

    @contextlib.contextmanager
    def file_system(
        self, resources: Resources = USUAL_RESOURCES, optional: OptionalRequests | None = None
    ) -> t.Iterator[SftpFileSystem]:
        """Open an SFTP session and yield its file system. Opening may take ``connect_seconds`` again.

        ``optional`` records the server's refused requests from earlier sessions.
        """
        timeouts = self.endpoint.timeouts
        deadline = time.monotonic() + timeouts.connect_seconds
        duplex: Duplex = channels.open_sftp(
            self.transport,
            command=self.endpoint.server_command,
            seconds=timeouts.connect_seconds,
            window_bytes=resources.read_ahead_bytes + channels.SPARE_WINDOW_BYTES,
        )
        with contextlib.ExitStack() as closing:
            session = Session(duplex, timeouts=timeouts)
            closing.callback(session.close)
            session.open(timeout_seconds=deadline - time.monotonic())
            files = SftpFileSystem(
                session,
                timeouts=timeouts,
                run_command=self.run_command,
                remote_checksum=self.endpoint.remote_checksum,
                open_another=self._additional_session,
                resources=resources,
                optional=optional,
                server_version=self.report.server_version,
            )
            closing.callback(files.close)
            yield files

    def _additional_session(self) -> Session:
        """Open an additional SFTP session for writing; a failure does not close the connection."""
        timeouts = self.endpoint.timeouts
        deadline = time.monotonic() + timeouts.connect_seconds
        duplex: Duplex = channels.open_further_sftp(
            self.transport,
            command=self.endpoint.server_command,
            seconds=timeouts.connect_seconds,
            window_bytes=channels.SPARE_WINDOW_BYTES,
        )
        session = Session(duplex, timeouts=timeouts)
        try:
            session.open(timeout_seconds=deadline - time.monotonic())
        except BackhaulError:
            session.close()
            raise
        return session

    def run_command(
        self,
        command: str,
        *,
        stdin: bytes,
        timeout_seconds: float,
        limit_bytes: int,
        waiting: t.Callable[[], None] = channels.nothing,
    ) -> tuple[int, bytes]:
        """Run a constant command (the SFTP layer's ``CommandRunner``)."""
        return channels.run_command(
            self.transport,
            command,
            stdin=stdin,
            timeout_seconds=timeout_seconds,
            limit_bytes=limit_bytes,
            waiting=waiting,
        )


def connect(endpoint: Endpoint) -> Connection:
    """Return a connection that is verified and logged in; no credential is sent before the server is verified.

    Everything up to the login shares ``connect_seconds``; each jump has its own. Errors are LinkError, TrustError, and
    InputError for unusable credentials or trust; each names the endpoint.
    """
    try:
        require_paramiko()
        with contextlib.ExitStack() as undo:
            last = reach(endpoint, undo)
            connection = _log_in(endpoint, last, undo)
            connection.own(undo.pop_all())
            return connection
    except BackhaulError as exc:
        audit.refused(exc.with_location(role=endpoint.role, host=endpoint.label))
        raise


def reach(endpoint: Endpoint, closing: contextlib.ExitStack) -> Connection | None:
    """Connect to the jump hosts, each through the one before, and return the last connection; None without jumps.

    Each jump host is verified and logged in to with its own trust and credentials (ssh_config(5), ProxyJump).
    ``closing`` closes the connections.
    """
    last: Connection | None = None
    for hop in endpoint.jump:
        try:
            last = _log_in(hop, last, closing)
        except BackhaulError as exc:
            exc.with_location(role=endpoint.role, host=f"{endpoint.label} (jump {hop.label})")
            raise
    return last


def _log_in(endpoint: Endpoint, through: Connection | None, closing: contextlib.ExitStack) -> Connection:
    trust = load_trust(endpoint)
    deadline = time.monotonic() + endpoint.timeouts.connect_seconds
    transport = _verified(endpoint, through, trust, deadline)
    closing.callback(close_transport, transport)
    with watchdog(deadline - time.monotonic(), transport.sock.close, phase="logging in"):
        method = authenticate(transport, endpoint.credentials, deadline=deadline)
    transport.set_keepalive(int(endpoint.timeouts.keepalive_seconds))
    report = _report(endpoint, transport, trust, method)
    audit.connected(report)
    return Connection(endpoint, transport, report)


def _verified(endpoint: Endpoint, through: Connection | None, trust: HostTrust, deadline: float) -> VerifiedTransport:
    """Return a transport whose host key is trusted.

    If a fingerprint is pinned, its key type is unknown, so the server is asked for each type until one matches. When
    none matches, the first refusal is raised.
    """
    refused: list[TrustError] = []
    while True:
        shown_types = algorithms.of_key_types(trust.shown_types)
        try:
            return open_transport(
                endpoint,
                through=through,
                check_host_key=trust.judge,
                known_algorithms=() if refused else trust.known_algorithms(),
                without=shown_types,
                deadline=deadline,
            )
        except (TrustError, InputError) as exc:
            if refused and exc.code in ("algorithm_mismatch", "dependency_missing"):
                raise refused[0] from None
            other_key = exc.code in ("host_key_mismatch", "host_key_revoked")
            if not (isinstance(exc, TrustError) and other_key and trust.may_know_another):
                raise
            refused.append(exc)


def open_transport(
    endpoint: Endpoint,
    *,
    through: Connection | None,
    check_host_key: HostKeyCheck,
    known_algorithms: t.Sequence[str],
    deadline: float,
    without: t.Container[str] = (),
) -> VerifiedTransport:
    """Return a transport after its first key exchange, with the host key checked, before the login."""
    guarded = GuardedSocket(_raw(endpoint, through, deadline), stall_seconds=endpoint.timeouts.stall_seconds)
    seconds = deadline - time.monotonic()
    phase = "exchanging keys with the SSH server"
    with contextlib.ExitStack() as undo:
        undo.callback(guarded.close)
        with watchdog(seconds, guarded.close, phase=phase), translated(phase):
            transport = VerifiedTransport(
                guarded,
                check_host_key=check_host_key,
                suite=endpoint.algorithms,
                known_algorithms=known_algorithms,
                without=without,
                compression=endpoint.compression,
            )
            undo.callback(close_transport, transport)
            # The watchdog is the deadline; paramiko's own timeouts start later and must not expire before it.
            transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = max(seconds, 1) * 2
            transport.start_client()
        undo.pop_all()
        return transport


def _raw(endpoint: Endpoint, through: Connection | None, deadline: float) -> RawSocket:
    if through is None:
        return dial(endpoint.host, endpoint.port, deadline=deadline, stall_seconds=endpoint.timeouts.stall_seconds)
    return channels.open_tunnel(through.transport, endpoint.host, endpoint.port, seconds=deadline - time.monotonic())


def close_transport(transport: VerifiedTransport) -> None:
    """Close a connection without waiting for the peer; never raises."""
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
        server_version=printable(transport.remote_version.encode("utf-8", "surrogateescape"), limit=255),
        host_key_type=verdict.key.key_type,
        host_key_algorithm=transport.host_key_type,
        host_key_fingerprint=verdict.key.fingerprint,
        trusted_by=verdict.trusted_by,
        trust_origin=verdict.origin,
        kex=transport.agreed_kex,
        cipher=transport.remote_cipher,
        mac="" if "gcm" in transport.remote_cipher else transport.remote_mac,
        strict_kex=bool(transport.agreed_on_strict_kex),
        authenticated_by=method,
        jumps=tuple(hop.label for hop in endpoint.jump),
    )
