# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a server offers beyond SFTP version 3: limits, space, and digests without a download."""

from __future__ import annotations

import re
import time
import typing as t

from .._errors import BackhaulError, InputError, LinkError, RemoteError
from .._model import Digest, Limits, Space
from . import wire
from .optional import CHECK_FILE, COMMAND, LIMITS, SPACE, OptionalRequests
from .session import SLOWEST_BYTES_PER_SECOND, Session

# What every server must take (draft section 3: 34,000 bytes a packet, 32,768 of data).
BASE_LIMITS = Limits(packet_bytes=34_000, read_bytes=32_768, write_bytes=32_768)
# The most we ask for: OpenSSH's own limit of 256 KiB a packet, less a KiB for the heads.
CEILING_BYTES = 255 * 1024
FLOOR_BYTES = 1024

DIGEST_COMMANDS = {"sha256": "sha256sum", "sha512": "sha512sum"}
# OpenSSL's SHA-256 takes half the time of sha256sum's on many machines, which pays for being tried on large files.
QUICK_COMMANDS = {"sha256": "xargs -0 openssl dgst -sha256 -r", "sha512": "xargs -0 openssl dgst -sha512 -r"}
QUICK_FROM_BYTES = 16 * 1024 * 1024
# How often a server that runs a digest command is asked whether it is still there.
PROBE_SECONDS = 60.0
# Answers check-file in version 3, and does not announce it there.
_ANSWERS_UNANNOUNCED = "SSH-2.0-mod_sftp"
_HEX_DIGITS = {"sha256": 64, "sha512": 128}
_CHECK_BLOCK_BYTES = 16 * 1024


class CommandRunner(t.Protocol):
    """Runs a constant command beside the SFTP session, on the same authenticated connection."""

    def __call__(
        self,
        command: str,
        *,
        stdin: bytes,
        timeout_seconds: float,
        limit_bytes: int,
        waiting: t.Callable[[], None],
    ) -> tuple[int, bytes]:
        """Return exit status and standard output; RemoteError ``unsupported`` where no command may be run.

        ``waiting`` is called about twice a second while it runs; what that raises ends the command.
        """


def ask_limits(session: Session, optional: OptionalRequests) -> Limits:
    """Ask limits@openssh.com (OpenSSH PROTOCOL section 4.8), and keep the answer between a floor and a ceiling."""
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
    return Limits(packet, _sane(read), _sane(write), handles)


def _sane(announced_bytes: int) -> int:
    """Zero means that the server states no limit; 1 or 2^64 are as unusable."""
    if announced_bytes == 0:
        return BASE_LIMITS.read_bytes
    return max(FLOOR_BYTES, min(announced_bytes, CEILING_BYTES))


def ask_space(session: Session, optional: OptionalRequests, path: bytes) -> Space | None:
    """Ask statvfs@openssh.com (OpenSSH PROTOCOL section 4.4) for the space that this account may use."""
    if not optional.offers(session, SPACE):
        return None
    try:
        with optional.asking(session, SPACE):
            reply = session.call(wire.EXTENDED, wire.string(SPACE), wire.string(path))
            numbers = session.expect_extended(reply, lambda fields: [fields.uint64() for _field in range(11)])
    except RemoteError as exc:
        if exc.code != "unsupported":
            raise
        return None  # announced, and not there
    _block, fragment, blocks, _free, available = numbers[:5]
    return Space(free_bytes=available * fragment, total_bytes=blocks * fragment)


MAX_DIGEST_SECONDS = 24 * 60 * 60.0


def digest_timeout(base_seconds: float, size_bytes: int) -> float:
    """Return how long a request may take that has to read ``size_bytes`` on the server, a day at most.

    That is the base, and a second for every 10 MB. The size is what the server says, and no timer takes the seconds
    that its largest number comes to.
    """
    return min(base_seconds + size_bytes / SLOWEST_BYTES_PER_SECOND, MAX_DIGEST_SECONDS)


