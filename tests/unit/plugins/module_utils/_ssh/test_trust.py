# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust of an endpoint: which files are read, and which are refused."""

from __future__ import annotations

import base64
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, Trust
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.trust import (
    HostTrust,
    default_files,
    load_trust,
    numeric_host,
)
from ansible_collections.backhaul.sftp.tests.lab.keys import make_key
from ansible_collections.backhaul.sftp.tests.trust.oracle import ssh_keygen


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("keys")
    return [make_key(folder / name, "ed25519") for name in ("one", "two")]


def trust_in(host: str = "h", **trust: t.Any) -> HostTrust:
    trust.setdefault("known_hosts_files", ())
    return load_trust(Endpoint(role="source", host=host, port=2222, trust=Trust(**trust)))


def blob(line: str) -> bytes:
    return base64.b64decode(line.split()[1])


def refusal(subject: HostTrust, line: str) -> str:
    with pytest.raises(TrustError) as caught:
        subject.judge(blob(line))
    return caught.value.code


def test_text_and_files_and_pins_vouch_for_a_key(keys: list[str], tmp_path: Path) -> None:
    line = f"[h]:2222 {keys[0]}\n"
    file = tmp_path / "known_hosts"
    file.write_text(line)
    for trust in ({"known_hosts": line}, {"known_hosts_files": (str(file),)}, {"host_keys": (keys[0],)}):
        subject = trust_in(**trust)
        subject.judge(blob(keys[0]))
        assert subject.verdict is not None
        assert subject.known_algorithms() == ("ssh-ed25519",)
        assert refusal(trust_in(**trust), keys[1]) == "host_key_mismatch"


def test_nothing_known_is_unknown(keys: list[str]) -> None:
    subject = trust_in()
    assert refusal(subject, keys[0]) == "host_key_unknown"
    assert subject.verdict is None


def test_pins_are_exclusive_but_files_still_revoke(keys: list[str]) -> None:
    assert refusal(trust_in(host_keys=(keys[1],), known_hosts=f"[h]:2222 {keys[0]}"), keys[0]) == "host_key_mismatch"
    assert refusal(trust_in(host_keys=(keys[0],), known_hosts=f"@revoked * {keys[0]}"), keys[0]) == "host_key_revoked"


def test_a_file_that_does_not_exist_is_empty_as_for_ssh(keys: list[str], tmp_path: Path) -> None:
    assert refusal(trust_in(known_hosts_files=(str(tmp_path / "none"),)), keys[0]) == "host_key_unknown"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(keys: list[str], tmp_path: Path, mode: int) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"[h]:2222 {keys[0]}\n")
    file.chmod(mode)
    with pytest.raises(BackhaulError, match="written by others") as caught:
        trust_in(known_hosts_files=(str(file),))
    assert (caught.value.code, "chmod go-w" in caught.value.remedy) == ("unsafe_path", True)


def test_a_file_of_another_user_is_refused(keys: list[str], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    file = tmp_path / "known_hosts"
    file.write_text(f"[h]:2222 {keys[0]}\n")
    os.chown(file, 12345, 12345)
    with pytest.raises(BackhaulError, match="another user") as caught:
        trust_in(known_hosts_files=(str(file),))
    assert caught.value.code == "unsafe_path"


def test_a_folder_in_place_of_the_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BackhaulError, match="cannot be read") as caught:
        trust_in(known_hosts_files=(str(tmp_path),))
    assert caught.value.code == "invalid_input"


def test_revocations_that_are_missing_refuse_every_key(keys: list[str], tmp_path: Path) -> None:
    subject = trust_in(host_keys=(keys[0],), revoked_host_keys=str(tmp_path / "none"))
    assert refusal(subject, keys[0]) == "host_key_revoked"


def test_revocations_as_text_refuse_the_key_that_they_name(keys: list[str]) -> None:
    assert refusal(trust_in(host_keys=(keys[0],), revoked_host_keys=keys[0]), keys[0]) == "host_key_revoked"
    trust_in(host_keys=(keys[0],), revoked_host_keys=keys[1]).judge(blob(keys[0]))


def test_the_files_of_ssh_are_found_by_the_account_and_not_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = default_files()
    monkeypatch.setenv("HOME", "/somewhere/else")
    assert default_files() == before
    assert len(before) == 4


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.0.01", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0X7F000001", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("\uff11\uff12\uff17.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("::ffff:7f00:1", "::ffff:127.0.0.1"),
        ("FE80::1%1", "fe80::1%lo"),
        ("fe80:0::1%lo", "fe80::1%lo"),
        ("localhost", "localhost"),
        ("127.1.example", "127.1.example"),
        ("256.1", "256.1"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("a..b", "a..b"),
        ("[host]", "[host]"),
        ("", ""),
        ("\udcff", "\udcff"),
        ("x" * 300, "x" * 300),
    ],
)
def test_an_address_is_looked_up_in_its_canonical_form(spelled: str, canonical: str) -> None:
    assert numeric_host(spelled) == canonical


@pytest.mark.parametrize(
    ("spelled", "listed"),
    [
        ("127.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("[::1]", "::1"),
        ("FE80:0:0::1%1", "fe80::1%lo"),
        ("::1%1", "::1"),
    ],
)
@pytest.mark.parametrize("name", ["[{}]:2222", "{}"])
def test_a_revocation_is_not_evaded_by_another_spelling(
    spelled: str, listed: str, name: str, keys: list[str], tmp_path: Path
) -> None:
    revocation = f"@revoked {name.format(listed)} {keys[0]}\n"
    hashed = tmp_path / "known_hosts"
    hashed.write_text(f"{name.format(listed)} {keys[0]}\n")
    assert ssh_keygen("-H", "-f", hashed).returncode == 0
    for text in (revocation, "@revoked " + hashed.read_text()):
        subject = trust_in(host=spelled, known_hosts=f"* {keys[0]}\n{text}")
        assert subject.known_algorithms() == ()
        assert refusal(subject, keys[0]) == "host_key_revoked"
    if "%" not in spelled or "%" in listed:
        known = trust_in(host=spelled, known_hosts=hashed.read_text())
        known.judge(blob(keys[0]))
        assert known.verdict is not None
        assert known.verdict.origin == "known_hosts:1"


def test_an_alias_is_looked_up_as_it_is(keys: list[str]) -> None:
    known = f"127.0.0.1,[127.0.0.1]:2222 {keys[0]}"
    assert refusal(trust_in(host="127.0.0.1", known_hosts=known, host_key_alias="127.1"), keys[0]) == "host_key_unknown"
    trust_in(host="other", known_hosts=f"127.1 {keys[0]}", host_key_alias="127.1").judge(blob(keys[0]))
