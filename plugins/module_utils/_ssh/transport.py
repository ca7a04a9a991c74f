# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""paramiko's transport, with trust decided inside the key exchange, bounded packets, and a send timeout."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
import typing as t

from .._errors import BackhaulError, TrustError, printable
from . import algorithms
from .dependency import (
    AuthHandlerBase,
    GroupExchangeBase,
    SSHException,
    TransportBase,
    can_receive_directly,
    has_optional,
    paramiko,
)
from .errors import WrappedError
from .packets import BoundedPacketizer
from .receive_buffer import ReceiveBuffer, ReceiveBuffers

# The smallest group in a Diffie-Hellman group exchange, as in OpenSSH (RFC 8270). paramiko accepts 1024 bits.
MIN_GROUP_BITS = 2048

HostKeyCheck = t.Callable[[bytes], None]


class RawSocket(t.Protocol):
    """The byte stream below a connection: a TCP socket, or a channel through another server."""

    def settimeout(self, timeout: float | None, /) -> None: ...

    def recv(self, count: int, /) -> bytes: ...

    def send(self, data: bytes, /) -> int: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...

    def getpeername(self) -> t.Any: ...


class GuardedSocket:
    """A socket whose ``send`` fails when the peer takes no data for ``stall_seconds``.

    paramiko sets a short timeout and retries endlessly, so a peer that stops reading would block the sender. Only the
    process that created the socket uses it: a forked process that cleans up at its end must not end the connection.
    """

    def __init__(self, raw: RawSocket, *, stall_seconds: float) -> None:
        self._raw = raw
        self._owner = os.getpid()
        self._stall_seconds = stall_seconds
        self._blocked_since: float | None = None
        self.stalled = False
        self._closed = False  # an attribute of socket.socket that paramiko's close() reads
        self.peer = ""
        with contextlib.suppress(OSError):
            self.peer = str(raw.getpeername()[0])

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout of single calls; paramiko calls this."""
        self._raw.settimeout(seconds)

    def recv(self, count: int) -> bytes:
        """Receive up to ``count`` bytes."""
        return self._raw.recv(count)

    def send(self, data: bytes) -> int:
        """Send a part of ``data``; ECONNABORTED when nothing could be sent for ``stall_seconds``."""
        if os.getpid() != self._owner:
            raise OSError(errno.EBADF, "this connection is another process's")
        try:
            sent = self._raw.send(data)
        except socket.timeout:
            now = time.monotonic()
            self._blocked_since = self._blocked_since or now
            if now - self._blocked_since > self._stall_seconds:
                self.stalled = True
                # Not ETIMEDOUT: from Python 3.10 on that is a socket.timeout, which paramiko retries.
                raise OSError(errno.ECONNABORTED, "the peer takes no data") from None
            raise
        self._blocked_since = None
        return sent

    def close(self) -> None:
        """Shut down both directions and close; never raises."""
        self._closed = True
        if os.getpid() == self._owner:
            with contextlib.suppress(OSError, EOFError):
                self._raw.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, EOFError):
            self._raw.close()


class RaceFreeAuthHandler(AuthHandlerBase):  # type: ignore[misc]
    """paramiko's handler, which waits for the reply from before the request is sent.

    paramiko sends the request first and creates the event to wait for afterwards, so an immediate reply is lost. It
    also calls None as a function for the empty body of the method "none".
    """

    def send_auth_request(
        self, username: str, method: str, finish_message: t.Callable[[t.Any], None] | None = None
    ) -> t.Sequence[str]:
        """Send USERAUTH_REQUEST (RFC 4252 section 5); return the methods that the server wants after this success."""
        self.auth_method, self.username = method, username
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_USERAUTH_REQUEST)
        for text in (username, "ssh-connection", method):
            message.add_string(text)
        if finish_message is not None:
            finish_message(message)
        self.auth_event = threading.Event()
        with self.transport.lock:
            self.transport._send_message(message)
        return t.cast("t.Sequence[str]", self.wait_for_response(self.auth_event))

    def _parse_userauth_info_request(self, m: t.Any) -> None:
        """Handle message 60: a prompt, or during password authentication an expired password (RFC 4252 section 8)."""
        if self.auth_method == "password":
            raise WrappedError(
                TrustError(
                    "authentication_refused",
                    f"the server took the password of user {self.username!r} and wants it changed",
                    remedy="It has expired: log in by hand and change it, or use a key.",
                )
            )
        super()._parse_userauth_info_request(m)


class LargeGroupExchange(GroupExchangeBase):  # type: ignore[misc]
    """Diffie-Hellman group exchange (RFC 4419) that refuses a group of less than MIN_GROUP_BITS."""

    min_bits = MIN_GROUP_BITS

    def parse_next(self, ptype: int, m: t.Any) -> None:
        """Handle the next message of the exchange; type 31 is the server's choice of a group."""
        if ptype == 31:
            bits = m.get_mpint().bit_length()
            m.rewind()
            if bits < MIN_GROUP_BITS:
                raise SSHException(f"the server chose a Diffie-Hellman group of {bits} bits")
        super().parse_next(ptype, m)


