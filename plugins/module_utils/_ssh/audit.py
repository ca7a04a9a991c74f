# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Log each connection: which server, when, and why its host key was trusted. Standard loggers only."""

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
# The limit of paramiko's records in one run. Servers cause most of them, and they must not fill the disk.
MAX_FOREIGN_RECORDS = 10_000


def connected(report: ConnectionReport) -> None:
    """Log a connection after verification and login."""
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
    """Log why a connection was not made."""
    _LOG.warning("%s: %s", error.code, error.message.replace("\n", " "))


def passed_over(notes: t.Iterable[str]) -> None:
    """Log which known-hosts lines about a server could not be used, and why."""
    for note in notes:
        _LOG.debug("passed over: %s", note)


@contextlib.contextmanager
def recording(file_name: str, level: str) -> t.Iterator[None]:
    """Append our own and paramiko's records to a file during the block; without a file name, do nothing.

    A new file is readable only for its owner. A link is not followed; a file that another user owns or can write is
    ``unsafe_path``. No record holds a secret: paramiko logs none, and neither do we.
    """
    if not file_name:
        yield
        return
    handler = _file_handler(file_name)
    handler.setFormatter(_PrintableFormatter(_FORMAT))
    handler.addFilter(_ForeignRecordLimit())
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
        with contextlib.suppress(OSError):  # flushing the rest may fail on a full disk
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
    """Raise ``unsafe_path`` for a file that another user may have created or can change."""
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
    """Ignores a record that cannot be written, as on a full disk.

    logging's own handler would print an error to standard error, where the module's result is due.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing."""


class _ForeignRecordLimit(logging.Filter):
    """Passes all of our own records, and MAX_FOREIGN_RECORDS of others; the last of these says so."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_FOREIGN_RECORDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to keep the record."""
        if record.name == _LOG.name:
            return True
        self._left -= 1
        if self._left == 0:
            record.msg, record.args = "and more, which is not recorded", ()
        return self._left >= 0


class _PrintableFormatter(logging.Formatter):
    """Formats a record as one line of printable text, since it may contain text of a server."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return printable(super().format(record).encode("utf-8", "surrogateescape"))


_LOG.addHandler(logging.NullHandler())
