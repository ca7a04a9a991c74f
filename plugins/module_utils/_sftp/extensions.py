# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Extensions of SFTP version 3: limits, free space, and digests computed on the server."""

from __future__ import annotations

import re
import time
import typing as t

from .._errors import BackhaulError, InputError, LinkError, RemoteError
from .._model import Digest, Limits, Space
from . import wire
from .optional import CHECK_FILE, COMMAND, LIMITS, SPACE, OptionalRequests
from .session import SLOWEST_BYTES_PER_SECOND, Session

# Every server must accept these (draft section 3: 34,000 bytes for each packet, 32,768 of them data).
BASE_LIMITS = Limits(packet_bytes=34_000, read_bytes=32_768, write_bytes=32_768)
# The upper bound of a request: OpenSSH's limit of 256 KiB for each packet, less 1 KiB for the headers.
CEILING_BYTES = 255 * 1024
FLOOR_BYTES = 1024

DIGEST_COMMANDS = {"sha256": "sha256sum", "sha512": "sha512sum"}
# OpenSSL's SHA-256 takes half the time of sha256sum's on many machines. On large files that outweighs a failed try.
OPENSSL_COMMANDS = {"sha256": "xargs -0 openssl dgst -sha256 -r", "sha512": "xargs -0 openssl dgst -sha512 -r"}
OPENSSL_FROM_BYTES = 16 * 1024 * 1024
# The interval of requests which check that a server still answers while it runs a digest command.
PROBE_SECONDS = 60.0
# ProFTPD implements check-file in version 3 without announcing it.
_SUPPORTS_UNANNOUNCED = "SSH-2.0-mod_sftp"
_HEX_DIGITS = {"sha256": 64, "sha512": 128}
_CHECK_BLOCK_BYTES = 16 * 1024


class CommandRunner(t.Protocol):
    """Runs a constant command on the authenticated connection of the SFTP session."""

    def __call__(
        self,
        command: str,
        *,
        stdin: bytes,
        timeout_seconds: float,
        limit_bytes: int,
        waiting: t.Callable[[], None],
    ) -> tuple[int, bytes]:
        """Return exit status and standard output; RemoteError ``unsupported`` when the server runs no commands.

        ``waiting`` is called about twice a second until the command has ended. An exception of it ends the command.
        """


def ask_limits(session: Session, optional: OptionalRequests) -> Limits:
    """Return the reply to limits@openssh.com (OpenSSH PROTOCOL section 4.8), clamped to usable values."""
    if not optional.offers(session, LIMITS):
        return BASE_LIMITS
    try:
        with optional.asking(session, LIMITS):
            packet, read, write, handles = session.expect_extended(
                session.call(wire.EXTENDED, wire.string(LIMITS)),
                lambda fields: (fields.uint64(), fields.uint64(), fields.uint64(), fields.uint64()),
            )
    except RemoteError as exc:
        if exc.code == "protocol_violation":
            raise
        return BASE_LIMITS
    return Limits(packet, _bounded(read), _bounded(write), handles)


def _bounded(announced_bytes: int) -> int:
    """Return a limit between FLOOR_BYTES and CEILING_BYTES; 0 means that the server states no limit."""
    if announced_bytes == 0:
        return BASE_LIMITS.read_bytes
    return max(FLOOR_BYTES, min(announced_bytes, CEILING_BYTES))


def ask_space(session: Session, optional: OptionalRequests, path: bytes) -> Space | None:
    """Return the space that this account may use (statvfs@openssh.com, OpenSSH PROTOCOL section 4.4)."""
    if not optional.offers(session, SPACE):
        return None
    try:
        with optional.asking(session, SPACE):
            reply = session.call(wire.EXTENDED, wire.string(SPACE), wire.string(path))
            numbers = session.expect_extended(reply, lambda fields: [fields.uint64() for _field in range(11)])
    except RemoteError as exc:
        if exc.code != "unsupported":
            raise
        return None  # announced, but not implemented
    _block, fragment, blocks, _free, available = numbers[:5]
    return Space(free_bytes=available * fragment, total_bytes=blocks * fragment)


MAX_DIGEST_SECONDS = 24 * 60 * 60.0


def digest_timeout(base_seconds: float, size_bytes: int) -> float:
    """Return the timeout, in seconds, for a request that reads ``size_bytes`` on the server: at most a day.

    It is ``base_seconds`` plus a second for every 10 MB. The cap is needed because the server states the size: the
    largest number would exceed the range of every timer.
    """
    return min(base_seconds + size_bytes / SLOWEST_BYTES_PER_SECOND, MAX_DIGEST_SECONDS)


