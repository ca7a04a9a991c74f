# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The data types of the collection, frozen. Paths and names are bytes, times are whole seconds since 1970."""

from __future__ import annotations

import stat
import typing as t
from dataclasses import dataclass, field

KNOWN_AUTHENTICATIONS = ("certificate", "key", "agent", "password", "keyboard-interactive")


@dataclass(frozen=True)
class Trust:
    """The declared trust in a server's host key.

    ``host_keys`` are pins (public key lines or ``SHA256:`` fingerprints); with any pin, nothing else is trusted.
    ``known_hosts_files`` are local paths, in the order in which they are read; ``None`` means the files that ssh reads
    by default. ``revoked_host_keys`` is a list of public keys as text, or the path of a file with such a list or a
    KRL.
    """

    host_keys: tuple[str, ...] = ()
    known_hosts: str = ""
    known_hosts_files: tuple[str, ...] | None = None
    host_key_alias: str = ""
    revoked_host_keys: str = ""


@dataclass(frozen=True)
class Credentials:
    """The user and the credentials for logging in to a server, after it was verified."""

    user: str = ""
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    private_key_file: str = ""
    private_key_passphrase: str | None = field(default=None, repr=False)
    certificate: str = ""
    use_agent: bool = True
    authentications: tuple[str, ...] = KNOWN_AUTHENTICATIONS


@dataclass(frozen=True)
class Timeouts:
    """The limits of all waits, in seconds.

    ``connect`` covers the time from the first address tried to the open SFTP session, ``operation`` one request and
    its reply, ``stall`` a transfer without progress. ``keepalive`` is the interval of keepalive messages.
    """

    connect_seconds: float = 20.0
    operation_seconds: float = 60.0
    stall_seconds: float = 60.0
    keepalive_seconds: float = 15.0


