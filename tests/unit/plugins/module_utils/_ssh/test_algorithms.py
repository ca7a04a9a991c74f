# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The algorithms that are offered: no weak ones, and the known ones first."""

from __future__ import annotations

import typing as t

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import algorithms

DEFAULT = algorithms.offered("default", (), paramiko.Transport)
WEAK = ("cbc", "3des", "arcfour", "sha1", "md5", "ssh-dss", "ssh-rsa", "group1-")


def test_nothing_weak_is_offered_by_default_and_gcm_comes_first() -> None:
    everything = (*DEFAULT.kexes, *DEFAULT.host_keys, *DEFAULT.ciphers, *DEFAULT.macs)
    assert [name for name in everything for weak in WEAK if weak in name] == []
    assert "gcm" in DEFAULT.ciphers[0]
    assert "etm" in DEFAULT.macs[0]
    assert {"curve25519-sha256", "curve25519-sha256@libssh.org"} <= set(DEFAULT.kexes) | {"curve25519-sha256"}


def test_the_known_algorithms_of_a_host_are_offered_first() -> None:
    known = ("rsa-sha2-512", "rsa-sha2-256")
    offered = algorithms.offered("default", known, paramiko.Transport).host_keys
    assert offered[:2] == known
    assert set(offered) == set(DEFAULT.host_keys)
    assert len(offered) == len(set(offered))


def test_legacy_algorithms_come_after_the_others() -> None:
    legacy = algorithms.offered("legacy", (), paramiko.Transport)
    for part in ("kexes", "host_keys", "ciphers", "macs"):
        default = getattr(DEFAULT, part)
        assert getattr(legacy, part)[: len(default)] == default
    assert not any("md5" in name or "dss" in name for name in (*legacy.macs, *legacy.host_keys))


def test_an_algorithm_that_was_excluded_is_not_offered() -> None:
    without = algorithms.of_key_types(["ssh-rsa", "ssh-ed25519"])
    offered = algorithms.offered("default", (), paramiko.Transport, without=without).host_keys
    assert not {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-ed25519"} & set(offered)


def test_a_single_algorithm_can_be_offered() -> None:
    assert algorithms.offered("ssh-ed25519", (), paramiko.Transport).host_keys == ("ssh-ed25519",)


class Old:
    """A paramiko that lacks the key exchange of the suite."""

    def __init__(self) -> None:
        self._kex_info: t.Mapping[str, object] = {"diffie-hellman-group14-sha256": object}
        self._key_info: t.Mapping[str, object] = paramiko.Transport._key_info
        self._cipher_info: t.Mapping[str, object] = paramiko.Transport._cipher_info
        self._mac_info: t.Mapping[str, object] = paramiko.Transport._mac_info


def test_an_algorithm_that_the_library_lacks_is_a_missing_dependency() -> None:
    with pytest.raises(InputError) as caught:
        algorithms.offered("post_quantum", (), Old())
    assert caught.value.code == "dependency_missing"
    assert algorithms.offered("default", (), Old()).kexes == ("diffie-hellman-group14-sha256",)
