# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The ``FileSystem`` port over an SFTP session."""

from __future__ import annotations

import typing as t

from .._errors import RemoteError, printable
from .._model import USUAL_RESOURCES, Attributes, Digest, DirectoryEntry, Features, Resources, Space, Timeouts
from .._paths import require_safe
from . import wire
from .attributes import SftpAttributes
from .extensions import CommandRunner, RemoteDigests, ask_limits, ask_space, require_known
from .listing import Listings
from .optional import REPLACE, SYNC, OptionalRequests
from .reader import SftpReader
from .session import SLOWEST_BYTES_PER_SECOND, Session, blame_path
from .session_pool import SessionPool
from .writer import SftpWriter

# From this size on, the last byte of a file is read to confirm the size, since the size sets the deadline for hashing.
_CHECK_SIZE_FROM_BYTES = 60 * SLOWEST_BYTES_PER_SECOND


class SftpFileSystem:
    """The files of a server, over one session (the port's ``FileSystem``)."""

    def __init__(
        self,
        session: Session,
        *,
        timeouts: Timeouts,
        run_command: CommandRunner | None = None,
        remote_checksum: str = "auto",
        open_another: t.Callable[[], Session] | None = None,
        resources: Resources = USUAL_RESOURCES,
        optional: OptionalRequests | None = None,
        server_version: str = "",
    ) -> None:
        self._session = session
        self._optional = OptionalRequests() if optional is None else optional
        self._listings = Listings(session, operation_seconds=timeouts.operation_seconds)
        self._resources = resources
        self._pool = SessionPool(session, open_another, fixed=resources.streams)
        self._timeouts = timeouts
        self._limits = ask_limits(session, self._optional)
        self._digests = RemoteDigests(
            session,
            None if run_command is None else self._pool.yielding(run_command),
            policy=remote_checksum,
            operation_seconds=timeouts.operation_seconds,
            optional=self._optional,
            server_version=server_version,
        )

    def close(self) -> None:
        """Close the additional sessions that were opened for writing, but not the first; never raises.

        The first session belongs to the caller.
        """
        self._pool.close()

    @property
    def was_closed_by_server(self) -> bool:
        """Whether the server ended this session while its connection stayed open."""
        return self._session.closed_by_server

    def features(self) -> Features:
        """Return the features that the server announced at the start, without those that it has refused since."""
        announced = self._session.extensions
        return Features(
            limits=self._limits,
            can_sync=self._optional.offers(self._session, SYNC),
            can_replace=self._optional.offers(self._session, REPLACE),
            extensions=tuple((printable(name), printable(data)) for name, data in sorted(announced.items())),
        )

    def canonical(self, path: bytes) -> bytes:
        """Return the absolute form of a path (REALPATH)."""
        with blame_path(path):
            return self._session.expect_path(self._session.call(wire.REALPATH, _path(path)))

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        """Return the attributes of what is at ``path`` (STAT or LSTAT)."""
        with blame_path(path):
            kind = wire.STAT if follow else wire.LSTAT
            return self._session.expect_attributes(self._session.call(kind, _path(path)))

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        """Yield a directory's entries, within the limits of ``Listings``."""
        return self._listings.entries(path, _path(path))

    def open_reader(self, path: bytes) -> SftpReader:
        """Open a file for reading."""
        handle = self._open(path, wire.OPEN_READ, Attributes())
        return SftpReader(
            self._session,
            handle,
            path,
            block_bytes=self._limits.read_bytes,
            ahead_bytes=self._resources.read_ahead_bytes,
            stall_seconds=self._timeouts.stall_seconds,
        )

    def create(self, path: bytes, *, mode: int) -> SftpWriter:
        """Create a new file, exclusively, and open it for writing."""
        flags = wire.OPEN_WRITE | wire.OPEN_CREATE | wire.OPEN_EXCLUSIVE
        try:
            handle = self._open(path, flags, Attributes(mode=mode))
        except RemoteError as exc:
            error = self._if_occupied(exc, path)
            if error.code != "remote_failure":
                raise error from exc
            # FAILURE without a file of that name: another run may have removed or renamed its file meanwhile.
            handle = self._open(path, flags, Attributes(mode=mode))
        return self._writer(handle, path)

    def reopen(self, path: bytes) -> SftpWriter:
        """Open an existing file for writing, after checking its type: opening a FIFO would block the server."""
        self._require_regular(path, "write to")
        return self._writer(self._open(path, wire.OPEN_WRITE, Attributes()), path)

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> SftpAttributes:
        """Open an existing file for its attributes.

        It is opened for reading unless ``for_writing``: managed services may treat any other open as an upload.
        """
        self._require_regular(path, "change")
        handle = self._open(path, wire.OPEN_WRITE if for_writing else wire.OPEN_READ, Attributes())
        return SftpAttributes(self._session, handle, path)

    def _require_regular(self, path: bytes, action: str) -> None:
        if self.attributes(path, follow=False).kind not in ("file", "unknown"):
            raise RemoteError(
                "remote_failure", f"cannot {action} {printable(path)}: it is not a regular file", path=path
            )

    def _writer(self, handle: bytes, path: bytes) -> SftpWriter:
        return SftpWriter(
            self._session,
            handle,
            path,
            pool=self._pool,
            block_bytes=self._limits.write_bytes,
            stall_seconds=self._timeouts.stall_seconds,
            optional=self._optional,
        )

    def _open(self, path: bytes, flags: int, wanted: Attributes) -> bytes:
        with blame_path(path):
            body = (_path(path), wire.uint32(flags), wire.attributes(wanted))
            return self._session.expect_handle(self._session.call(wire.OPEN, *body))

    def _if_occupied(self, error: RemoteError, path: bytes) -> RemoteError:
        """Return ``already_exists`` in place of an unspecific error if something is at ``path``.

        Version 3 has no status for it (draft section 7), so servers answer FAILURE.
        """
        if error.code not in ("remote_failure", "permission_denied") or not self._is_occupied(path):
            return error
        return RemoteError("already_exists", "there is something of that name already", path=path)

    def _is_occupied(self, path: bytes) -> bool:
        try:
            self.attributes(path, follow=False)
        except RemoteError:
            return False
        return True

    def set_attributes(self, path: bytes, wanted: Attributes, *, follow: bool) -> None:
        """Set the attributes that are not None: SETSTAT, or without ``follow`` lsetstat@openssh.com.

        The extension is in OpenSSH PROTOCOL section 4.7.
        """
        if not follow and b"lsetstat@openssh.com" not in self._session.extensions:
            raise RemoteError("unsupported", "the server can set attributes by name only through links", path=path)
        wanted = wire.completed(wanted, lambda: self.attributes(path, follow=follow))
        if follow:
            self._change(path, wire.SETSTAT, _path(path), wire.attributes(wanted))
        else:
            name = wire.string(b"lsetstat@openssh.com")
            self._change(path, wire.EXTENDED, name, _path(path), wire.attributes(wanted))

    def make_directory(self, path: bytes, *, mode: int) -> None:
        """Create one directory (MKDIR)."""
        try:
            self._change(path, wire.MKDIR, _path(path), wire.attributes(Attributes(mode=mode)))
        except RemoteError as exc:
            raise self._if_occupied(exc, path) from exc

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory (RMDIR)."""
        self._change(path, wire.RMDIR, _path(path))

    def remove(self, path: bytes) -> None:
        """Remove a file or a symlink (REMOVE)."""
        self._change(path, wire.REMOVE, _path(path))

    def rename(self, source: bytes, target: bytes) -> None:
        """Rename; ``already_exists`` when something is at ``target``.

        The target is checked first: some servers overwrite it, against draft section 6.5.
        """
        if self._is_occupied(target):
            raise RemoteError("already_exists", "there is something of that name already", path=target)
        try:
            self._change(source, wire.RENAME, _path(source), _path(target))
        except RemoteError as exc:
            raise self._if_occupied(exc, target) from exc

    def replace(self, source: bytes, target: bytes) -> None:
        """Rename over a file in one step (posix-rename@openssh.com, OpenSSH PROTOCOL section 4.3)."""
        if not self._optional.offers(self._session, REPLACE):
            raise RemoteError("unsupported", "the server cannot rename over an existing file in one step", path=target)
        with self._optional.asking(self._session, REPLACE):
            self._change(source, wire.EXTENDED, wire.string(REPLACE), _path(source), _path(target))

    def _change(self, path: bytes, kind: int, *parts: bytes) -> None:
        with blame_path(path):
            self._session.expect_ok(self._session.call(kind, *parts))

    def digest(
        self,
        path: bytes,
        *,
        algorithm: str,
        length: int | None = None,
        waiting: t.Callable[[], None] | None = None,
        without_command: bool = False,
    ) -> Digest | None:
        """Return a digest that the server computed; None when it cannot compute one."""
        require_known(algorithm)
        if not self._digests.methods(without_command=without_command):
            return None
        with blame_path(path):
            absolute = path if path.startswith(b"/") else self.canonical(path)
            found = self.attributes(absolute, follow=True)
            size = found.size or 0
            part = None if length is None or length >= size else length
            wanted = size if part is None else part
            if wanted >= _CHECK_SIZE_FROM_BYTES and not (found.kind == "file" and self._has_byte(absolute, wanted - 1)):
                return None  # the size sets the deadline for hashing, and it is false
            return self._digests.digest(
                absolute,
                algorithm=algorithm,
                length=part,
                size_bytes=wanted,
                waiting=waiting,
                without_command=without_command,
            )

    def _has_byte(self, path: bytes, offset: int) -> bool:
        with self.open_reader(path) as reader:
            return any(len(block) == 1 for block in reader.blocks(offset=offset, length=1))

    def space(self, path: bytes) -> Space | None:
        """Return the space of the file system that holds ``path`` (statvfs@openssh.com)."""
        with blame_path(path):
            return ask_space(self._session, self._optional, path)


def _path(path: bytes) -> bytes:
    """Encode a path; ``unsafe_path`` when it is empty or contains a NUL (a NUL makes OpenSSH's server exit)."""
    return wire.string(require_safe(path, what="path"))