class RemoteDigests:
    """The ways to hash a file on the server, strongest first; a way that fails permanently is not tried again.

    ``policy`` is the endpoint's ``remote_checksum``: ``auto``, ``extension``, ``command`` or ``never``.
    """

    def __init__(
        self,
        session: Session,
        run_command: CommandRunner | None,
        *,
        policy: str,
        operation_seconds: float,
        optional: OptionalRequests,
        server_version: str,
    ) -> None:
        self._session = session
        self._run_command = run_command
        self._policy = policy
        self._operation_seconds = operation_seconds
        self._optional = optional
        # Some servers end the session at an unknown extension (Erlang's ssh_sftpd). The request is sent only to servers
        # that are known to support it, or if the user asks for it.
        supports = _announces_check_file(session) or server_version.startswith(_SUPPORTS_UNANNOUNCED)
        self._may_use_extension = policy == "extension" or (policy == "auto" and supports)
        self._may_use_command = policy in ("auto", "command") and run_command is not None
        self._may_use_openssl = True

    def methods(self, *, without_command: bool = False) -> tuple[str, ...]:
        """Return the ways that have not failed permanently, strongest first."""
        ways = (("check-file", self._can_use_extension), ("command", self._may_start_command(without_command)))
        return tuple(name for name, usable in ways if usable)

    @property
    def _can_use_extension(self) -> bool:
        return self._may_use_extension and self._optional.may_ask(CHECK_FILE)

    @property
    def _can_use_command(self) -> bool:
        return self._may_use_command and self._optional.may_ask(COMMAND)

    def _may_start_command(self, without_command: bool) -> bool:
        return self._can_use_command and not (without_command and self._policy == "auto")

    def digest(
        self,
        path: bytes,
        *,
        algorithm: str,
        length: int | None,
        size_bytes: int,
        waiting: t.Callable[[], None] | None = None,
        without_command: bool = False,
    ) -> Digest | None:
        """Return the digest of the file at ``path`` or of its first ``length`` bytes; None when no way works.

        ``waiting`` is called about twice a second until then.
        """
        seconds = digest_timeout(self._operation_seconds, size_bytes)
        waiting = waiting or _do_nothing
        if self._can_use_extension and _is_reliable_range(length, size_bytes):
            hexdigest = self._check_file(path, algorithm, length, seconds, waiting)
            if hexdigest is not None:
                return Digest(algorithm, hexdigest, "check-file")
        if self._may_start_command(without_command) and self._run_command is not None:
            run = _CommandRun(self._session, self._optional, self._run_command, seconds, waiting)
            hexdigest = None
            if self._may_use_openssl and length is None and size_bytes >= OPENSSL_FROM_BYTES and path.startswith(b"/"):
                hexdigest = self._openssl_command(run, path, algorithm)
            if hexdigest is None and self._can_use_command:
                hexdigest = self._command(run, path, algorithm, length)
            if hexdigest is not None:
                return Digest(algorithm, hexdigest, "command")
        return None

    def _check_file(
        self, path: bytes, algorithm: str, length: int | None, seconds: float, waiting: t.Callable[[], None]
    ) -> str | None:
        """Return the reply to check-file-name (draft-ietf-secsh-filexfer-extensions-00 section 3) as hexadecimal text.

        The request asks for one block that covers the whole range.
        """
        body = b"".join(
            (
                wire.string(CHECK_FILE),
                wire.string(path),
                wire.string(algorithm.encode("ascii")),
                wire.uint64(0),
                wire.uint64(length or 0),
                wire.uint32(0),
            )
        )
        try:
            with self._optional.asking(self._session, CHECK_FILE, may_hang=True):
                reply = self._session.call(wire.EXTENDED, body, timeout_seconds=seconds, waiting=waiting)
                used, value = self._session.expect_extended(reply, _check_file_reply)
        except RemoteError as exc:
            if exc.code == "protocol_violation":
                raise
            return None
        answered = used == algorithm and len(value) * 2 == _HEX_DIGITS[algorithm]
        return value.hex() if answered else None

    def _openssl_command(self, run: _CommandRun, path: bytes, algorithm: str) -> str | None:
        """Return OpenSSL's digest; None when the caller has to use sha256sum instead.

        The path must be absolute, so that OpenSSL cannot take it for an option.
        """
        status, output = self._run_or_disable(run, OPENSSL_COMMANDS[algorithm], path + b"\0")
        digest = output[: _HEX_DIGITS[algorithm]]
        if status == 0 and _HEX.fullmatch(digest) and output[_HEX_DIGITS[algorithm] :] == b" *" + path + b"\n":
            return digest.decode("ascii")
        self._may_use_openssl = status == 123
        return None

    def _run_or_disable(self, run: _CommandRun, command: str, stdin: bytes) -> tuple[int, bytes]:
        """Return status and output of a command; if the server runs no commands, do not try it again."""
        try:
            return run(command, stdin)
        except LinkError:
            raise
        except BackhaulError:
            self._may_use_command = False
            return -1, b""

    def _command(self, run: _CommandRun, path: bytes, algorithm: str, length: int | None) -> str | None:
        """Return the digest that a constant command prints; None when it fails.

        The path is sent on standard input, so that no file name is ever part of a shell command.
        """
        tool = DIGEST_COMMANDS[algorithm]
        if length is None:
            command, stdin = f"xargs -0 {tool} -b --", path + b"\0"
        else:
            command = f'xargs -0 sh -c \'head -c "$1" -- "$2" | {tool} -b\' _'
            stdin = b"%d\0%s\0" % (length, path)
        status, output = self._run_or_disable(run, command, stdin)
        found = _DIGEST_LINE.fullmatch(output)
        if status != 0 or not found or len(found[1]) != _HEX_DIGITS[algorithm]:
            # 123: xargs ran the tool, and the tool could not read this file (xargs(1)). Any other status means that
            # the shell or the tool is missing.
            self._may_use_command = status == 123
            return None
        return found[1].decode("ascii")


