# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare which keys and certificates are accepted with ``ssh -o StrictHostKeyChecking=yes``."""

from __future__ import annotations

import base64
import collections
import hashlib
import hmac
import os
import random
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.trust_store import TrustedKey
from ansible_collections.backhaul.sftp.tests.full import FULL

from . import oracle
from .cases import Case, Difference, algorithm, decide, described, run_ssh
from .differences import explanations
from .generator import Lines, Target, a_target
from .material import Certificate, Key, Workshop

CASES = int(os.environ.get("BACKHAUL_TRUST_HANDSHAKES", "320" if FULL else "100"))
_AUTHORITIES = ("ed25519", "ed25519", "ecdsa256", "ecdsa521", "rsa2048", "rsa1024")
_HOST_KEYS = ("ed25519", "ed25519", "ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048", "rsa1024")
_MISSING = Path("/nonexistent/revoked")
# Sections that every version of OpenSSH refuses: an unknown one, a critical extension, a truncated one, and one about
# certificates with an unknown part.
_NOT_UNDERSTOOD = (
    b"\x4d\0\0\0\0",
    b"\xff\0\0\0\x0a\0\0\0\x01x\x01\0\0\0\0",
    b"\x02\0\0\0\x09",
    b"\x01\0\0\0\x0d" + b"\0" * 8 + b"\x55\0\0\0\0",
)


def test_the_trust_store_accepts_the_servers_that_ssh_accepts(
    workshop: Workshop, seed: int, tmp_path: Path, report: t.Callable[[str], None]
) -> None:
    rng = random.Random(f"handshakes {seed}")
    maker = _CaseMaker(rng, workshop, tmp_path)
    cases = [maker.case() for _number in range(CASES)]
    with ThreadPoolExecutor(2) as pool:
        handshakes = list(pool.map(run_ssh, cases))
    tally: collections.Counter[str] = collections.Counter()
    for case, result in zip(cases, handshakes):
        store = case.store()
        decision = decide(case, store)
        if isinstance(decision, TrustedKey) == result.accepted:
            tally["both accept" if result.accepted else "both refuse"] += 1
            continue
        difference = Difference(case, store, result.transcript, decision)
        names = explanations(difference)
        assert names, described(seed, difference)
        tally.update(names[:1])
    report(f"seed {seed}: {CASES} handshakes")
    for name, count in tally.most_common():
        report(f"  {count:6} {name}")
    # A generator whose servers are all refused, or all accepted, would test nothing.
    assert min(tally["both accept"], tally["both refuse"]) > CASES // 20


