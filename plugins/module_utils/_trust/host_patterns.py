# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Match the name of a host with the first field of a known_hosts line (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from .ssh_wire import WireError, decode_base64

_HASH_MARK = b"|"
_HASH_PREFIX = b"|1|"
_SALT_BYTES = 20
_LONGEST_SALT_TEXT = 1024
# OpenSSH copies each pattern into a buffer of 1024 bytes; a pattern of this length ends the match of the whole list.
_TOO_LONG_PATTERN_BYTES = 1023


def lookup_names(host: str, port: int, alias: str) -> tuple[bytes, ...]:
    """Return the names of a server in lower case, in the order of precedence.

    With an alias: the alias alone. With port 22: the host. With another port: ``[host]:port``, then the host.
    """
    if alias:
        return (lower(alias),)
    name = lower(host)
    return (name,) if port == 22 else (b"[%b]:%d" % (name, port), name)


def names_without_zone(host: str, port: int) -> tuple[bytes, ...]:
    """Return the names of an IPv6 address without its zone (RFC 4007 section 11); none for any other host.

    Most addresses mean the same server with every zone, so a revocation under these names applies, too.
    """
    address, mark, _zone = host.partition("%")
    return lookup_names(address, port, "") if mark and ":" in address else ()


def lower(name: str) -> bytes:
    """Return the name in bytes with ASCII letters in lower case, as ssh does."""
    return name.encode("utf-8", "surrogateescape").lower()


def matches(name: bytes, hosts: bytes) -> bool:
    """Return whether the field names this host. Raises ``WireError`` when a hashed field cannot be read.

    The field is a hash, or a comma-separated list of patterns, in which a negated match overrides all others.
    """
    if hosts.startswith(_HASH_MARK):
        return _hashed(name, hosts) == hosts
    return _in_list(name, hosts)


def _hashed(name: bytes, hosts: bytes) -> bytes:
    salt_text, mark, _digest = hosts[len(_HASH_PREFIX) :].partition(_HASH_MARK)
    if not hosts.startswith(_HASH_PREFIX) or not mark or not 0 < len(salt_text) <= _LONGEST_SALT_TEXT:
        raise WireError("its hashed host name is broken")
    salt = decode_base64(salt_text)
    if len(salt) != _SALT_BYTES:
        raise WireError("the salt of its hashed host name has the wrong length")
    digest = hmac.new(salt, name, hashlib.sha1).digest()
    return _HASH_PREFIX + base64.b64encode(salt) + _HASH_MARK + base64.b64encode(digest)


def _in_list(name: bytes, hosts: bytes) -> bool:
    found = False
    for item in hosts.split(b","):
        negated = item.startswith(b"!")
        pattern = item[1:] if negated else item
        if len(pattern) >= _TOO_LONG_PATTERN_BYTES:
            return False
        if matches_pattern(name, pattern.lower()):
            if negated:
                return False
            found = True
    return found


def matches_pattern(name: bytes, pattern: bytes) -> bool:
    """Return whether a pattern of ``*`` (any bytes), ``?`` (one byte) and plain bytes matches the whole name.

    Only the last star is retried, so that the time is bounded by the product of both lengths.
    """
    at_name = at_pattern = 0
    star, star_name = -1, 0
    while at_name < len(name):
        wanted = pattern[at_pattern : at_pattern + 1]
        if wanted == b"*":
            star, star_name = at_pattern, at_name
            at_pattern += 1
        elif wanted in (b"?", name[at_name : at_name + 1]) and wanted:
            at_name += 1
            at_pattern += 1
        elif star >= 0:
            star_name += 1
            at_name, at_pattern = star_name, star + 1
        else:
            return False
    return not pattern[at_pattern:].strip(b"*")
