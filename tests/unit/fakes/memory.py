# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``FileSystem`` port on files in memory, over connections that can be lost, with failures that a test chooses.

A :class:`MemoryServer` outlives its connections; a :class:`MemoryFiles` is one connection. The server counts every call
of the port, and ``fault`` makes one of them fail.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import stat
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import Buffer
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    Attributes,
    Digest,
    DirectoryEntry,
    Endpoint,
    Features,
    Limits,
    Space,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Runtime

BLOCK = 1000
# Long after the modification times of the servers' files.
NOW = 1_800_000_000.0
# How a call fails: the server refuses it; the link is lost before the server gets it; or after the server did it.
REFUSED, UNHEARD, UNANSWERED = "refused", "unheard", "unanswered"
FAILURES = (REFUSED, UNHEARD, UNANSWERED)


@dataclass
class Node:
    """A file: its content and attributes."""

    content: bytearray
    mode: int = stat.S_IFREG | 0o644
    mtime: int = 1_700_000_000
    uid: int | None = 1
    atime: int | None = None

    def attributes(self) -> Attributes:
        atime = self.mtime if self.atime is None else self.atime
        return Attributes(len(self.content), self.mode, uid=self.uid, gid=1, atime=atime, mtime=self.mtime)


@dataclass
class MemoryServer:
    """The files of one server, and its behaviour.

    ``digest`` is how it hashes: ``check-file``, ``command``, or None when it cannot. ``wrong`` maps the names of calls
    that it always refuses to their error codes. ``uid`` is the account's, which owns every directory. With
    ``forgets_at_close`` a file that was written has the time of its closing. ``on_call`` is called with the name and
    path of every call before it is carried out.
    """

    files: dict[bytes, Node] = field(default_factory=dict)
    directories: set[bytes] = field(default_factory=lambda: {b"/", b"/in", b"/out", b"."})
    links: dict[bytes, bytes] = field(default_factory=dict)
    can_replace: bool = True
    can_sync: bool = True
    digest: str | None = "check-file"
    free_bytes: int | None = None
    wrong: dict[str, str] = field(default_factory=dict)
    damages_writes: bool = False
    forgets_attributes: bool = False
    forgets_at_close: bool = False
    can_set_links: bool = False
    uid: int | None = 1
    directory_mode: int = 0o755
    lies_about_digests: bool = False
    on_call: t.Callable[[str, bytes], None] = lambda name, path: None
    calls: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    open_handles: int = 0
    _fault: tuple[int, str] = (0, "")
    fault_met: bool = False

    def put(self, path: bytes, content: bytes, **more: t.Any) -> None:
        """Create a file directly, without a call of the port."""
        self.files[path] = Node(bytearray(content), **{"uid": self.uid, **more})

    def content(self, path: bytes) -> bytes | None:
        """Return the content of a file; None when it does not exist."""
        return bytes(self.files[path].content) if path in self.files else None

    def ours(self) -> list[bytes]:
        """Return the paths of the collection's temporary files."""
        return [path for path in self.files if b"/.backhaul-" in path]

    def fault(self, number: int, failure: str) -> None:
        """Make the call with this number fail, counted from 1 from now on."""
        self._fault, self.fault_met = (len(self.calls) + number, failure), False

    def arrive(self, name: str, path: bytes, act: t.Callable[[], t.Any]) -> t.Any:
        """Count a call and carry it out, unless a failure was set for it."""
        self.calls.append((name, path))
        self.on_call(name, path)
        if name in self.wrong:
            raise RemoteError(self.wrong[name], f"{name} is refused", path=path)
        number, failure = self._fault
        if len(self.calls) != number:
            return act()
        self.fault_met = True
        if failure == REFUSED:
            raise RemoteError("remote_failure", f"{name} failed", path=path)
        if failure == UNANSWERED:
            with contextlib.suppress(RemoteError):
                act()
        raise LinkError("link_lost", f"lost at {name}", path=path)