def _key_exchanges(installed: t.Mapping[str, t.Any], *, smallest_groups: bool) -> dict[str, t.Any]:
    """Return paramiko's key exchanges, with X25519 also under its standard name (RFC 8731).

    Unless ``smallest_groups``, a group exchange refuses small groups.
    """
    found = dict(installed)
    if "curve25519-sha256@libssh.org" in found:
        found.setdefault("curve25519-sha256", found["curve25519-sha256@libssh.org"])
    name = "diffie-hellman-group-exchange-sha256"
    if name in found and not smallest_groups:
        found[name] = LargeGroupExchange
    return found


class VerifiedTransport(TransportBase):  # type: ignore[misc]
    """A client transport that calls ``check_host_key`` at every key exchange.

    ``check_host_key`` gets the key as the server sent it, after the signature over the exchange was verified and before
    anything else happens. It raises a BackhaulError to refuse the key. ``suite`` names one of ``algorithms.SUITES``.
    ``known_algorithms`` are the host key algorithms that could be verified; they are offered first. Those in
    ``without`` are not offered. ``disconnect_text`` is the server's text of DISCONNECT, None before that message.
    """

    def __init__(
        self,
        sock: GuardedSocket,
        *,
        check_host_key: HostKeyCheck,
        suite: str,
        known_algorithms: t.Sequence[str],
        without: t.Container[str] = (),
        compression: bool = False,
    ) -> None:
        self._check_host_key = check_host_key
        self._accepted_host_key: bytes | None = None
        self._kex_info = _key_exchanges(TransportBase._kex_info, smallest_groups=suite == "legacy")
        self._offered = algorithms.offered(suite, known_algorithms, self, without=without)
        self.agreed_kex = ""
        self.disconnect_text: str | None = None
        self._service_accepted = threading.Event()
        self._ended_by: BaseException | None = None
        self.auth_handler: t.Any = None
        self._channel_handler_table: dict[int, t.Any]
        super().__init__(
            sock,
            disabled_algorithms={"pubkeys": list(algorithms.REFUSED_PUBKEYS)},
            packetizer_class=BoundedPacketizer,
        )
        self.daemon = True
        options = self.get_security_options()
        options.ciphers, options.digests = self._offered.ciphers, self._offered.macs
        options.kex = self._offered.kexes
        if compression and has_optional("Packetizer.set_inbound_compressor"):
            options.compression = ("zlib@openssh.com", "none")  # starts after the login
        self.receive_buffers: ReceiveBuffers | None = None
        if can_receive_directly():
            self.receive_buffers = ReceiveBuffers()
            self._channel_handler_table = self.receive_buffers.handlers(self._channel_handler_table)

    @property
    def saved_exception(self) -> BaseException | None:
        """The exception that ended the connection."""
        return self._ended_by

    @saved_exception.setter
    def saved_exception(self, exc: BaseException | None) -> None:
        """Store the exception; an error in paramiko's parsers becomes an SSHException, since the peer caused it."""
        self._ended_by = exc
        if exc is not None and not isinstance(exc, (SSHException, EOFError, OSError)):
            self._ended_by = SSHException(f"a message of the peer cannot be read ({type(exc).__name__}: {exc})")
            self._ended_by.__cause__ = exc

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to offer; paramiko's own property puts certificates last, so none would be chosen."""
        return self._offered.host_keys

    def _parse_kex_init(self, m: t.Any) -> None:
        """Agree on algorithms (RFC 4253 section 7.1); ``algorithm_mismatch`` names both sides' lists."""
        peer_kex_init = m.asbytes()
        try:
            super()._parse_kex_init(m)
        except paramiko.ssh_exception.IncompatiblePeer as exc:
            raise WrappedError(_no_common_algorithm(self._offered, peer_kex_init)) from exc
        message = paramiko.Message(peer_kex_init)
        message.get_bytes(16)  # cookie
        peer_kexes = message.get_list()
        self.agreed_kex = next(name for name in self._offered.kexes if name in peer_kexes)

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        """Verify the signature, then the trust in the key; called in every key exchange (RFC 4253 section 8)."""
        try:
            _check_key_type(host_key, self.host_key_type)
            _check_signature_algorithm(sig, self.host_key_type)
            super()._verify_key(host_key, sig)
            if self._accepted_host_key not in (None, host_key):
                raise TrustError(
                    "host_key_mismatch",
                    "the server showed another host key when the session keys were renewed",
                    remedy="Nobody changes a key within a connection: treat this as an attack until it is explained.",
                )
            self._check_host_key(host_key)
        except BackhaulError as exc:
            raise WrappedError(exc) from exc
        except SSHException as exc:
            raise WrappedError(_signature_error(exc)) from exc
        self._accepted_host_key = host_key

    @property
    def accepted_host_key(self) -> bytes:
        """The host key that was accepted; empty before the first key exchange."""
        return self._accepted_host_key or b""

    def _parse_disconnect(self, m: t.Any) -> None:
        """Store the text with which the server ends the connection (RFC 4253 section 11.1)."""
        m.get_int()
        self.disconnect_text = printable(m.get_string(), limit=100)
        m.rewind()
        super()._parse_disconnect(m)

    # paramiko polls endlessly for SERVICE_ACCEPT, even on a dead connection.

    def _parse_service_accept(self, m: t.Any) -> None:
        super()._parse_service_accept(m)
        m.rewind()
        if m.get_string() == b"ssh-userauth":
            self._service_accepted.set()

    def ensure_session(self) -> None:
        """Request the user authentication service once (RFC 4253 section 10); raise when the connection ends."""
        if not (self.active and self.initial_kex_done):
            raise self.saved_exception or EOFError()
        if not self._service_accepted.is_set():
            self._send_message(_service_request())
            while not self._service_accepted.wait(0.05):
                if not self.is_active():
                    raise self.saved_exception or EOFError()
        if self.auth_handler is None:
            self.auth_handler = self.get_auth_handler()

    def receive_buffer(self, channel: t.Any, *, window_bytes: int) -> ReceiveBuffer | None:
        """Create the receive buffer of a channel that was just opened; None if paramiko's buffer has to be used."""
        buffers = self.receive_buffers
        return None if buffers is None else buffers.add(self, channel, window_bytes=window_bytes)

    def get_auth_handler(self) -> RaceFreeAuthHandler:
        """Return the handler for the one user authentication of this connection."""
        return RaceFreeAuthHandler(self)


