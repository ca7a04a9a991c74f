# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""paramiko's transport with trust decided inside the key exchange, bounded packets, and a socket that cannot stall."""

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
    can_feed,
    has_optional,
    paramiko,
)
from .errors import Refusal
from .packets import BoundedPacketizer
from .receive_buffer import ReceiveBuffer, ReceiveBuffers

# The smallest group of a Diffie-Hellman group exchange, as with OpenSSH (RFC 8270); paramiko takes 1024 bits.
MIN_GROUP_BITS = 2048

HostKeyCheck = t.Callable[[bytes], None]


class RawSocket(t.Protocol):
    """What a connection runs on: a TCP socket, or a channel through another server, which behaves like one."""

    def settimeout(self, timeout: float | None, /) -> None: ...

    def recv(self, count: int, /) -> bytes: ...

    def send(self, data: bytes, /) -> int: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...

    def getpeername(self) -> t.Any: ...


class GuardedSocket:
    """A socket whose ``send`` fails when the peer takes nothing for ``stall_seconds``.

    paramiko sets a short timeout and retries for ever; without this, a peer that stops reading holds the sender. It
    belongs to the process that made it: one that was forked off and cleans up at its end must not end the connection.
    """

    def __init__(self, raw: RawSocket, *, stall_seconds: float) -> None:
        self._raw = raw
        self._owner = os.getpid()
        self._stall_seconds = stall_seconds
        self._blocked_since: float | None = None
        self.stalled = False
        self._closed = False  # read by paramiko's own close(), as socket.socket has it
        self.peer = ""
        with contextlib.suppress(OSError):
            self.peer = str(raw.getpeername()[0])

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout of single calls, as paramiko wants it."""
        self._raw.settimeout(seconds)

    def recv(self, count: int) -> bytes:
        """Receive up to ``count`` bytes."""
        return self._raw.recv(count)

    def send(self, data: bytes) -> int:
        """Send some of ``data``; ECONNABORTED when nothing could be sent for too long."""
        if os.getpid() != self._owner:
            raise OSError(errno.EBADF, "this connection is another process's")
        try:
            sent = self._raw.send(data)
        except socket.timeout:
            now = time.monotonic()
            self._blocked_since = self._blocked_since or now
            if now - self._blocked_since > self._stall_seconds:
                self.stalled = True
                # Not ETIMEDOUT: from Python 3.10 on that is a socket.timeout, after which paramiko tries again.
                raise OSError(errno.ECONNABORTED, "the peer takes no data") from None
            raise
        self._blocked_since = None
        return sent

    def close(self) -> None:
        """Shut both directions down and close; never raises."""
        self._closed = True
        if os.getpid() == self._owner:
            with contextlib.suppress(OSError, EOFError):
                self._raw.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, EOFError):
            self._raw.close()


class RaceFreeAuthHandler(AuthHandlerBase):  # type: ignore[misc]
    """paramiko's handler, waiting for the answer from before the question is sent.

    paramiko sends first and then makes the event to wait for: a server that answers at once is never heard. It also
    calls None for the empty body of the method "none".
    """

    def send_auth_request(
        self, username: str, method: str, finish_message: t.Callable[[t.Any], None] | None = None
    ) -> t.Sequence[str]:
        """Send USERAUTH_REQUEST (RFC 4252 section 5) and return what the server still wants after this success."""
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
        """Pass on a question; in place of an answer to a password it wants a new one (RFC 4252 section 8)."""
        if self.auth_method == "password":
            raise Refusal(
                TrustError(
                    "authentication_refused",
                    f"the server took the password of user {self.username!r} and wants it changed",
                    remedy="It has expired: log in by hand and change it, or use a key.",
                )
            )
        super()._parse_userauth_info_request(m)


class LargeGroupExchange(GroupExchangeBase):  # type: ignore[misc]
    """Diffie-Hellman in a group of the server's (RFC 4419) that is not too small, whatever the server says."""

    min_bits = MIN_GROUP_BITS

    def parse_next(self, ptype: int, m: t.Any) -> None:
        """Handle the next message of the exchange; 31 is the server's choice of a group."""
        if ptype == 31:
            bits = m.get_mpint().bit_length()
            m.rewind()
            if bits < MIN_GROUP_BITS:
                raise SSHException(f"the server chose a Diffie-Hellman group of {bits} bits")
        super().parse_next(ptype, m)


