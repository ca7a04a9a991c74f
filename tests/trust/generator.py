# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random known_hosts texts: every form of line that ssh reads, and the usual errors of people and editors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import string
import typing as t
from dataclasses import dataclass

from .material import Certificate, Key

HOSTS = (
    "alpha.example.com",
    "beta.example.com",
    "beta",
    "a",
    "192.0.2.7",
    "2001:db8::7",
    "backup_1.example.org",
    "xn--bcher-kva.example",
    "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example",
)
# Other spellings of addresses, and the form in which ssh looks them up (resolve_addr in ssh.c). Interface 1 is "lo".
SPELLINGS = {
    "192.0.519": "192.0.2.7",
    "0xc0000207": "192.0.2.7",
    "3221225991": "192.0.2.7",
    "0300.0.02.7": "192.0.2.7",
    "2001:db8:0:0:0:0:0:7": "2001:db8::7",
    "2001:0db8::0007": "2001:db8::7",
    "::ffff:c000:207": "::ffff:192.0.2.7",
    "fe80:0::7%1": "fe80::7%lo",
    "2001:db8::7%1": "2001:db8::7%1",
    "192.0.2.256": "192.0.2.256",
}
PORTS = (22, 22, 22, 2222, 22022, 1, 65535)


@dataclass(frozen=True)
class Target:
    """The server to which a client connects: host, port and alias."""

    host: str
    port: int
    alias: str = ""

    @property
    def canonical(self) -> str:
        """The host in lower case; an address in the form in which ssh looks it up."""
        return SPELLINGS.get(self.host.lower(), self.host.lower())

    @property
    def name(self) -> str:
        """The name under which ssh looks the server up."""
        if self.alias:
            return self.alias.lower()
        return self.canonical if self.port == 22 else f"[{self.canonical}]:{self.port}"


def a_target(rng: random.Random) -> Target:
    """Return a random server: some with a port, an alias, upper case, or an unusual spelling of the address."""
    host = rng.choice(list(SPELLINGS) if rng.random() < 0.25 else HOSTS)
    alias = rng.choice(("store", "Store.Example", "*", "alpha.example.com")) if rng.random() < 0.15 else ""
    if rng.random() < 0.2 and host.isascii():
        host = host.upper()
    return Target(host, rng.choice(PORTS), alias)


