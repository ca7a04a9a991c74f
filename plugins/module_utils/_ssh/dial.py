# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Open a TCP connection to a host, within one deadline."""

from __future__ import annotations

import contextlib
import queue
import socket
import sys
import threading
import time
import typing as t

from .._errors import LinkError, printable

# One result of getaddrinfo(3): family, type, protocol, canonical name, socket address.
Address = t.Tuple[t.Any, ...]


def dial(host: str, port: int, *, deadline: float, stall_seconds: float) -> socket.socket:
    """Return a connection to the first address of ``host`` that answers; ``deadline`` is on the monotonic clock.

    ``connect_failed`` names the reason for each address that was tried; ``timed_out`` means that none answered.
    """
    failures: list[tuple[str, OSError]] = []
    addresses = _resolve(host, port, deadline)
    for index, address in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return _connect(address, left / (len(addresses) - index), stall_seconds)
        except OSError as exc:
            failures.append((str(address[4][0]), exc))
    raise _unreachable(host, port, failures)


def _resolve(host: str, port: int, deadline: float) -> t.Sequence[Address]:
    """Return the addresses of ``host``. The lookup runs in its own thread, since getaddrinfo has no timeout."""
    answer: queue.Queue[t.Sequence[Address] | Exception] = queue.Queue()

    def look_up() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as exc:
            answer.put(exc)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = answer.get(timeout=max(deadline - time.monotonic(), 0.001))
    except queue.Empty:
        raise LinkError("timed_out", f"the name {host!r} could not be looked up in time") from None
    if isinstance(found, Exception):
        raise LinkError(
            "connect_failed",
            f"the name {host!r} cannot be resolved: {found}",
            remedy="Check the spelling, ansible_host, and the resolver of the machine that this ran on.",
        ) from found
    return found


def _connect(address: Address, seconds: float, stall_seconds: float) -> socket.socket:
    family, kind, protocol, _name, where = address
    with contextlib.ExitStack() as undo:
        raw = undo.enter_context(socket.socket(family, kind, protocol))
        raw.settimeout(seconds)
        raw.connect(where)
        _tune(raw, stall_seconds)
        undo.pop_all()
        return raw


def _tune(raw: socket.socket, stall_seconds: float) -> None:
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        # Ends the connection when sent data stays unacknowledged for this long, as after a power failure (tcp(7)).
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_seconds * 1000))


def _unreachable(host: str, port: int, failures: list[tuple[str, OSError]]) -> LinkError:
    reasons = "; ".join(f"{address}: {printable((exc.strerror or str(exc)).encode())}" for address, exc in failures)
    silent = all(isinstance(exc, (socket.timeout, TimeoutError)) for _address, exc in failures)
    return LinkError(
        "timed_out" if silent else "connect_failed",
        f"no connection to {host} port {port}: {reasons or 'no address answered in time'}",
        remedy="Check address and port, that the SSH server runs, and that no firewall is in between.",
    )