def _exchanges(installed: t.Mapping[str, t.Any], *, smallest_groups: bool) -> dict[str, t.Any]:
    """Return paramiko's key exchanges, with X25519 under its standard name, too (RFC 8731), and no small groups."""
    found = dict(installed)
    if "curve25519-sha256@libssh.org" in found:
        found.setdefault("curve25519-sha256", found["curve25519-sha256@libssh.org"])
    name = "diffie-hellman-group-exchange-sha256"
    if name in found and not smallest_groups:
        found[name] = LargeGroupExchange
    return found


class VerifiedTransport(TransportBase):  # type: ignore[misc]
    """A client transport that asks ``judge`` about the host key at every key exchange.

    ``judge`` gets the key as the server sent it, after its signature over the exchange was verified and before
    anything else happens; it raises a BackhaulError to refuse. ``suite`` names one of ``algorithms.SUITES``;
    ``known_algorithms`` are the host key algorithms that could be verified, which are offered first, and those in
    ``without`` are not offered. ``farewell`` is what the server said as it ended the connection, None until it does.
    """

    def __init__(
        self,
        sock: GuardedSocket,
        *,
        judge: HostKeyCheck,
        suite: str,
        known_algorithms: t.Sequence[str],
        without: t.Container[str] = (),
        compression: bool = False,
    ) -> None:
        self._judge = judge
        self._judged_blob: bytes | None = None
        self._kex_info = _exchanges(TransportBase._kex_info, smallest_groups=suite == "legacy")
        self._offered = algorithms.offered(suite, known_algorithms, self, without=without)
        self.agreed_kex = ""
        self.farewell: str | None = None
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
            options.compression = ("zlib@openssh.com", "none")  # from the login on, and not before
        self.feeds: ReceiveBuffers | None = None
        if can_feed():
            self.feeds = ReceiveBuffers()
            self._channel_handler_table = self.feeds.handlers(self._channel_handler_table)

    @property
    def saved_exception(self) -> BaseException | None:
        """What ended the connection."""
        return self._ended_by

    @saved_exception.setter
    def saved_exception(self, exc: BaseException | None) -> None:
        """Keep it; where paramiko's parsers trip over a message, the peer is to blame for it."""
        self._ended_by = exc
        if exc is not None and not isinstance(exc, (SSHException, EOFError, OSError)):
            self._ended_by = SSHException(f"a message of the peer cannot be read ({type(exc).__name__}: {exc})")
            self._ended_by.__cause__ = exc

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to offer; paramiko's own would put certificates last, where they are never chosen."""
        return self._offered.host_keys

    def _parse_kex_init(self, m: t.Any) -> None:
        """Agree on algorithms (RFC 4253 section 7.1), or say what either side has."""
        theirs = m.asbytes()
        try:
            super()._parse_kex_init(m)
        except paramiko.ssh_exception.IncompatiblePeer as exc:
            raise Refusal(_nothing_in_common(self._offered, theirs)) from exc
        message = paramiko.Message(theirs)
        message.get_bytes(16)  # cookie
        their_kexes = message.get_list()
        self.agreed_kex = next(name for name in self._offered.kexes if name in their_kexes)

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        """Verify the signature, then whose key it is (called inside every key exchange, RFC 4253 section 8)."""
        try:
            _check_key_type(host_key, self.host_key_type)
            _check_signature_algorithm(sig, self.host_key_type)
            super()._verify_key(host_key, sig)
            if self._judged_blob not in (None, host_key):
                raise TrustError(
                    "host_key_mismatch",
                    "the server showed another host key when the session keys were renewed",
                    remedy="Nobody changes a key within a connection: treat this as an attack until it is explained.",
                )
            self._judge(host_key)
        except BackhaulError as exc:
            raise Refusal(exc) from exc
        except SSHException as exc:
            raise Refusal(_unproven(exc)) from exc
        self._judged_blob = host_key

    @property
    def judged_host_key(self) -> bytes:
        """The host key that was accepted; empty before the first key exchange."""
        return self._judged_blob or b""

    def _parse_disconnect(self, m: t.Any) -> None:
        """Keep what the server says as it ends the connection (RFC 4253 section 11.1)."""
        m.get_int()
        self.farewell = printable(m.get_string(), limit=100)
        m.rewind()
        super()._parse_disconnect(m)

    # paramiko polls for this acceptance without an end, even on a dead connection.

    def _parse_service_accept(self, m: t.Any) -> None:
        super()._parse_service_accept(m)
        m.rewind()
        if m.get_string() == b"ssh-userauth":
            self._service_accepted.set()

    def ensure_session(self) -> None:
        """Ask for the user authentication service once (RFC 4253 section 10), and notice a connection that ends."""
        if not (self.active and self.initial_kex_done):
            raise self.saved_exception or EOFError()
        if not self._service_accepted.is_set():
            self._send_message(_service_request())
            while not self._service_accepted.wait(0.05):
                if not self.is_active():
                    raise self.saved_exception or EOFError()
        if self.auth_handler is None:
            self.auth_handler = self.get_auth_handler()

    def feed_of(self, channel: t.Any, *, window_bytes: int) -> ReceiveBuffer | None:
        """Return the direct feed of a channel that was just opened; None where paramiko's buffer must serve."""
        return None if self.feeds is None else self.feeds.add(self, channel, window_bytes=window_bytes)

    def get_auth_handler(self) -> RaceFreeAuthHandler:
        """Return the handler for the one user authentication of this connection."""
        return RaceFreeAuthHandler(self)


