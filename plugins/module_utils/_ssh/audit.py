# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The record of who was reached, when, and why the server was believed: on standard loggers, and on nothing else."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import typing as t

from .._errors import BackhaulError, InputError, printable
from .._model import ConnectionReport
from .files import opened

LEVELS = {"info": logging.INFO, "debug": logging.DEBUG}
_LOG = logging.getLogger("backhaul.sftp")
_FORMAT = "%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"
# Records of paramiko's for one run: most of them are the server's doing, and must not fill the disk.
MAX_FOREIGN_RECORDS = 10_000


def connected(report: ConnectionReport) -> None:
    """Record a connection that was verified and logged in to."""
    _LOG.info(
        "connected to %s (%s port %d, %s) as %s by %s; host key %s %s trusted by %s (%s); %s, %s%s, strict kex %s%s",
        report.name,
        report.host,
        report.port,
        report.server_version,
        report.user,
        report.authenticated_by,
        report.host_key_algorithm,
        report.host_key_fingerprint,
        report.trusted_by,
        report.trust_origin,
        report.kex,
        report.cipher,
        f" with {report.mac}" if report.mac else "",
        "yes" if report.strict_kex else "no",
        f"; through {', '.join(report.jumps)}" if report.jumps else "",
    )


def refused(error: BackhaulError) -> None:
    """Record why a connection was not made, on its way to whoever asked for it."""
    _LOG.warning("%s: %s", error.code, error.message.replace("\n", " "))


def passed_over(notes: t.Iterable[str]) -> None:
    """Record which known-hosts lines about a server could not be used, and why."""
    for note in notes:
        _LOG.debug("passed over: %s", note)


@contextlib.contextmanager
def recording(file_name: str, level: str) -> t.Iterator[None]:
    """Append our own and paramiko's records to a file for as long as the block runs; without a name, to nothing.

    The file is created readable for its owner alone. A link is not followed, and a file that another user owns or can
    write is refused (``unsafe_path``). No record holds a secret: paramiko logs none, and neither do we.
    """
    if not file_name:
        yield
        return
    handler = _file_handler(file_name)
    handler.setFormatter(_InertLines(_FORMAT))
    handler.addFilter(_Enough())
    loggers = (_LOG, logging.getLogger("paramiko"))
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(LEVELS[level])
    try:
        yield
    finally:
        for logger, before in zip(loggers, levels):
            logger.removeHandler(handler)
            logger.setLevel(before)
        with contextlib.suppress(OSError):  # what is still to be flushed may find no room, either
            handler.stream.close()


def _file_handler(file_name: str) -> logging.StreamHandler[t.TextIO]:
    try:
        with opened(file_name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as found:
            _require_own(file_name, os.fstat(found))
            descriptor = os.dup(found)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise _unsafe(file_name, "is a link") from exc
        raise InputError(
            "invalid_input",
            f"log_file {file_name} cannot be written: {exc.strerror}",
            remedy="Name a file in a directory that exists and that the account running Ansible may write.",
        ) from exc
    return _QuietHandler(os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace"))


def _require_own(file_name: str, found: os.stat_result) -> None:
    """Raise InputError for a file that another user may have put there, or can change."""
    if found.st_uid != os.geteuid():
        raise _unsafe(file_name, f"belongs to another user (uid {found.st_uid})")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unsafe(file_name, f"can be written by others (mode {stat.S_IMODE(found.st_mode):04o})")
    if found.st_nlink > 1:
        raise _unsafe(file_name, "has another name, too (a hard link)")


def _unsafe(file_name: str, what: str) -> InputError:
    return InputError(
        "unsafe_path",
        f"log_file {file_name} {what}",
        remedy="Nothing was written to it. Name a file of the account that runs Ansible, best in a directory where no"
        " other user may create files.",
        details={"option": "log_file"},
    )


class _QuietHandler(logging.StreamHandler):  # type: ignore[type-arg]  # no subscript before Python 3.11
    """Keeps a record that cannot be written, as on a full disk, from being printed beside the module's result."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing."""


class _Enough(logging.Filter):
    """Lets all of our own records through, and so many of others, the last of which says that it is the last."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_FOREIGN_RECORDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is to be kept."""
        if record.name == _LOG.name:
            return True
        self._left -= 1
        if self._left == 0:
            record.msg, record.args = "and more, which is not recorded", ()
        return self._left >= 0


class _InertLines(logging.Formatter):
    """Keeps a record on one line, with whatever a server said in it made inert."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return printable(super().format(record).encode("utf-8", "surrogateescape"))


_LOG.addHandler(logging.NullHandler())