class _CommandRun:
    """Runs digest commands on one file, and checks over the session every minute that the server still answers."""

    def __init__(
        self,
        session: Session,
        optional: OptionalRequests,
        run: CommandRunner,
        seconds: float,
        waiting: t.Callable[[], None],
    ) -> None:
        self._session = session
        self._optional = optional
        self._run = run
        self._seconds = seconds
        self._waiting = waiting
        self._probed = time.monotonic()

    def __call__(self, command: str, stdin: bytes) -> tuple[int, bytes]:
        """Return exit status and output."""
        try:
            with self._optional.asking(self._session, COMMAND):
                return self._run(
                    command,
                    stdin=stdin,
                    timeout_seconds=self._seconds,
                    limit_bytes=64 * 1024,
                    waiting=self._check_server,
                )
        except RemoteError as exc:
            self._session.poll()  # raises the error of a failed check
            if isinstance(exc.__cause__, LinkError) and exc.__cause__.code == "timed_out":
                self._optional.refuse(COMMAND)  # every other file would wait as long
            raise

    def _check_server(self) -> None:
        self._waiting()
        if time.monotonic() - self._probed >= PROBE_SECONDS:
            self._session.expect_path(self._session.call(wire.REALPATH, wire.string(b".")))
            self._probed = time.monotonic()


def _announces_check_file(session: Session) -> bool:
    """Return whether a server announces check-file, as an extension or in the lists of later SFTP versions."""
    if any(name.startswith(b"check-file") for name in session.extensions):
        return True
    return any(b"check-file" in session.extensions.get(name, b"") for name in (b"supported", b"supported2"))


def _do_nothing() -> None:
    """Do nothing: the default for ``waiting``."""


_HEX = re.compile(rb"[0-9a-f]+")
# Exactly one line. sha256sum puts a backslash in front when it escaped the name (coreutils manual, md5sum).
_DIGEST_LINE = re.compile(rb"\\?([0-9a-f]+) [ *][^\n]*\n")


def _is_reliable_range(length: int | None, size_bytes: int) -> bool:
    """Return whether servers hash this range correctly with check-file.

    ProFTPD 1.3.8 refuses an empty range as unsupported. It hashes the whole file when the range is longer than 16 KiB
    and no multiple of 16 KiB.
    """
    whole_blocks = length is None or length <= _CHECK_BLOCK_BYTES or length % _CHECK_BLOCK_BYTES == 0
    return size_bytes > 0 and length != 0 and whole_blocks


def require_known(algorithm: str) -> None:
    """Raise ``invalid_input`` unless ``algorithm`` is one of those that the port promises."""
    if algorithm not in _HEX_DIGITS:
        raise InputError(
            "invalid_input",
            f"no digest called {algorithm!r} is known",
            remedy=f"Use one of {', '.join(_HEX_DIGITS)}.",
        )


def _check_file_reply(fields: wire.Unpacker) -> tuple[str, bytes]:
    return fields.string().decode("ascii", "replace"), fields.rest()
