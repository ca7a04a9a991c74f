# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Parse known_hosts files as ssh does (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), and look up hosts in them."""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass

from .host_patterns import matches
from .public_key import CERTIFICATE_SUFFIX, PublicKey, is_known_type, read_key_text, read_public_key, type_name
from .revoked_host_keys import read_key_line
from .ssh_wire import WireError

_BLANKS = b" \t"


class Marker(enum.Enum):
    """What a line states about its hosts."""

    KEY = ""
    AUTHORITY = "@cert-authority"
    REVOKED = "@revoked"
    UNKNOWN = "@"
    # A tab after the marker hides it from ssh. Such a revocation still applies here; such an authority does not.
    OVERLOOKED = "@cert-authority, then a tab"


@dataclass(frozen=True)
class KnownHostsLine:
    """One line that is no comment, split into fields. The key is decoded only when the line names the host."""

    marker: Marker
    hosts: bytes
    key_text: bytes
    origin: str
    number: int

    @property
    def place(self) -> str:
        """The position of the line, as ``file:line``."""
        return f"{self.origin}:{self.number}"

    def names(self, name: bytes) -> bool:
        """Return whether the line names this host. Raises ``WireError`` when its hosts field cannot be read."""
        return matches(name, self.hosts)


@dataclass(frozen=True)
class KnownKey:
    """A key that a line lists for a host."""

    marker: Marker
    key: PublicKey
    place: str


@dataclass(frozen=True)
class Known:
    """All keys that are listed for one name.

    ``faults`` are unreadable lines that may revoke a key. ``notes`` are lines that were skipped, with the reason, for
    debug output.
    """

    keys: tuple[KnownKey, ...] = ()
    authorities: tuple[KnownKey, ...] = ()
    revoked: tuple[KnownKey, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownHosts:
    """The lines of one known_hosts text; ``origin`` names the text in messages."""

    origin: str
    lines: tuple[KnownHostsLine, ...] = ()

    @classmethod
    def parse(cls, text: bytes | str, *, origin: str) -> KnownHosts:
        """Split a known_hosts text into lines. Never raises: ``look_up`` reports a broken line of the host."""
        raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        numbered = enumerate(raw.split(b"\n"), start=1)
        taken = (_parse_line(line, origin=origin, number=number) for number, line in numbered)
        return cls(origin=origin, lines=tuple(line for line in taken if line is not None))


def look_up(known_hosts: t.Iterable[KnownHosts], name: bytes) -> Known:
    """Return all keys that the texts list for a name, in the order of the texts.

    ``name`` comes from ``lookup_names``. A broken line becomes a fault when it may revoke a key, else a note.
    """
    found = _KnownBuilder()
    for text in known_hosts:
        for line in text.lines:
            found.add(line, name)
    return found.result()


class _KnownBuilder:
    """Builds one ``Known`` line by line."""

    def __init__(self) -> None:
        self._keys: dict[Marker, list[KnownKey]] = {marker: [] for marker in Marker}
        self._faults: list[str] = []
        self._notes: list[str] = []

    def add(self, line: KnownHostsLine, name: bytes) -> None:
        try:
            if not line.names(name):
                return
            key = _read_key(line)
        except WireError as exc:
            self._skip(line, str(exc))
            return
        if key is None:
            self._notes.append(f"{line.place}: it revokes a key of a type that is never accepted")
        else:
            self._keys[line.marker].append(KnownKey(line.marker, key, line.place))

    def _skip(self, line: KnownHostsLine, reason: str) -> None:
        may_revoke = line.marker in (Marker.REVOKED, Marker.UNKNOWN)
        (self._faults if may_revoke else self._notes).append(f"{line.place}: {reason}")

    def result(self) -> Known:
        return Known(
            keys=tuple(self._keys[Marker.KEY]),
            authorities=tuple(self._keys[Marker.AUTHORITY]),
            revoked=tuple(self._keys[Marker.REVOKED]),
            faults=tuple(self._faults),
            notes=tuple(self._notes),
        )


def _parse_line(raw: bytes, *, origin: str, number: int) -> KnownHostsLine | None:
    line = raw.split(b"\0")[0].lstrip(_BLANKS)
    if not line or line.startswith(b"#"):
        return None
    marker, rest = _split_marker(line)
    hosts, key_text = _split_field(rest)
    return KnownHostsLine(marker, hosts, key_text, origin, number)


def _split_marker(line: bytes) -> tuple[Marker, bytes]:
    if not line.startswith(b"@"):
        return Marker.KEY, line
    word, rest = _split_field(line)
    marker = _MARKERS.get(word, Marker.UNKNOWN)
    if rest.startswith(b"@"):
        while rest.startswith(b"@"):
            rest = _split_field(rest)[1]
        return Marker.UNKNOWN, rest
    # ssh ends a marker at the first blank of the line, and at a tab only when the line has no blank.
    if marker is Marker.AUTHORITY and b" " in line and line[len(word) : len(word) + 1] == b"\t":
        marker = Marker.OVERLOOKED
    return marker, rest


_MARKERS = {marker.value.encode("ascii"): marker for marker in (Marker.AUTHORITY, Marker.REVOKED)}


def _split_field(text: bytes) -> tuple[bytes, bytes]:
    end = min((at for at in (text.find(b" "), text.find(b"\t")) if at >= 0), default=len(text))
    return text[:end], text[end:].lstrip(_BLANKS)


def _read_key(line: KnownHostsLine) -> PublicKey | None:
    """Return the key of a line; None for a revoked key of a type that is never accepted. Raises ``WireError``."""
    if line.marker is Marker.UNKNOWN:
        raise WireError("its marker is not known")
    if line.marker is Marker.OVERLOOKED:
        raise WireError("ssh does not see this marker, because a tab follows it: put a blank there")
    if not line.key_text or line.key_text.startswith(b"#"):
        raise WireError("there is no key on it")
    word, rest = _split_field(line.key_text)
    key_type = type_name(word)
    if line.marker is Marker.REVOKED and is_known_type(key_type):
        return read_key_line(line.key_text)
    blob = read_key_text(key_type, _split_field(rest)[0])
    if line.marker is Marker.REVOKED:
        return None
    if key_type.endswith(CERTIFICATE_SUFFIX):
        raise WireError("it holds a certificate where a key should be")
    if not is_known_type(key_type):
        raise WireError(f"the key type {key_type} is not known")
    return read_public_key(blob)
