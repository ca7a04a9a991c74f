# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The nouns of the collection as frozen values. Paths and names are bytes, times are whole seconds since 1970."""

from __future__ import annotations

import stat
import typing as t
from dataclasses import dataclass, field

KNOWN_AUTHENTICATIONS = ("certificate", "key", "agent", "password", "keyboard-interactive")


@dataclass(frozen=True)
class Trust:
    """What may vouch for a server's host key.

    ``host_keys`` are pins (public key lines or ``SHA256:`` fingerprints); when there are any, nothing else is
    trusted. ``known_hosts_files`` are local paths in the order in which ssh would read them; ``None`` means the
    files that ssh reads by default. ``revoked_host_keys`` is a list of public keys as text, or the path of a file with
    such a list or with a KRL.
    """

    host_keys: tuple[str, ...] = ()
    known_hosts: str = ""
    known_hosts_files: tuple[str, ...] | None = None
    host_key_alias: str = ""
    revoked_host_keys: str = ""


@dataclass(frozen=True)
class Credentials:
    """Who logs in, and what may be shown to a server that has been verified."""

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
    """Every wait's bound, in seconds.

    ``connect`` covers everything from the first address tried to the SFTP session; ``operation`` one request and
    its reply; ``stall`` a transfer that makes no progress; ``keepalive`` is the interval of ignored messages.
    """

    connect_seconds: float = 20.0
    operation_seconds: float = 60.0
    stall_seconds: float = 60.0
    keepalive_seconds: float = 15.0