class RemoteDigests:
    """The ways to have the server hash a file, strongest first; a way that fails for good is not tried again.

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
        # Some servers end the session at an extension that they do not know (Erlang's ssh_sftpd): only those are asked
        # that are known to answer, or of which the user says so.
        answers = _announces_check_file(session) or server_version.startswith(_ANSWERS_UNANNOUNCED)
        self._may_extend = policy == "extension" or (policy == "auto" and answers)
        self._may_command = policy in ("auto", "command") and run_command is not None
        self._may_be_quick = True

    def methods(self, *, without_command: bool = False) -> tuple[str, ...]:
        """Return the ways that have not failed so far, strongest first."""
        ways = (("check-file", self._can_extend), ("command", self._may_start_command(without_command)))
        return tuple(name for name, usable in ways if usable)

    @property
    def _can_extend(self) -> bool:
        return self._may_extend and self._optional.may_ask(CHECK_FILE)

    @property
    def _can_command(self) -> bool:
        return self._may_command and self._optional.may_ask(COMMAND)

    def _may_start_command(self, without_command: bool) -> bool:
        return self._can_command and not (without_command and self._policy == "auto")

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

        ``waiting`` is called about twice a second meanwhile.
        """
        seconds = digest_timeout(self._operation_seconds, size_bytes)
        waiting = waiting or _nothing
        if self._can_extend and _may_check(length, size_bytes):
            hexdigest = self._check_file(path, algorithm, length, seconds, waiting)
            if hexdigest is not None:
                return Digest(algorithm, hexdigest, "check-file")
        if self._may_start_command(without_command) and self._run_command is not None:
            run = _Running(self._session, self._optional, self._run_command, seconds, waiting)
            hexdigest = None
            if self._may_be_quick and length is None and size_bytes >= QUICK_FROM_BYTES and path.startswith(b"/"):
                hexdigest = self._quick_command(run, path, algorithm)
            if hexdigest is None and self._can_command:
                hexdigest = self._command(run, path, algorithm, length)
            if hexdigest is not None:
                return Digest(algorithm, hexdigest, "command")
        return None

    def _check_file(
        self, path: bytes, algorithm: str, length: int | None, seconds: float, waiting: t.Callable[[], None]
    ) -> str | None:
        """Ask check-file-name (draft-ietf-secsh-filexfer-extensions-00 section 3): one block, the whole range."""
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

    def _quick_command(self, run: _Running, path: bytes, algorithm: str) -> str | None:
        """Run OpenSSL on an absolute path, which it cannot take for an option; None when sha256sum has to be asked."""
        status, output = self._answer(run, QUICK_COMMANDS[algorithm], path + b"\0")
        digest = output[: _HEX_DIGITS[algorithm]]
        if status == 0 and _HEX.fullmatch(digest) and output[_HEX_DIGITS[algorithm] :] == b" *" + path + b"\n":
            return digest.decode("ascii")
        self._may_be_quick = status == 123
        return None

    def _answer(self, run: _Running, command: str, stdin: bytes) -> tuple[int, bytes]:
        """Return status and output; a server that runs no commands is not asked again."""
        try:
            return run(command, stdin)
        except LinkError:
            raise
        except BackhaulError:
            self._may_command = False
            return -1, b""

    def _command(self, run: _Running, path: bytes, algorithm: str, length: int | None) -> str | None:
        """Run a constant command; the path goes to its standard input, so no name is ever in a shell line."""
        tool = DIGEST_COMMANDS[algorithm]
        if length is None:
            command, stdin = f"xargs -0 {tool} -b --", path + b"\0"
        else:
            command = f'xargs -0 sh -c \'head -c "$1" -- "$2" | {tool} -b\' _'
            stdin = b"%d\0%s\0" % (length, path)
        status, output = self._answer(run, command, stdin)
        found = _DIGEST_LINE.fullmatch(output)
        if status != 0 or not found or len(found[1]) != _HEX_DIGITS[algorithm]:
            # 123: xargs ran the tool, and this one file could not be read (xargs(1)). Anything else is no such shell.
            self._may_command = status == 123
            return None
        return found[1].decode("ascii")


class _Running:
    """Runs digest commands on one file, and asks the session every minute whether its server is still there."""

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
                    command, stdin=stdin, timeout_seconds=self._seconds, limit_bytes=64 * 1024, waiting=self._look
                )
        except RemoteError as exc:
            self._session.poll()  # raises what the probe has found
            if isinstance(exc.__cause__, LinkError) and exc.__cause__.code == "timed_out":
                self._optional.refuse(COMMAND)  # every further file would have to wait as long
            raise

    def _look(self) -> None:
        self._waiting()
        if time.monotonic() - self._probed >= PROBE_SECONDS:
            self._session.expect_path(self._session.call(wire.REALPATH, wire.string(b".")))
            self._probed = time.monotonic()


def _announces_check_file(session: Session) -> bool:
    """Say whether a server announces check-file, by a name of its own or in the lists of later versions."""
    if any(name.startswith(b"check-file") for name in session.extensions):
        return True
    return any(b"check-file" in session.extensions.get(name, b"") for name in (b"supported", b"supported2"))


def _nothing() -> None:
    """Do nothing while the server is at work."""


_HEX = re.compile(rb"[0-9a-f]+")
# One line, exactly: sha256sum puts a backslash in front when it had to escape the name (coreutils manual, md5sum).
_DIGEST_LINE = re.compile(rb"\\?([0-9a-f]+) [ *][^\n]*\n")


def _may_check(length: int | None, size_bytes: int) -> bool:
    """Say whether check-file can be trusted with this range.

    ProFTPD 1.3.8 calls an empty range unsupported, and hashes the whole file when the last of its 16 KiB blocks is not
    whole: only ranges that it gets right are asked for.
    """
    whole_blocks = length is None or length <= _CHECK_BLOCK_BYTES or length % _CHECK_BLOCK_BYTES == 0
    return size_bytes > 0 and length != 0 and whole_blocks


def require_known(algorithm: str) -> None:
    """Raise ``invalid_input`` for a digest other than those that the port promises."""
    if algorithm not in _HEX_DIGITS:
        raise InputError(
            "invalid_input",
            f"no digest called {algorithm!r} is known",
            remedy=f"Use one of {', '.join(_HEX_DIGITS)}.",
        )


def _check_file_reply(fields: wire.Unpacker) -> tuple[str, bytes]:
    return fields.string().decode("ascii", "replace"), fields.rest()