def _service_request() -> t.Any:
    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_SERVICE_REQUEST)
    message.add_string("ssh-userauth")
    return message


def _signature_error(reason: Exception) -> TrustError:
    return TrustError(
        "host_key_mismatch",
        f"the server did not prove that the host key it shows is its own: {printable(str(reason).encode(), limit=300)}",
        remedy="Whoever answers only knows the public half of the key, or changes what is sent: treat this as an attack"
        " until it is explained.",
    )


def _check_key_type(host_key: bytes, negotiated: str) -> None:
    """Raise ``algorithm_mismatch`` unless the key has the negotiated type.

    paramiko would accept a certificate as its plain key.
    """
    length = int.from_bytes(host_key[:4], "big")
    presented = host_key[4 : 4 + length]
    # All RSA signature algorithms share one key type (RFC 8332 section 3).
    expected = negotiated.replace("rsa-sha2-512", "ssh-rsa").replace("rsa-sha2-256", "ssh-rsa")
    if presented != expected.encode("ascii"):
        raise TrustError(
            "algorithm_mismatch",
            f"the server showed a host key of the type {printable(presented, limit=100)} though {negotiated} was"
            " agreed",
            remedy="The server breaks the SSH protocol, or somebody in between does.",
        )


def _check_signature_algorithm(signature: bytes, negotiated: str) -> None:
    """Raise ``algorithm_mismatch`` unless the signature has the negotiated algorithm.

    This excludes a fallback to SHA-1 (RFC 8332 section 3).
    """
    length = int.from_bytes(signature[:4], "big")
    used = signature[4 : 4 + length]
    if used != negotiated.replace("-cert-v01@openssh.com", "").encode("ascii"):
        raise TrustError(
            "algorithm_mismatch",
            f"the server signed with {printable(used, limit=100)} though {negotiated} was agreed",
            remedy="The server breaks the SSH protocol, or somebody in between does.",
        )


_KEX_INIT_PARTS = ("key exchange", "host key", "cipher", None, "MAC")


def _no_common_algorithm(offered: algorithms.Suite, kex_init: bytes) -> TrustError:
    """Return the error that names each part of KEXINIT without a common algorithm (RFC 4253 section 7.1).

    ``details`` has both lists of each part.
    """
    message = paramiko.Message(kex_init)
    message.get_bytes(16)  # cookie
    offers = (offered.kexes, offered.host_keys, offered.ciphers, (), offered.macs)
    details, texts = {}, []
    for part, offered_list in zip(_KEX_INIT_PARTS, offers):
        peer_list = [printable(name.encode("utf-8", "surrogateescape"), limit=100) for name in message.get_list()][:100]
        if part and not set(offered_list) & set(peer_list):
            details[part] = {"ours": list(offered_list), "theirs": peer_list}
            texts.append(f"{part}: the server has {', '.join(peer_list)}; we have {', '.join(offered_list)}")
    return TrustError(
        "algorithm_mismatch",
        "no algorithm in common with the server. " + ". ".join(texts),
        remedy="Update the server's SSH software or its settings. For an old appliance that has no update there is"
        " 'algorithms: legacy'.",
        details=details,
    )