def _service_request() -> t.Any:
    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_SERVICE_REQUEST)
    message.add_string("ssh-userauth")
    return message


def _unproven(reason: Exception) -> TrustError:
    return TrustError(
        "host_key_mismatch",
        f"the server did not prove that the host key it shows is its own: {printable(str(reason).encode(), limit=300)}",
        remedy="Whoever answers only knows the public half of the key, or changes what is sent: treat this as an attack"
        " until it is explained.",
    )


def _check_key_type(host_key: bytes, negotiated: str) -> None:
    """The key must be of the type that was negotiated: paramiko would read a certificate as its plain key."""
    length = int.from_bytes(host_key[:4], "big")
    presented = host_key[4 : 4 + length]
    # One type of key for all of RSA's signature algorithms (RFC 8332 section 3).
    expected = negotiated.replace("rsa-sha2-512", "ssh-rsa").replace("rsa-sha2-256", "ssh-rsa")
    if presented != expected.encode("ascii"):
        raise TrustError(
            "algorithm_mismatch",
            f"the server showed a host key of the type {printable(presented, limit=100)} though {negotiated} was"
            " agreed",
            remedy="The server breaks the SSH protocol, or somebody in between does.",
        )


def _check_signature_algorithm(signature: bytes, negotiated: str) -> None:
    """The signature must be of the algorithm that was negotiated: no falling back to SHA-1 (RFC 8332 section 3)."""
    length = int.from_bytes(signature[:4], "big")
    used = signature[4 : 4 + length]
    if used != negotiated.replace("-cert-v01@openssh.com", "").encode("ascii"):
        raise TrustError(
            "algorithm_mismatch",
            f"the server signed with {printable(used, limit=100)} though {negotiated} was agreed",
            remedy="The server breaks the SSH protocol, or somebody in between does.",
        )


_KEX_INIT_PARTS = ("key exchange", "host key", "cipher", None, "MAC")


def _nothing_in_common(ours: algorithms.Suite, kex_init: bytes) -> TrustError:
    """Name the parts of KEXINIT for which the two sides share nothing, with both lists (RFC 4253 section 7.1)."""
    message = paramiko.Message(kex_init)
    message.get_bytes(16)  # cookie
    offers = (ours.kexes, ours.host_keys, ours.ciphers, (), ours.macs)
    details, texts = {}, []
    for part, our_list in zip(_KEX_INIT_PARTS, offers):
        their_list = [printable(name.encode("utf-8", "surrogateescape"), limit=100) for name in message.get_list()][
            :100
        ]
        if part and not set(our_list) & set(their_list):
            details[part] = {"ours": list(our_list), "theirs": their_list}
            texts.append(f"{part}: the server has {', '.join(their_list)}; we have {', '.join(our_list)}")
    return TrustError(
        "algorithm_mismatch",
        "no algorithm in common with the server. " + ". ".join(texts),
        remedy="Update the server's SSH software or its settings. For an old appliance that has no update there is"
        " 'algorithms: legacy'.",
        details=details,
    )