class Lines:
    """Makes random lines; valid lines list ``keys``, and ``certificates`` appear in place of a key."""

    def __init__(self, rng: random.Random, *, keys: t.Sequence[Key], certificates: t.Sequence[Certificate]) -> None:
        self._rng = rng
        self._keys = keys
        self._certificates = certificates

    def text(self, targets: t.Sequence[Target], *, count: int, wildness: float) -> bytes:
        """Return a whole file; ``wildness`` is the share of lines with an unusual form."""
        lines = [self.line(self._rng.choice(targets), wildness=wildness) for _number in range(count)]
        ending = self._rng.choice((b"\n", b"\n", b"\n", b"\r\n"))
        return ending.join(lines) + self._rng.choice((ending, b""))

    def line(self, target: Target, *, wildness: float) -> bytes:
        """Return one line without its ending."""
        wild = self._rng.random() < wildness
        marker = self._marker() if wild or self._rng.random() < 0.1 else b""
        hosts = self._hosts(target, wild=wild)
        key = self._broken_key() if wild and self._rng.random() < 0.4 else self._rng.choice(self._keys).line.encode()
        if wild and self._rng.random() < 0.05:
            return self._rng.choice(
                (b"", b"   ", b"\t#" + hosts, b"# " + key, hosts, hosts + b" ", hosts + b" # x", b"@")
            )
        return self._join(marker, hosts, key, wild=wild)

    def _join(self, marker: bytes, hosts: bytes, key: bytes, *, wild: bool) -> bytes:
        fields = [field for field in (marker, hosts, key) if field]
        if not wild:
            return b" ".join(fields)
        line = self._rng.choice((b"", b"", b" ", b"\t ")) + fields[0]
        for field in fields[1:]:
            line += self._rng.choice((b" ", b" ", b"  ", b"\t", b" \t", b"\t ")) + field
        return line + self._rng.choice((b"", b"", b" comment here", b"\tcomment", b" ", b" #", b"\0rest", b" x\0y"))

    def _marker(self) -> bytes:
        markers = (b"", b"", b"", b"@cert-authority", b"@cert-authority", b"@revoked")
        odd = (b"@Revoked", b"@cert-authority @revoked", b"@revoked @revoked", b"@new-marker", b"@" + b"x" * 40)
        return self._rng.choice(odd) if self._rng.random() < 0.08 else self._rng.choice(markers)

    def _hosts(self, target: Target, *, wild: bool) -> bytes:
        name = target.name.encode("utf-8")
        if self._rng.random() < 0.15:
            name = target.canonical.encode("utf-8")
        if not wild:
            return name
        form = self._rng.randrange(10)
        if form < 3:
            return self._hashed(name)
        if form < 4:
            return self._broken_hash(name)
        return b",".join(self._pattern(name) for _number in range(self._rng.choice((1, 1, 2, 3))))

    def _hashed(self, name: bytes) -> bytes:
        salt = self._rng.randbytes(20)
        digest = hmac.new(salt, name, hashlib.sha1).digest()
        return b"|1|" + base64.b64encode(salt) + b"|" + base64.b64encode(digest)

    def _broken_hash(self, name: bytes) -> bytes:
        good = self._hashed(name)
        salt, digest = good[3:].split(b"|")
        return self._rng.choice(
            (
                good[:-1],
                good + b",other",
                good.replace(b"|1|", b"|2|"),
                b"|1|" + salt,
                b"|1||" + digest,
                b"|1|" + salt[:-4] + b"|" + digest,
                b"|1|" + salt.rstrip(b"=") + b"|" + digest,
                b"|1|" + salt[:-2] + b"5=|" + digest,
                b"other," + good,
                b"|",
                good.lower(),
            )
        )

    def _pattern(self, name: bytes) -> bytes:
        rng = self._rng
        at = rng.randrange(len(name) + 1)
        form = rng.randrange(16)
        if form < 4:
            return name
        if form == 4:
            return name.upper()
        if form == 5:
            return name[:at] + b"*" + name[rng.randrange(at, len(name) + 1) :]
        if form == 6:
            return name[:at] + b"?" + name[at + 1 :]
        if form == 7:
            return b"!" + self._pattern(name)
        if form == 8:
            return rng.choice((b"*", b"?*", b"*?", b"**", b"[*]:*", b"*.example.com", b"?"))
        if form == 9:
            return name[:at] + b"*" * rng.randrange(1, 4) + b"?" * rng.randrange(3)
        if form == 10:
            return rng.choice((b"", b"!", b"!!" + name, b"[" + name + b"]", name + b".", b"[" + name + b"]:22"))
        if form == 11:
            return rng.choice((b"x" * 1022, b"x" * 1023, b"*" * 1022, b"*" * 1023, name + b"*" * 1100))
        return rng.choice(HOSTS).encode("utf-8")

    def _broken_key(self) -> bytes:
        rng = self._rng
        key = rng.choice(self._keys)
        word, encoded = key.key_type.encode(), key.encoded.encode()
        at = rng.randrange(1, len(encoded))
        other = rng.choice(self._keys)
        rsa = rng.choice([key for key in self._keys if key.key_type == "ssh-rsa"])
        return rng.choice(
            (
                word,
                word + b" ",
                word + b" #",
                b"# " + encoded,
                word.upper() + b" " + encoded,
                b"ssh-unheard-of " + encoded,
                _unheard_of(rng),
                other.key_type.encode() + b" " + encoded,
                word + b" " + encoded[:at],
                word + b" " + encoded[:at] + rng.choice((b"*", b"-", b"=", b"\r", b"\x0b")) + encoded[at:],
                word + b" " + encoded + b"=",
                word + b" " + encoded.rstrip(b"="),
                word + b" " + _surplus_bits(encoded),
                word + b" " + base64.b64encode(key.blob + b"\0"),
                word + b" " + base64.b64encode(key.blob[: rng.randrange(len(key.blob))]),
                b"1024 35 " + b"1234567890" * 8,
                b"rsa-sha2-512 " + rsa.encoded.encode(),
                _padded_rsa(rsa),
                _hardware(rng),
                rng.choice(self._certificates).line.encode() if self._certificates else word,
                b"ssh-" + bytes(rng.choices(string.ascii_letters.encode(), k=4)) + b" " + encoded,
            )
        )


def _wire(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _surplus_bits(encoded: bytes) -> bytes:
    """Set a bit beyond the end of the data, which canonical base64 leaves zero."""
    if not encoded.endswith(b"="):
        return encoded
    alphabet = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()
    at = len(encoded.rstrip(b"=")) - 1
    return encoded[:at] + bytes([alphabet[alphabet.index(encoded[at]) | 1]]) + encoded[at + 1 :]


def _unheard_of(rng: random.Random) -> bytes:
    return b"ssh-unheard-of " + base64.b64encode(_wire(b"ssh-unheard-of") + rng.randbytes(8))


def _padded_rsa(key: Key) -> bytes:
    """The same RSA key with a leading zero more than its modulus needs."""
    name, exponent = _wire(b"ssh-rsa"), key.blob[11 : 11 + 4 + 3]
    modulus = key.blob[11 + 7 + 4 :]
    return b"ssh-rsa " + base64.b64encode(name + exponent + _wire(b"\0" + modulus))


def _hardware(rng: random.Random) -> bytes:
    kind = b"sk-ssh-ed25519@openssh.com"
    return kind + b" " + base64.b64encode(_wire(kind) + _wire(rng.randbytes(32)) + _wire(b"ssh:"))
