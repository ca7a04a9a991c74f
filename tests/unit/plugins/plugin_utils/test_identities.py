# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing one of several key files, with keys from ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.plugin_utils._identities import Identity, choose_identity


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Return a directory with a plain key, two encrypted keys, and a public key without its private key."""
    for name, *options in (
        ("plain", "-N", ""),
        ("other", "-N", ""),
        ("encrypted", "-N", "secret"),
        ("pem", "-N", "secret", "-m", "PEM", "-t", "ecdsa"),
        ("agent", "-N", ""),
    ):
        kind = [] if "-t" in options else ["-t", "ed25519"]
        subprocess.run(["ssh-keygen", "-q", *kind, *options, "-f", str(tmp_path / name)], check=True)
    (tmp_path / "agent").unlink()
    (tmp_path / "vaulted").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n", encoding="ascii")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "has_passphrase", "chosen", "needs_agent"),
    [
        ([], False, "", False),
        (["missing"], False, "", False),
        (["missing", "plain", "other"], False, "plain", False),
        (["encrypted", "plain"], False, "plain", False),
        (["encrypted"], False, "", True),
        (["pem"], False, "", True),
        (["encrypted", "plain"], True, "encrypted", False),
        (["pem"], True, "pem", False),
        (["agent"], False, "", True),
        (["plain.pub"], False, "", True),
        (["vaulted"], False, "vaulted", False),
    ],
)
def test_the_first_usable_key_is_chosen(
    keys: Path, files: list[str], has_passphrase: bool, chosen: str, needs_agent: bool
) -> None:
    named = [str(keys / name) for name in files]
    path = str(keys / chosen) if chosen else ""
    left_out = tuple(name for name in named if name != path)
    assert choose_identity(named, [], has_passphrase=has_passphrase) == Identity(path, "", needs_agent, left_out)


def test_a_key_on_a_hardware_token_needs_the_agent(tmp_path: Path) -> None:
    """The key is from ``ssh-keygen -t ed25519-sk``; its blob is cut after the type."""
    blob = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAHgAAABpzay1zc2gtZWQyNTUxOUBvcGVuc3NoLmNvbQ=="
    path = tmp_path / "id_ed25519_sk"
    path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{blob}\n-----END OPENSSH PRIVATE KEY-----\n", "ascii")
    found = choose_identity([str(path)], [], has_passphrase=False)
    assert (found.private_key_file, found.needs_agent) == ("", True)


def test_the_certificate_is_that_of_the_key(keys: Path) -> None:
    plain, other = str(keys / "plain"), str(keys / "other")
    beside, distant = f"{other}-cert.pub", str(keys / "some.pub")
    for path in (beside, distant):
        Path(path).touch()
    assert choose_identity([plain], [], has_passphrase=False).certificate == ""
    assert choose_identity([other], [], has_passphrase=False).certificate == beside
    assert choose_identity([other], [distant], has_passphrase=False).certificate == distant
    assert choose_identity([plain], ["/missing"], has_passphrase=False).certificate == ""
    chosen = choose_identity([plain, other], [distant, beside], has_passphrase=False)
    assert (chosen.private_key_file, chosen.certificate) == (other, beside)
