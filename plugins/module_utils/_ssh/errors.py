# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Translation of paramiko's exceptions, and deadlines for its calls that have none."""

from __future__ import annotations

import contextlib
import socket
import threading
import typing as t

from .._errors import BackhaulError, LinkError, RemoteError, TrustError, printable
from .dependency import SSHException, paramiko


class WrappedError(SSHException):  # type: ignore[misc,valid-type]
    """Wraps a BackhaulError as an SSHException: paramiko's transport thread stores no other kind."""

    def __init__(self, error: BackhaulError) -> None:
        super().__init__(error.cause)
        self.error = error


@contextlib.contextmanager
def translated(what: str) -> t.Iterator[None]:
    """Raise a BackhaulError in place of an exception of paramiko or its socket; ``what`` completes "while ..."."""
    try:
        yield
    except BackhaulError:
        raise
    except WrappedError as exc:
        raise exc.error from exc
    except (SSHException, EOFError, OSError) as exc:
        raise _translate(exc, what) from exc


def _translate(exc: BaseException, what: str) -> BackhaulError:
    if isinstance(exc, paramiko.ChannelException):
        return _channel_refused(exc, what)
    if isinstance(exc, (socket.timeout, TimeoutError)):  # the same class from Python 3.10 on
        return LinkError("timed_out", f"no answer while {what}", remedy="The server or the network is stuck.")
    text = _text(exc) or "the connection ended"
    if "Exceeded MaxStartups" in text or "Not allowed at this time" in text:
        return LinkError("server_busy", f"the server takes no more connections for now: {text}")
    return LinkError("link_lost", f"the connection was lost while {what}: {text}")


def _channel_refused(exc: t.Any, what: str) -> BackhaulError:
    """Return the error for a channel that was not opened, by its code (RFC 4254 section 5.1).

    1 means prohibited, 2 a failed connection, 4 a resource shortage. OpenSSH also sends 2 for sessions beyond
    MaxSessions, where no connection is involved.
    """
    said = _text(exc)
    if exc.code == 1:
        return RemoteError("permission_denied", f"the server prohibits the channel while {what}: {said}")
    if exc.code == 2 and what.startswith("asking the jump host"):
        return LinkError("connect_failed", f"no connection while {what}: {said}")
    return LinkError("server_busy", f"the server opens no more channels while {what}: {said}")


def _text(exc: BaseException) -> str:
    return printable(str(exc).encode("utf-8", "surrogateescape"), limit=500)


@contextlib.contextmanager
def watchdog(seconds: float, close: t.Callable[[], None], *, phase: str) -> t.Iterator[None]:
    """Limit a block that waits inside paramiko to ``seconds``: then call ``close`` and raise LinkError ``timed_out``.

    The error names the ``phase``, and its cause is the exception that the closing provoked. Two errors are raised
    unchanged: a TrustError, which must not be retried, and a ``timed_out`` of the block, which is more specific.
    """
    fired = threading.Event()

    def expire() -> None:
        fired.set()
        close()

    timer = threading.Timer(min(max(seconds, 0.001), threading.TIMEOUT_MAX), expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except TrustError:
        raise
    except (BackhaulError, SSHException, EOFError, OSError) as exc:
        if fired.is_set() and getattr(exc, "code", "") != "timed_out":
            raise _timeout_error(phase) from exc
        raise
    finally:
        timer.cancel()
    if fired.is_set():
        raise _timeout_error(phase)


def _timeout_error(phase: str) -> LinkError:
    return LinkError(
        "timed_out",
        f"no answer in time while {phase}",
        remedy="Check that the server is up and that nothing between holds the connection back; connect_timeout is"
        " the limit for everything up to the open SFTP session.",
    )
