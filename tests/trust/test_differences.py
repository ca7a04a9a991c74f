# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each accepted difference from ssh, reproduced by its own case: the table holds no difference that does not occur."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.trust_store import TrustedKey

from .cases import Case, Difference, algorithm, decide, described, run_ssh
from .differences import STRICTER, WIDER, explanations, is_obsolete
from .generator import Target
from .material import Certificate, Key, Workshop

HOST = "alpha.example.com"
PLAIN = Target(HOST, 22)
ON_A_PORT = Target(HOST, 2222)


class Scene(t.NamedTuple):
    """The parts of a case: lines of known_hosts, keys and certificates of the server, and who chooses the key."""

    lines: list[str]
    target: Target
    keys: list[Key]
    certificates: t.Sequence[Certificate] = ()
    ssh_chooses: bool = False


def _portless_key(make: Workshop) -> Scene:
    key, other = make.key("ed25519", "a"), make.key("ecdsa256", "b")
    # For a certificate, ssh looks up the authority under both names first, and then the key under the second name.
    stray = _certificate(make, key, make.key("ed25519", "authority-a"), HOST)
    return Scene([f"[{HOST}]:2222 {other.line}", f"{HOST} {key.line}"], ON_A_PORT, [key], [stray])


def _portless_revocation(make: Workshop) -> Scene:
    key = make.key("ed25519", "a")
    return Scene([f"[{HOST}]:2222 {key.line}", f"@revoked {HOST} {key.line}"], ON_A_PORT, [key])


def _zoneless_revocation(make: Workshop) -> Scene:
    key = make.key("ed25519", "a")
    lines = [f"2001:db8::7%1 {key.line}", f"@revoked 2001:db8::7 {key.line}"]
    return Scene(lines, Target("2001:db8::7%1", 22), [key])


def _tab_behind_revoked(make: Workshop) -> Scene:
    key = make.key("ed25519", "a")
    return Scene([f"{HOST} {key.line}", f"@revoked\t{HOST} {key.line}"], PLAIN, [key])


def _broken_revocation(make: Workshop) -> Scene:
    key = make.key("ed25519", "a")
    return Scene([f"{HOST} {key.line}", f"@revoked {HOST} ssh-ed25519 AAAAbroken"], PLAIN, [key])


def _invalid_certificate(make: Workshop) -> Scene:
    key, authority = make.key("ed25519", "a"), make.key("ed25519", "authority-a")
    expired = _certificate(make, key, authority, HOST, "-V", "20200101:20210101")
    return Scene([f"{HOST} {key.line}", f"@cert-authority {HOST} {authority.line}"], PLAIN, [key], [expired])


def _no_principals(make: Workshop) -> Scene:
    key, authority = make.key("ed25519", "a"), make.key("ed25519", "authority-a")
    return Scene([f"@cert-authority {HOST} {authority.line}"], PLAIN, [key], [_certificate(make, key, authority, "")])


def _short_authority(make: Workshop) -> Scene:
    key, authority = make.key("ed25519", "a"), make.key("rsa1024", "authority-a")
    return Scene([f"@cert-authority {HOST} {authority.line}"], PLAIN, [key], [_certificate(make, key, authority, HOST)])


def _short_host_key(make: Workshop) -> Scene:
    key = make.key("rsa1024", "a")
    return Scene([f"{HOST} {key.line}"], PLAIN, [key])


def _other_order(make: Workshop) -> Scene:
    changed, known, other = make.key("ed25519", "a"), make.key("ecdsa256", "a"), make.key("ed25519", "b")
    # ssh offers certificate types first, gets the known key in a certificate, and never gets the changed key.
    stray = _certificate(make, known, make.key("ed25519", "authority-a"), HOST)
    lines = [f"{HOST} {other.line}", f"{HOST} {known.line}"]
    return Scene(lines, PLAIN, [changed, known], [stray], ssh_chooses=True)


def _wildcard_principal(make: Workshop) -> Scene:
    key, authority = make.key("ed25519", "a"), make.key("ed25519", "authority-a")
    lines = [f"@cert-authority {HOST} {authority.line}"]
    return Scene(lines, PLAIN, [key], [_certificate(make, key, authority, "*.example.com")])


def _several_keys(make: Workshop) -> Scene:
    known, other = make.key("ed25519", "a"), make.key("ecdsa256", "a")
    # ssh prefers certificates. It then looks up the plain key in one whose authority is unknown.
    stray = _certificate(make, other, make.key("ed25519", "authority-a"), HOST)
    return Scene([f"{HOST} {known.line}"], PLAIN, [known, other], [stray], ssh_chooses=True)


SCENES: list[t.Callable[[Workshop], Scene]] = [
    _portless_key,
    _portless_revocation,
    _zoneless_revocation,
    _tab_behind_revoked,
    _broken_revocation,
    _invalid_certificate,
    _no_principals,
    _short_authority,
    _short_host_key,
    _other_order,
    _wildcard_principal,
    _several_keys,
]


@pytest.mark.parametrize(("name", "scene"), list(zip([*STRICTER, *WIDER], SCENES)), ids=lambda value: str(value)[:70])
def test_the_difference_occurs_and_is_explained(
    name: str, scene: t.Callable[[Workshop], Scene], workshop: Workshop, tmp_path: Path
) -> None:
    case = _case(scene(workshop), tmp_path)
    expected, store = run_ssh(case), case.store()
    difference = Difference(case, store, expected.transcript, decide(case, store))
    assert isinstance(difference.decision, TrustedKey) == (name in WIDER), described(0, difference)
    if is_obsolete(name):
        assert expected.accepted == (name in WIDER), described(0, difference)
    else:
        assert expected.accepted == (name in STRICTER), described(0, difference)
        assert name in explanations(difference), described(0, difference)


def test_every_difference_has_a_scene() -> None:
    assert len(SCENES) == len(STRICTER) + len(WIDER)


def _case(scene: Scene, folder: Path) -> Case:
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("\n".join(scene.lines) + "\n", encoding="ascii")
    shown = [*(certificate.blob for certificate in scene.certificates), *(key.blob for key in scene.keys)]
    algorithms = "" if scene.ssh_chooses else algorithm(shown[0])
    return Case(scene.target, [known_hosts], None, scene.keys, list(scene.certificates), algorithms)


def _certificate(make: Workshop, key: Key, authority: Key, principals: str, *arguments: str) -> Certificate:
    named = ("-n", principals) if principals else ()
    options = {"principals": principals}
    return make.certificate(key, authority, "-h", "-I", "scene", *named, *arguments, options=options)