class MemoryFiles:
    """One connection to a server (the port's ``FileSystem``); it is unusable after a lost link."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server
        self.lost: LinkError | None = None
        server.connections += 1

    def _call(self, name: str, path: bytes, act: t.Callable[[], t.Any]) -> t.Any:
        if self.lost is not None:
            raise LinkError("link_lost", "the connection is gone", path=path)
        try:
            return self.server.arrive(name, path, act)
        except LinkError as exc:
            self.lost = exc
            raise

    def features(self) -> Features:
        limits = Limits(packet_bytes=34_000, read_bytes=BLOCK, write_bytes=BLOCK)
        return Features(limits=limits, can_sync=self.server.can_sync, can_replace=self.server.can_replace)

    def canonical(self, path: bytes) -> bytes:
        return path

    def attributes(self, path: bytes, *, follow: bool) -> Attributes:
        return t.cast(Attributes, self._call("attributes", path, lambda: self._attributes(path, follow)))

    def _attributes(self, path: bytes, follow: bool) -> Attributes:
        if path in self.server.links:
            if not follow:
                return Attributes(size=1, mode=stat.S_IFLNK | 0o777, mtime=1)
            path = self.server.links[path]
        if path in self.server.directories:
            return Attributes(size=1, mode=stat.S_IFDIR | self.server.directory_mode, uid=self.server.uid, mtime=1)
        return self._node(path).attributes()

    def _node(self, path: bytes) -> Node:
        if path not in self.server.files:
            raise RemoteError("not_found", "no such file or directory", path=path)
        return self.server.files[path]

    def entries(self, path: bytes) -> t.Iterator[DirectoryEntry]:
        yield from t.cast("list[DirectoryEntry]", self._call("entries", path, lambda: self._entries(path)))

    def _entries(self, path: bytes) -> list[DirectoryEntry]:
        if path not in self.server.directories:
            raise RemoteError("not_found", "no such directory", path=path)
        found = {p: Attributes(size=1, mode=stat.S_IFDIR | 0o755, mtime=1) for p in self.server.directories}
        found.update({p: node.attributes() for p, node in self.server.files.items()})
        found.update({p: self._attributes(p, False) for p in self.server.links})
        top = path.rstrip(b"/") + b"/"
        inside = [(p[len(top) :], a) for p, a in sorted(found.items()) if p.startswith(top) and p != top]
        return [DirectoryEntry(name, a) for name, a in inside if b"/" not in name]

    def open_reader(self, path: bytes) -> MemoryReader:
        return t.cast(MemoryReader, self._call("open_reader", path, lambda: MemoryReader(self, path, self._node(path))))

    def create(self, path: bytes, *, mode: int) -> MemoryWriter:
        def act() -> MemoryWriter:
            if path in self.server.files or path in self.server.links:
                raise RemoteError("already_exists", "it is there already", path=path)
            if path.rpartition(b"/")[0] not in self.server.directories:
                raise RemoteError("not_found", "no such directory", path=path)
            self.server.files[path] = node = Node(bytearray(), stat.S_IFREG | mode, uid=self.server.uid)
            return MemoryWriter(self, path, node)

        return t.cast(MemoryWriter, self._call("create", path, act))

    def reopen(self, path: bytes) -> MemoryWriter:
        def act() -> MemoryWriter:
            if path in self.server.links or path in self.server.directories:
                raise RemoteError("remote_failure", "it is not a regular file", path=path)
            return MemoryWriter(self, path, self._node(path))

        return t.cast(MemoryWriter, self._call("reopen", path, act))

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> MemoryAttributes:
        def act() -> MemoryAttributes:
            return MemoryAttributes(self, path, self._node(self.server.links.get(path, path)))

        return t.cast(MemoryAttributes, self._call("open_attributes", path, act))

    def set_attributes(self, path: bytes, wanted: Attributes, *, follow: bool) -> None:
        def act() -> None:
            if not follow and not self.server.can_set_links:
                raise RemoteError("unsupported", "no lsetstat", path=path)
            target = self.server.links.get(path, path) if follow else path
            apply(self._node(target), Attributes() if self.server.forgets_attributes else wanted)

        self._call("set_attributes", path, act)

    def make_directory(self, path: bytes, *, mode: int) -> None:
        def act() -> None:
            if path in self.server.directories:
                raise RemoteError("already_exists", "it is there already", path=path)
            self.server.directories.add(path)

        self._call("make_directory", path, act)

    def remove_directory(self, path: bytes) -> None:
        self._call("remove_directory", path, lambda: self.server.directories.remove(path))

    def remove(self, path: bytes) -> None:
        def act() -> None:
            self._node(path)
            del self.server.files[path]

        self._call("remove", path, act)

    def rename(self, source: bytes, target: bytes) -> None:
        def act() -> None:
            self._node(source)
            if target in self.server.files or target in self.server.directories:
                raise RemoteError("already_exists", "it is there already", path=target)
            self.server.files[target] = self.server.files.pop(source)

        self._call("rename", source, act)

    def replace(self, source: bytes, target: bytes) -> None:
        def act() -> None:
            if not self.server.can_replace:
                raise RemoteError("unsupported", "no posix-rename", path=target)
            self._node(source)
            self.server.files[target] = self.server.files.pop(source)

        self._call("replace", source, act)

    def digest(
        self,
        path: bytes,
        *,
        algorithm: str,
        length: int | None = None,
        waiting: t.Callable[[], None] | None = None,
        without_command: bool = False,
    ) -> Digest | None:
        if without_command and self.server.digest == "command":
            return None

        def act() -> Digest | None:
            content = bytes(self._node(path).content)[:length]
            if self.server.digest is None:
                return None
            if self.server.lies_about_digests:
                content += b"?"
            return Digest(algorithm, hashlib.new(algorithm, content).hexdigest(), self.server.digest)

        return t.cast("Digest | None", self._call("digest", path, act))

    def space(self, path: bytes) -> Space | None:
        free = self.server.free_bytes
        return t.cast(
            "Space | None", self._call("space", path, lambda: None if free is None else Space(free, 10 * free + 1))
        )


def apply(node: Node, wanted: Attributes) -> None:
    """Set the attributes that are not None."""
    if wanted.mode is not None:
        node.mode = stat.S_IFREG | stat.S_IMODE(wanted.mode)
    if wanted.mtime is not None:
        node.mtime = wanted.mtime
    if wanted.size is not None:
        node.content[wanted.size :] = b""


class _Handle:
    def __init__(self, files: MemoryFiles, path: bytes, node: Node) -> None:
        self._files, self._path, self._node = files, path, node
        self._is_open = True
        files.server.open_handles += 1

    def _call(self, name: str, act: t.Callable[[], t.Any]) -> t.Any:
        return self._files._call(name, self._path, act)

    def attributes(self) -> Attributes:
        return t.cast(Attributes, self._call("handle.attributes", self._node.attributes))

    def _leave(self, exc_type: object) -> None:
        if not self._is_open:
            return
        try:
            self.close()
        except BackhaulError:
            if exc_type is None:
                raise

    def close(self) -> None:
        self._is_open = False
        self._files.server.open_handles -= 1
        self._call("close", lambda: None)


class MemoryAttributes(_Handle):
    """The port's ``AttributesHandle``."""

    def __enter__(self) -> MemoryAttributes:
        return self

    def __exit__(self, exc_type: object, *_exc_info: object) -> None:
        self._leave(exc_type)

    def set_attributes(self, wanted: Attributes) -> None:
        wanted = Attributes() if self._files.server.forgets_attributes else wanted
        self._call("opened.set_attributes", lambda: apply(self._node, wanted))

    def attributes(self) -> Attributes:
        return t.cast(Attributes, self._call("opened.attributes", self._node.attributes))


