# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the keys that a list of ``ssh-keygen -k`` revokes with the answers of ``ssh-keygen -Q``."""

from __future__ import annotations

import os
import random
import typing as t
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.host_certificate import read_certificate
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.krl import RevocationList, read_krl
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.public_key import read_public_key

from . import oracle
from .material import Certificate, Key, Workshop

LISTS = int(os.environ.get("BACKHAUL_TRUST_KRLS", "80"))
# Near and distant serials, so that ssh-keygen writes lists, ranges and bitmaps.
_SERIALS = (0, 1, 2, 3, 5, 7, 8, 9, 30, 64, 1000, 1001, 2**32, 2**63, 2**64 - 1)


def test_the_same_keys_are_revoked_as_by_ssh_keygen(
    workshop: Workshop, seed: int, tmp_path: Path, report: t.Callable[[str], None]
) -> None:
    rng = random.Random(f"krl {seed}")
    keys, authorities, certificates = _cast(workshop, rng)
    items: list[Key | Certificate] = [*keys, *authorities, *certificates]
    revoked = 0
    for number in range(LISTS):
        krl = _krl(rng, tmp_path / f"krl-{number}", keys, authorities)
        expected = oracle.revoked_by(krl, [_path(one) for one in items])
        listed = read_krl(krl.read_bytes())
        result = {_path(one): _is_revoked(listed, one) for one in items}
        assert result == expected, f"seed {seed}: {krl.with_suffix('.txt').read_text(encoding='ascii')}"
        revoked += sum(expected.values())
    report(f"seed {seed}: {LISTS} lists, {LISTS * len(items)} questions, {revoked} times revoked")
    assert LISTS < revoked < LISTS * len(items) - LISTS


def _cast(make: Workshop, rng: random.Random) -> tuple[list[Key], list[Key], list[Certificate]]:
    keys = [make.key(kind, "a") for kind in ("ed25519", "ecdsa256", "ecdsa521", "rsa2048")]
    authorities = [make.key(kind, "authority-a") for kind in ("ed25519", "ecdsa256", "rsa2048")]
    certificates = [
        make.certificate(rng.choice(keys), authority, "-h", "-I", rng.choice(("one", "two")), "-z", str(serial))
        for authority in authorities[:2]
        for serial in _SERIALS
    ]
    return keys, authorities, certificates


def _krl(rng: random.Random, path: Path, keys: list[Key], authorities: list[Key]) -> Path:
    arguments: list[str | Path] = ["-z", str(rng.randrange(2**32))]
    lines = [f"{rng.choice(('key', 'sha1', 'sha256'))}: {key.line}" for key in keys + authorities if rng.random() < 0.1]
    if rng.random() < 0.8:
        arguments += ["-s", rng.choice([*(authority.public_path for authority in authorities), Path("none")])]
        lines += _about_certificates(rng)
    specification = path.with_suffix(".txt")
    specification.write_text("\n".join(lines) + "\n", encoding="ascii")
    made = oracle.ssh_keygen("-q", "-k", "-f", path, *arguments, specification, cwd=path.parent)
    assert made.returncode == 0, (made.stderr, lines)
    return path


def _about_certificates(rng: random.Random) -> list[str]:
    lines = [f"serial: {serial}" for serial in _SERIALS if serial and rng.random() < 0.2]
    if rng.random() < 0.3:
        lines += [f"serial: {serial}" for serial in range(2, 400, rng.choice((1, 2, 3, 7)))]
    if rng.random() < 0.3:
        first, last = sorted(rng.sample(_SERIALS[1:], k=2))
        lines.append(f"serial: {first}-{last}")
    if rng.random() < 0.3:
        lines.append(f"id: {rng.choice(('one', 'two', 'three'))}")
    return lines


def _path(one: Key | Certificate) -> Path:
    return one.path if isinstance(one, Certificate) else one.public_path


def _is_revoked(listed: RevocationList, one: Key | Certificate) -> bool:
    if isinstance(one, Key):
        return bool(listed.why_revoked(read_public_key(one.blob)))
    certificate = read_certificate(one.blob)
    return bool(listed.why_revoked(certificate.public_key, certificate))