@dataclass(frozen=True)
class Resources:
    """The resources that one endpoint may use.

    ``streams`` is the number of channels that a file is written over; with None it follows from the round trip.
    ``memory_bytes`` is the limit for all data that the process holds for this endpoint.
    """

    streams: int | None = None
    memory_bytes: int = 64 * 1024 * 1024

    @property
    def read_ahead_bytes(self) -> int:
        """The limit of requested and received bytes of a file; the rest of the memory is for later stages."""
        return max(self.memory_bytes // 4, 1024 * 1024)


USUAL_RESOURCES = Resources()


@dataclass(frozen=True)
class Endpoint:
    """One end of a transfer: a server, or with ``local`` this machine's own file system.

    ``jump`` lists the jump hosts; the first one is connected to directly. ``server_command`` starts the SFTP server in
    place of the subsystem. ``algorithms`` is ``default``, ``legacy`` or ``post_quantum``.
    """

    role: str
    host: str = ""
    port: int = 22
    name: str = ""
    local: bool = False
    trust: Trust = Trust()
    credentials: Credentials = Credentials()
    timeouts: Timeouts = Timeouts()
    remote_checksum: str = "auto"
    compression: bool = False
    algorithms: str = "default"
    server_command: str = ""
    jump: tuple[Endpoint, ...] = ()

    @property
    def label(self) -> str:
        """The endpoint's name in results and messages: the inventory name, the address, or ``localhost``."""
        return self.name or self.host or "localhost"


_TYPE_BITS = 0o170000  # the bits of st_mode that stat.S_IFMT returns
_KINDS = {0: "unknown", stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


@dataclass(frozen=True)
class Attributes:
    """The attributes of a file; ``None`` for each one that the server omits (SFTP version 3 makes all optional).

    ``links`` is the number of hard links and ``identity`` the device and inode; SFTP version 3 has neither.
    """

    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    atime: int | None = None
    mtime: int | None = None
    links: int | None = field(default=None, compare=False)
    identity: tuple[int, int] | None = field(default=None, compare=False)

    @property
    def kind(self) -> str:
        """``file``, ``directory``, ``link``, ``other``, or ``unknown`` when the server sent no file type."""
        return "unknown" if self.mode is None else _KINDS.get(self.mode & _TYPE_BITS, "other")

    @property
    def permissions(self) -> int | None:
        """The permission bits without the file type, or ``None``."""
        return None if self.mode is None else stat.S_IMODE(self.mode)

    def is_same_file(self, other: Attributes) -> bool:
        """Return whether both may be of the same file.

        This compares device and inode if both have them, otherwise type, owner and size.
        """
        if self.identity is not None and other.identity is not None:
            return self.identity == other.identity
        same_kind = "unknown" in (self.kind, other.kind) or self.kind == other.kind
        return same_kind and _agree((self.uid, other.uid), (self.size, other.size))

    def is_unchanged_in(self, other: Attributes) -> bool:
        """Return whether both may be of the same file, with equal permissions, owner, group and modification time."""
        kept = ((self.permissions, other.permissions), (self.gid, other.gid), (self.mtime, other.mtime))
        return self.is_same_file(other) and _agree((self.uid, other.uid), *kept)

    def has_other_owner(self, other: Attributes) -> bool:
        """Return whether both have an owner and the owners differ."""
        return not _agree((self.uid, other.uid))


def _agree(*pairs: tuple[int | None, int | None]) -> bool:
    """Return whether each pair is equal; a pair with None counts as equal."""
    return all(first == second or None in (first, second) for first, second in pairs)


@dataclass(frozen=True)
class DirectoryEntry:
    """One entry of a listing: a base name as the server sent it, and its attributes, without following links."""

    name: bytes
    attributes: Attributes


@dataclass(frozen=True)
class RemoteFile:
    """A file that was found: its full path and its attributes."""

    path: bytes
    attributes: Attributes

    @property
    def name(self) -> bytes:
        """The last component of the path."""
        return self.path.rsplit(b"/", 1)[-1]


@dataclass(frozen=True)
class Digest:
    """A digest of a file's content, and how it was computed.

    ``method`` is ``check-file`` (the SFTP extension), ``command`` (the constant command on the server),
    ``readback`` (read and hashed here), ``stream`` (hashed here while it was copied), or ``local`` (the local file
    system).
    """

    algorithm: str
    hexdigest: str
    method: str


@dataclass(frozen=True)
class Space:
    """Free and total bytes of the file system that holds a path, for this account (statvfs@openssh.com)."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Limits:
    """The limits of one request, in bytes (limits@openssh.com, or the minimum that every server must accept)."""

    packet_bytes: int
    read_bytes: int
    write_bytes: int
    open_handles: int = 0


@dataclass(frozen=True)
class Features:
    """The optional features of a file system; ``extensions`` are the names and data that the server announced."""

    limits: Limits
    can_sync: bool
    can_replace: bool
    extensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ConnectionReport:
    """How a server was reached and verified; listed under ``connections`` in results.

    ``trusted_by`` is ``pin``, ``known_hosts`` or ``certificate``; ``trust_origin`` names the line or option. ``notes``
    are sentences about requests that the server does not support. More of them may be added during the task.
    """

    name: str
    host: str
    port: int
    user: str
    address: str
    server_version: str
    host_key_type: str
    host_key_algorithm: str
    host_key_fingerprint: str
    trusted_by: str
    trust_origin: str
    kex: str
    cipher: str
    mac: str
    strict_kex: bool
    authenticated_by: str
    jumps: tuple[str, ...] = ()
    notes: t.Sequence[str] = field(default=(), compare=False)


@dataclass(frozen=True)
class RelayOptions:
    """The options of a relay, with the values of ``sftp_relay``'s options of the same names.

    ``mode`` is the permission bits. ``None`` keeps those of a replaced file that this account owns, and otherwise
    means 0600. ``uid`` and ``gid`` are the owner and group of the copy, None for those of the account.
    """

    if_exists: str = "replace"
    compare: str = "auto"
    verify: str = "auto"
    preserve_mtime: bool = True
    mode: int | None = None
    preserve_mode: bool = False
    create_directories: bool = False
    resume: bool = True
    lock_timeout_seconds: float = 600.0
    source_digest: str = "auto"
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class Source:
    """The file to relay, as it was when it was inspected.

    ``seen`` has all attributes of LSTAT. ``racy`` is true if the file was modified so shortly before the inspection
    that another change may leave the same modification time.
    """

    path: bytes
    size: int
    mtime: int
    mode: int | None = None
    seen: Attributes = Attributes()
    racy: bool = False


@dataclass(frozen=True)
class Comparison:
    """Whether two files are the same, and the weakest proof used.

    ``compared_by`` is ``nothing`` (there is no file), ``size``, ``size_mtime``, ``check-file``, ``command``,
    ``local``, ``readback``, or ``unreadable`` (there is a file of the same size, and reading it fails).
    """

    same: bool
    compared_by: str
    digest: Digest | None = None


@dataclass(frozen=True)
class Step:
    """The plan for one destination, which check mode shows and the real run follows.

    ``action`` is ``create``, ``replace``, ``adjust`` (same content, other attributes), ``keep`` (nothing to do) or
    ``skip`` (``if_exists: skip``). ``adjust`` holds the attributes to set, for ``adjust`` and after a transfer. With
    ``keeps_mode`` the mode is that of the replaced file, and is used only if the account owns that file. ``ownership``
    has the uid and gid to set once the file is in place, and the mode to set with them.
    """

    action: str
    path: bytes
    comparison: Comparison
    before: Attributes | None
    adjust: Attributes = Attributes()
    missing_directories: tuple[bytes, ...] = ()
    keeps_mode: bool = False
    ownership: Attributes = Attributes()

    @property
    def changes(self) -> bool:
        """Whether the step changes anything."""
        return self.action in ("create", "replace", "adjust")

    @property
    def transfers(self) -> bool:
        """Whether the step copies content."""
        return self.action in ("create", "replace")


@dataclass(frozen=True)
class FailedAttempt:
    """The error of an attempt that was retried: its code, the role of its endpoint, and its cause."""

    code: str
    role: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """The result for one destination; the keys of ``sftp_relay``'s ``destinations`` (see its RETURN).

    ``warnings`` are for the task as a whole.
    """

    state: str
    path: bytes
    changed: bool = False
    compared_by: str = ""
    verified_by: str = ""
    sha256: str = ""
    bytes_sent: int = 0
    bytes_resumed: int = 0
    seconds: float = 0.0
    retried: tuple[FailedAttempt, ...] = ()
    attributes_changed: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def attempts(self) -> int:
        """The number of attempts."""
        return len(self.retried) + 1


Progress = t.Callable[[int], None]
# Called with the endpoint and the path of a file that is read only to hash it; returns the function for its progress.
Watch = t.Callable[[Endpoint, bytes], Progress]