class MemoryReader(_Handle):
    """The port's ``Reader``."""

    def opened_and_named(self) -> tuple[Attributes, Attributes]:
        named = functools.partial(self._files._attributes, self._path, False)
        return self.attributes(), t.cast(Attributes, self._call("attributes", named))

    def __enter__(self) -> MemoryReader:
        return self

    def __exit__(self, exc_type: object, *_exc_info: object) -> None:
        self._leave(exc_type)

    def _between(self, start: int, stop: int) -> bytes:
        return bytes(self._node.content[start:stop])

    def blocks(self, *, offset: int = 0, length: int | None = None) -> t.Iterator[Buffer]:
        end = None if length is None else offset + length
        while True:
            stop = offset + BLOCK if end is None else min(offset + BLOCK, end)
            block = self._call("read", functools.partial(self._between, offset, stop))
            if not block:
                return
            offset += len(block)
            yield block


class MemoryWriter(_Handle):
    """The port's ``Writer``; each write is complete on return."""

    def __enter__(self) -> MemoryWriter:
        return self

    def __exit__(self, exc_type: object, *_exc_info: object) -> None:
        self._leave(exc_type)

    def write(self, offset: int, block: Buffer) -> None:
        def act() -> None:
            content = bytearray(block)
            if self._files.server.damages_writes and content:
                content[0] ^= 1
            self._node.content[offset : offset + len(content)] = content

        self._call("write", act)

    def flush(self) -> None:
        self._call("flush", lambda: None)

    def sync(self) -> bool:
        return bool(self._call("sync", lambda: self._files.server.can_sync))

    def set_attributes(self, wanted: Attributes) -> None:
        self._call("handle.set_attributes", lambda: apply(self._node, wanted))

    def close(self) -> None:
        super().close()
        if self._files.server.forgets_at_close:
            self._node.mtime += 1


class MemoryPool:
    """A connection pool (``_transfer/source.py``) over servers in memory, by host; all sessions share a connection."""

    def __init__(self, **servers: MemoryServer) -> None:
        self.servers = servers
        self.key = b""
        self._open: dict[Endpoint, MemoryFiles] = {}
        self.forgotten: list[str] = []

    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> MemoryFiles:
        if endpoint not in self._open:
            self._open[endpoint] = MemoryFiles(self.servers[endpoint.host])
        return self._open[endpoint]

    def forget(self, endpoint: Endpoint, session_number: int = 0) -> None:
        self.forgotten.append(endpoint.host)
        if self._open.pop(endpoint, None) is not None:
            # The server closes the handles of the connection.
            self.servers[endpoint.host].open_handles = 0

    def job_key(self, *endpoints: Endpoint) -> bytes:
        return self.key


SOURCE = Endpoint(role="source", host="source")
DESTINATION = Endpoint(role="destination", host="destination")


def another(host: str) -> Endpoint:
    """Return an endpoint for another destination."""
    return replace(DESTINATION, host=host)


def runtime() -> Runtime:
    """Return a Runtime that does not wait, with unique tokens and a fixed clock."""
    numbers = iter(range(10**6))
    return Runtime(
        token=lambda: f"{next(numbers):016x}", random=lambda: 0.5, sleep=lambda seconds: None, clock=lambda: NOW
    )