@dataclass(frozen=True)
class Resources:
    """What one end may use: ``streams`` are the channels that a file is written over, None lets the link decide.

    ``memory_bytes`` is for everything that the process keeps because of this end.
    """

    streams: int | None = None
    memory_bytes: int = 64 * 1024 * 1024

    @property
    def read_ahead_bytes(self) -> int:
        """How much of a file may be under way or wait to be taken; the rest is for whoever takes it."""
        return max(self.memory_bytes // 4, 1024 * 1024)


USUAL_RESOURCES = Resources()


@dataclass(frozen=True)
class Endpoint:
    """One end of a transfer: a server, or with ``local`` this machine's own file system.

    ``jump`` are the servers to go through, the first one nearest to this machine. ``server_command`` starts the SFTP
    server in place of the subsystem. ``algorithms`` is ``default``, ``legacy`` or ``post_quantum``.
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
        """How results and messages call this end: the inventory name, the address, or ``localhost``."""
        return self.name or self.host or "localhost"


_TYPE_BITS = 0o170000  # of st_mode, as stat.S_IFMT takes them
_KINDS = {0: "unknown", stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


@dataclass(frozen=True)
class Attributes:
    """What a server says about a file; ``None`` where it says nothing (SFTP version 3 lets it leave anything out).

    ``links`` counts the names of the file and ``identity`` is its device and inode: no SFTP server tells them.
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
        """The permission bits alone, or ``None``."""
        return None if self.mode is None else stat.S_IMODE(self.mode)

    def is_same_file(self, other: Attributes) -> bool:
        """Whether both may be of one file: by device and inode where both tell them, else by type, owner and size."""
        if self.identity is not None and other.identity is not None:
            return self.identity == other.identity
        same_kind = "unknown" in (self.kind, other.kind) or self.kind == other.kind
        return same_kind and _agree((self.uid, other.uid), (self.size, other.size))

    def is_unchanged_in(self, other: Attributes) -> bool:
        """Whether both are of one file, and it has the same permissions, owner, group and modification time in both."""
        kept = ((self.permissions, other.permissions), (self.gid, other.gid), (self.mtime, other.mtime))
        return self.is_same_file(other) and _agree((self.uid, other.uid), *kept)

    def has_other_owner(self, other: Attributes) -> bool:
        """Whether these are certainly two files of two accounts."""
        return not _agree((self.uid, other.uid))


def _agree(*pairs: tuple[int | None, int | None]) -> bool:
    """Say whether what both tell is the same; what one of them does not tell is no difference."""
    return all(first == second or None in (first, second) for first, second in pairs)


@dataclass(frozen=True)
class DirectoryEntry:
    """One entry of a listing: a base name as the server sent it, and what it said about it (not following links)."""

    name: bytes
    attributes: Attributes


@dataclass(frozen=True)
class RemoteFile:
    """A file that was found: its full path, and what is known about it."""

    path: bytes
    attributes: Attributes

    @property
    def name(self) -> bytes:
        """The last component of the path."""
        return self.path.rsplit(b"/", 1)[-1]


@dataclass(frozen=True)
class Digest:
    """A digest of a file's content, and who computed it.

    ``method`` is ``check-file`` (the SFTP extension), ``command`` (the constant command on the server),
    ``readback`` (read and hashed here), ``stream`` (hashed here while it was copied), or ``local`` (the local file
    system).
    """

    algorithm: str
    hexdigest: str
    method: str


@dataclass(frozen=True)
class Space:
    """Free and total bytes of the file system under a path, for the account that asks (statvfs@openssh.com)."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Limits:
    """What one request may carry, in bytes (limits@openssh.com, or what every server must take)."""

    packet_bytes: int
    read_bytes: int
    write_bytes: int
    open_handles: int = 0


@dataclass(frozen=True)
class Features:
    """What a file system can do beyond the bare protocol; ``extensions`` are the names and data it announced."""

    limits: Limits
    can_sync: bool
    can_replace: bool
    extensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ConnectionReport:
    """How a server was reached and proven: what results list under ``connections``.

    ``trusted_by`` is ``pin``, ``known_hosts`` or ``certificate``; ``trust_origin`` names the line or option. ``notes``
    are sentences about what the server does not do; there may be more of them as the task goes on.
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
    """What a relay was asked for; the values are those of ``sftp_relay``'s options of the same names.

    ``mode`` is the permission bits, ``None`` for "keep those of the file that is replaced if it is ours, else 0600".
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


@dataclass(frozen=True)
class Source:
    """The file to relay, as it was when it was looked at.

    ``seen`` is all that LSTAT said. ``racy`` says that it was written so shortly before the look that another change
    may leave the same modification time.
    """

    path: bytes
    size: int
    mtime: int
    mode: int | None = None
    seen: Attributes = Attributes()
    racy: bool = False


@dataclass(frozen=True)
class Comparison:
    """Whether two files are the same, and the weakest proof that went into the answer.

    ``compared_by`` is ``nothing`` (there is no file), ``size``, ``size_mtime``, ``check-file``, ``command``,
    ``local``, ``readback``, or ``unreadable`` (there is a file of the same size, and reading it fails).
    """

    same: bool
    compared_by: str
    digest: Digest | None = None


@dataclass(frozen=True)
class Step:
    """What will be done for one destination: the plan that check mode shows and the real run follows.

    ``action`` is ``create``, ``replace``, ``adjust`` (same content, other attributes), ``keep`` (nothing to do) or
    ``skip`` (``if_exists: skip``). ``adjust`` holds the attributes to set, for ``adjust`` and after a transfer. With
    ``keeps_mode`` the mode is that of the file which is replaced, and holds only if the account owns that file.
    """

    action: str
    path: bytes
    comparison: Comparison
    before: Attributes | None
    adjust: Attributes = Attributes()
    missing_directories: tuple[bytes, ...] = ()
    keeps_mode: bool = False

    @property
    def changes(self) -> bool:
        """Whether carrying it out changes anything."""
        return self.action in ("create", "replace", "adjust")

    @property
    def transfers(self) -> bool:
        """Whether content travels."""
        return self.action in ("create", "replace")


@dataclass(frozen=True)
class FailedAttempt:
    """Why an attempt ended that was followed by another one: the error's code, whose end it was, and its cause."""

    code: str
    role: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """What became of one destination; the keys of ``sftp_relay``'s ``destinations`` (see its RETURN).

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
        """How many times it was tried."""
        return len(self.retried) + 1


Progress = t.Callable[[int], None]
# Asked for the progress of reading a file only to hash it: at which end, and which file.
Watch = t.Callable[[Endpoint, bytes], Progress]