class _CaseMaker:
    """Makes random cases that are accepted about as often as they are refused."""

    def __init__(self, rng: random.Random, workshop: Workshop, folder: Path) -> None:
        self._rng = rng
        self._workshop = workshop
        self._folder = folder
        self._count = 0
        self._authorities = (*_AUTHORITIES, "dsa") if oracle.has_dsa() else _AUTHORITIES

    def case(self) -> Case:
        self._count += 1
        kind = self._rng.random()
        if kind < 0.5:
            return self._wild()
        return self._nearly_right() if kind < 0.85 else self._of_several_keys()

    def _of_several_keys(self) -> Case:
        """Return a server with several keys, known with or without its port, of which some are revoked."""
        rng, target = self._rng, self._target()
        keys = [self._workshop.key(kind, "a") for kind in rng.sample(("ed25519", "ecdsa256", "rsa2048"), k=2)]
        name = rng.choice((target.name, target.canonical)).encode()
        lines = [name + b" " + key.line.encode() for key in keys if rng.random() < 0.8]
        if rng.random() < 0.3:
            lines.append(name + b" " + self._workshop.key(keys[0].kind, "b").line.encode())
        if rng.random() < 0.5:
            named = rng.choice((target.name, target.canonical, target.canonical.partition("%")[0]))
            lines.append(b"@revoked " + self._hashed(named) + b" " + rng.choice(keys).line.encode())
        rng.shuffle(lines)
        revoked = self._revoked(keys, []) if rng.random() < 0.3 else None
        return Case(target, [self._written(lines)], revoked, keys, [], "")

    def _nearly_right(self) -> Case:
        """Return a server that is accepted, or refused because of a single fault."""
        rng, target = self._rng, self._target()
        key, authority = self._workshop.key("ed25519", "a"), self._workshop.key("ecdsa256", "authority-a")
        other = self._workshop.key("ecdsa256", "authority-b")
        name = target.alias.lower() or target.canonical
        fault = rng.choice(("", "dates", "role", "principal", "critical", "authority", "revoked", "listed", "marker"))
        arguments = ["-I", "one", "-z", "7", "-V", "20200101:20210101" if fault == "dates" else "-1w:+1w"]
        arguments += ["-O", "critical:force-something=yes"] if fault == "critical" else []
        arguments += [] if fault == "role" else ["-h"]
        principals = f"x{name}" if fault == "principal" else name
        made = self._workshop.certificate(
            key, authority, *arguments, "-n", principals, options={"principals": principals}
        )
        marker = b"" if fault == "marker" else b"@cert-authority "
        lines = [self._line(marker, target, other if fault == "authority" else authority)]
        if fault == "revoked":
            lines.append(self._line(b"@revoked ", target, rng.choice((key, authority))))
        revoked = self._revoked([key, authority], [made]) if fault == "listed" else None
        return Case(target, [self._written(lines)], revoked, [key], [made], algorithm(made.blob))

    def _wild(self) -> Case:
        rng = self._rng
        target = self._target()
        keys = [self._workshop.key(rng.choice(_HOST_KEYS), rng.choice("ab"))]
        authority = self._workshop.key(rng.choice(self._authorities), f"authority-{rng.choice('ab')}")
        certificates = [self._certificate(keys[0], authority, target)] if rng.random() < 0.6 else []
        algorithms = algorithm(rng.choice([*(key.blob for key in keys), *(made.blob for made in certificates)]))
        if rng.random() < 0.3:
            algorithms = ""
            keys += [key for kind in ("ed25519", "ecdsa256", "rsa2048") if (key := self._another(kind, keys))]
        return Case(
            target=target,
            known_hosts=[self._known_hosts(target, keys, authority) for _file in range(rng.choice((1, 1, 2)))],
            revoked=self._revoked(keys, certificates) if rng.random() < 0.2 else None,
            keys=keys,
            certificates=certificates,
            algorithms=algorithms,
        )

    def _another(self, kind: str, keys: list[Key]) -> Key | None:
        taken = {key.key_type for key in keys}
        key = self._workshop.key(kind, "a")
        return None if key.key_type in taken or self._rng.random() < 0.4 else key

    def _target(self) -> Target:
        target = a_target(self._rng)
        # ssh accepts only ASCII host names.
        return target if target.host.isascii() else self._target()

    def _certificate(self, key: Key, authority: Key, target: Target) -> Certificate:
        rng = self._rng
        name = target.alias.lower() or target.canonical
        principals = rng.choice(
            (name, name, name, f"other,{name}", "", "*", f"{name[:2]}*", name.upper(), target.name, "other.example.com")
        )
        validity = rng.choice(
            ("always:forever",) * 5 + ("20200101:20210101", "+52w:+104w", "-1w:+1w", "20200101:forever")
        )
        arguments = ["-I", rng.choice(("one", "two")), "-z", str(rng.choice((0, 1, 7, 2**63))), "-V", validity]
        arguments += ["-n", principals] if principals else []
        arguments += [] if rng.random() < 0.05 else ["-h"]
        arguments += ["-O", "critical:force-something=yes"] if rng.random() < 0.07 else []
        arguments += ["-O", "extension:note@example.com=x"] if rng.random() < 0.1 else []
        if authority.key_type == "ssh-rsa":
            arguments += ["-t", rng.choice(("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"))]
        return self._workshop.certificate(key, authority, *arguments, options={"principals": principals})

    def _known_hosts(self, target: Target, keys: list[Key], authority: Key) -> Path:
        rng = self._rng
        strangers = [self._workshop.key(kind, "b") for kind in ("ed25519", "rsa2048", "ecdsa256")]
        noise = Lines(rng, keys=[*keys, authority, *strangers], certificates=[])
        lines = [noise.line(self._near(target), wildness=0.7) for _line in range(rng.randrange(4))]
        if rng.random() < 0.35:
            lines.append(self._line(b"", target, rng.choice(keys)))
        if rng.random() < 0.6:
            lines.append(self._line(b"@cert-authority ", target, authority))
        if rng.random() < 0.08:
            lines.append(self._line(b"@revoked ", target, rng.choice([*keys, authority])))
        rng.shuffle(lines)
        return self._written(lines)

    def _written(self, lines: list[bytes]) -> Path:
        path = self._folder / f"known_hosts-{self._count}-{self._rng.randrange(10**9)}"
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    def _near(self, target: Target) -> Target:
        return target if self._rng.random() < 0.7 else self._target()

    def _line(self, marker: bytes, target: Target, key: Key) -> bytes:
        names = (target.name, target.name, target.name, target.canonical, "*", "*.example.com,!beta.example.com")
        return marker + self._hashed(self._rng.choice(names)) + b" " + key.line.encode()

    def _hashed(self, name: str) -> bytes:
        if self._rng.random() < 0.8:
            return name.encode()
        salt = self._rng.randbytes(20)
        digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
        return b"|1|%b|%b" % (base64.b64encode(salt), base64.b64encode(digest))

    def _revoked(self, keys: list[Key], certificates: list[Certificate]) -> Path:
        rng = self._rng
        listed = [key.line for key in rng.sample([*keys, *self._others()], k=rng.randrange(3))]
        path = self._folder / f"revoked-{self._count}"
        form = rng.randrange(8)
        if form == 0:
            return _MISSING
        if form == 1:
            listed.append(rng.choice(("garbage", "ssh-ed25519", "ssh-foo AAAA", "ssh-rsa AAAA", "\r")))
        if form < 5:
            text = ["# a comment", "", "  \t", *(f"{line} {rng.choice(('', 'old key'))}" for line in listed)]
            path.write_text("\n".join(text) + rng.choice(("\n", "")), encoding="ascii")
            return path
        return self._krl(path, listed, certificates)

    def _others(self) -> list[Key]:
        kinds = ("ed25519", "ecdsa256", "rsa2048")
        authorities = [self._workshop.key(kind, f"authority-{name}") for kind in kinds for name in "ab"]
        return [*authorities, self._workshop.key("ecdsa384", "b")]

    def _krl(self, path: Path, listed: list[str], certificates: list[Certificate]) -> Path:
        rng = self._rng
        specification = [f"{rng.choice(('key', 'sha1', 'sha256'))}: {line}" for line in listed]
        arguments: list[str | Path] = []
        if certificates and rng.random() < 0.7:
            specification.append(rng.choice(("serial: 7", "serial: 1-5", "id: one", f"serial: {2**63}")))
            arguments = ["-s", certificates[0].authority.public_path]
        source = path.with_suffix(".txt")
        source.write_text("\n".join(specification) + "\n", encoding="ascii")
        made = oracle.ssh_keygen("-q", "-k", "-f", path, *arguments, source)
        assert made.returncode == 0, (made.stderr, specification)
        if rng.random() < 0.2:
            with path.open("ab") as appended:
                appended.write(rng.choice(_NOT_UNDERSTOOD))
        return path
