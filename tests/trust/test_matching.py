# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the lines and keys that are found for a host with ``ssh-keygen -l -F``."""

from __future__ import annotations

import os
import random
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.known_hosts import KnownHosts, Marker, look_up

from . import oracle
from .generator import Lines, Target, a_target
from .material import Key, Workshop

CASES = int(os.environ.get("BACKHAUL_TRUST_MATCHING", "2400"))
_NAMES_PER_FILE = 12
_LINES_PER_FILE = 25
_SHOWN = {Marker.KEY: "", Marker.AUTHORITY: "CA", Marker.REVOKED: "REVOKED"}

Found = t.Set[t.Tuple[int, str, str]]


def test_the_same_lines_and_keys_are_found_as_by_ssh_keygen(
    workshop: Workshop, seed: int, tmp_path: Path, report: t.Callable[[str], None]
) -> None:
    rng = random.Random(f"matching {seed}")
    lines = Lines(rng, keys=_keys(workshop), certificates=_certificates(workshop))
    cases: list[tuple[Path, bytes, str]] = []
    while len(cases) < CASES:
        targets = [a_target(rng) for _number in range(4)]
        text = lines.text(targets, count=_LINES_PER_FILE, wildness=rng.choice((0.3, 0.9)))
        path = tmp_path / f"known_hosts-{len(cases)}"
        path.write_bytes(text)
        cases.extend((path, text, name) for name in _names(rng, targets))
    with ThreadPoolExecutor(2) as pool:
        expectations = list(pool.map(lambda case: oracle.lines_found(case[0], case[2]), cases))
    found = 0
    for (path, text, name), expected in zip(cases, expectations):
        result = _found(text, name)
        found += len(result & expected)
        different = {entry for entry in result ^ expected if not _is_exception(text, entry)}
        assert not different, _difference(seed, path, text, name, different)
    report(f"seed {seed}: {len(cases)} lookups, {found} lines found")
    # A generator whose lines never match would test nothing.
    assert found > len(cases)


def _keys(workshop: Workshop) -> list[Key]:
    kinds = ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048", *(["dsa"] if oracle.has_dsa() else [])]
    return [workshop.key(kind, name) for kind in kinds for name in ("a", "b")]


def _certificates(workshop: Workshop) -> list[t.Any]:
    authority = workshop.key("ed25519", "authority")
    return [workshop.certificate(workshop.key("ed25519", "a"), authority, "-h", "-I", "id", "-n", "alpha.example.com")]


def _names(rng: random.Random, targets: list[Target]) -> list[str]:
    known = [name for target in targets for name in (target.name, target.canonical)]
    strangers = [a_target(rng).name for _number in range(_NAMES_PER_FILE)]
    return list(dict.fromkeys(known + strangers))[:_NAMES_PER_FILE]


def _found(text: bytes, name: str) -> Found:
    known = look_up([KnownHosts.parse(text, origin="f")], name.encode("utf-8"))
    listed = (*known.keys, *known.authorities, *known.revoked)
    return {(int(key.place.rsplit(":", 1)[1]), _SHOWN[key.marker], key.key.fingerprint) for key in listed}


def _is_exception(text: bytes, entry: tuple[int, str, str]) -> bool:
    """Return whether the line is of one of the two kinds that are read differently on purpose."""
    line = text.split(b"\n")[entry[0] - 1].split(b"\0")[0].lstrip(b" \t")
    # Stricter: with a tab after the marker and a blank later in the line, ssh ignores the line; here it revokes.
    hidden = entry[1] == "REVOKED" and line.startswith(b"@revoked\t") and b" " in line
    # ssh-keygen lists a certificate in place of a key; neither ssh nor the trust store trusts a key because of it.
    useless = entry[1] != "REVOKED" and b"-cert-v01@openssh.com" in line
    return hidden or useless


def _difference(seed: int, path: Path, text: bytes, name: str, entries: Found) -> str:
    lines = text.split(b"\n")
    differing = "\n".join(f"{number}: {lines[number - 1]!r}" for number, _marker, _key in sorted(entries))
    return f"seed {seed}: about {name!r} we and ssh-keygen disagree in {path}:\n{differing}"
