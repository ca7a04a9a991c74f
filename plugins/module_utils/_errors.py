# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The errors of the collection, as data with a message.

BackhaulError            code, cause, remedy, retryable, role, host, path, details
|- InputError            the playbook's author   never retried
|     invalid_input unsafe_path dependency_missing
|- TrustError            security                never retried
|     host_key_unknown host_key_mismatch host_key_revoked
|     host_certificate_invalid algorithm_mismatch authentication_refused
|- LinkError             the network             retried
|     connect_failed timed_out link_lost server_busy
|- RemoteError           the server said no      not retried
|     not_found permission_denied already_exists no_space
|     unsupported protocol_violation remote_failure
|- SelectionError        there is no good backup not retried
|     no_match stale incomplete suspicious
`- IntegrityError        do not trust the copy   once at most
      source_changed short_transfer digest_mismatch publish_failed locked
"""

from __future__ import annotations

import base64
import re
import sys
import typing as t

Detail = t.Union[None, bool, int, float, str, t.List[t.Any], t.Dict[str, t.Any]]
ErrorT = t.TypeVar("ErrorT", bound="BackhaulError")


class BackhaulError(Exception):
    """An error that names what failed, on which endpoint and path, and what to do about it.

    ``code`` is one of the class's ``codes``; playbooks branch on it. ``cause`` is one line, ``remedy`` the advice
    below it. ``role`` is ``source``, ``destination`` or ``endpoint``. ``path`` is the path in bytes, as the server has
    it. ``details`` holds plain JSON types only. All text is made printable, since much of it comes from servers.
    """

    codes: t.ClassVar[t.FrozenSet[str]] = frozenset()
    retryable: t.ClassVar[bool] = False

    def __init__(
        self,
        code: str,
        cause: str,
        *,
        remedy: str = "",
        role: str = "",
        host: str = "",
        path: bytes | None = None,
        details: t.Mapping[str, Detail] | None = None,
    ) -> None:
        if code not in self.codes:
            raise ValueError(f"{type(self).__name__} has no code {code!r}")
        super().__init__(cause)
        self.code = code
        self.cause = printable(cause, limit=sys.maxsize)
        self.remedy = "\n".join(printable(line, limit=sys.maxsize) for line in remedy.split("\n"))
        self.role = role
        self.host = host
        self.path = path
        self.details: dict[str, Detail] = dict(details or {})

    @property
    def breaks_link(self) -> bool:
        """Whether the connection is unusable now. It is unknown then whether the last request was carried out."""
        return isinstance(self, LinkError) or self.code == "protocol_violation"

    @property
    def is_uncounted(self) -> bool:
        """Whether the work may start again at once without using up a retry: the cause cannot recur."""
        return "not_asked_again" in self.details

    def with_location(self: ErrorT, *, role: str = "", host: str = "", path: bytes | None = None) -> ErrorT:
        """Set role, host and path where no inner layer has set them; return the error itself."""
        self.role = self.role or role
        self.host = self.host or host
        self.path = path if self.path is None else self.path
        return self

    def copy(self: ErrorT) -> ErrorT:
        """Return a new error for another request that fails for the same reason, without the first one's path."""
        return type(self)(
            self.code, self.cause, remedy=self.remedy, role=self.role, host=self.host, details=dict(self.details)
        )

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """The role, host and cause on the first line, the remedy below it."""
        place = " ".join(part for part in (self.role, self.host) if part)
        first = f"{place}: {self.cause}" if place else self.cause
        return f"{first}\n{self.remedy}" if self.remedy else first

    def to_dict(self) -> dict[str, Detail]:
        """Return the error as plain JSON types, the value of ``error`` in a result."""
        result: dict[str, Detail] = {
            "code": self.code,
            "kind": type(self).__name__,
            "message": self.cause,
            "remedy": self.remedy,
            "retryable": self.retryable,
            "role": self.role or None,
            "host": self.host or None,
            "path": None if self.path is None else printable(self.path),
            "details": _printable(self.details),
        }
        if self.path is not None and printable(self.path).encode("utf-8") != self.path:
            result["path_base64"] = base64.b64encode(self.path).decode("ascii")
        return result

    def to_fail_json(self) -> dict[str, Detail]:
        """Return the keyword arguments for ``fail_json``: ``msg`` and ``error``."""
        return {"msg": self.message, "error": self.to_dict()}


class InputError(BackhaulError):
    """The task's options cannot be used; the playbook's author has to change them."""

    codes = frozenset({"invalid_input", "unsafe_path", "dependency_missing"})


class TrustError(BackhaulError):
    """The server's or the user's identity could not be proven; a matter of security."""

    codes = frozenset(
        {
            "host_key_unknown",
            "host_key_mismatch",
            "host_key_revoked",
            "host_certificate_invalid",
            "algorithm_mismatch",
            "authentication_refused",
        }
    )


class LinkError(BackhaulError):
    """The connection to the server failed; a retry may help."""

    codes = frozenset({"connect_failed", "timed_out", "link_lost", "server_busy"})
    retryable = True


class RemoteError(BackhaulError):
    """The server, or the local operating system, refused the request."""

    codes = frozenset(
        {
            "not_found",
            "permission_denied",
            "already_exists",
            "no_space",
            "unsupported",
            "protocol_violation",
            "remote_failure",
        }
    )


class SelectionError(BackhaulError):
    """There is no good backup to select; the job that makes the backups has to be checked."""

    codes = frozenset({"no_match", "stale", "incomplete", "suspicious"})


class IntegrityError(BackhaulError):
    """The copy must not be trusted; nothing was published."""

    codes = frozenset({"source_changed", "short_transfer", "digest_mismatch", "publish_failed", "locked"})


# Invisible characters that str.isprintable accepts, as letters or marks: default-ignorable code points
# (DerivedCoreProperties.txt) and the empty Braille pattern.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


def printable(remote: bytes | str, *, limit: int = 4096) -> str:
    """Return text from a server with everything but printable characters as backslash escapes, cut at ``limit``.

    Escaped are control characters (C0, DEL, C1), line and paragraph separators, every blank but the common space,
    characters that change the direction of writing, invisible characters, and bytes that are not UTF-8. A cut text
    ends with the number of bytes or characters that are not shown.
    """
    text = remote[:limit]
    decoded = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else _ESCAPED_BYTE.sub(_byte, text)
    safe = decoded if _is_printable(decoded) else "".join(map(_escaped, decoded))
    unit = "bytes" if isinstance(remote, bytes) else "characters"
    return safe if len(remote) <= limit else f"{safe}... ({len(remote) - limit} more {unit})"


# Python's surrogates for bytes that are not UTF-8 (PEP 383).
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


def _byte(found: re.Match[str]) -> str:
    return f"\\x{ord(found.group()) - 0xDC00:02x}"


def _is_printable(text: str) -> bool:
    return text.isprintable() and not _INVISIBLE.search(text)


def _escaped(character: str) -> str:
    return character if _is_printable(character) else character.encode("unicode_escape").decode("ascii")


def _printable(detail: Detail) -> Detail:
    if isinstance(detail, str):
        return printable(detail, limit=sys.maxsize)
    if isinstance(detail, dict):
        return {printable(str(key)): _printable(value) for key, value in detail.items()}
    return [_printable(value) for value in detail] if isinstance(detail, (list, tuple)) else detail
