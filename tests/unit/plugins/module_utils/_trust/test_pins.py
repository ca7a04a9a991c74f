# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading pins."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.pins import read_pins
from ansible_collections.backhaul.sftp.tests.unit.plugins.module_utils._trust.ssh_material import (
    certificate,
    ed25519,
    line,
    rsa,
)

KEY, OTHER = ed25519(1), rsa(2048, 2)
FINGERPRINT = KEY.fingerprint


@pytest.mark.parametrize(
    "text",
    [
        line(KEY),
        f"  {line(KEY)} root@host and more\n",
        f"host {line(KEY)}",
        f"[host]:2222,192.0.2.1 {line(KEY)} comment",
        f"|1|c2FsdA==|aGFzaA== {line(KEY)}",
        FINGERPRINT,
        f" {FINGERPRINT}=",
    ],
)
def test_a_pin_matches_its_key_and_no_other(text: str) -> None:
    (pin,) = read_pins([text])
    assert pin.matches(KEY)
    assert not pin.matches(OTHER)
    assert pin.place == "host_keys[0]"


def test_a_public_key_has_a_type_and_a_fingerprint_has_none() -> None:
    pins = read_pins([line(KEY), FINGERPRINT])
    assert [pin.key for pin in pins] == [KEY, None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("ssh-ed25519", "no type of host key"),
        ("ssh-ed25519 AAAA", "ends too early"),
        (f"ssh-rsa {line(KEY).split()[1]}", "holds a key of the type ssh-ed25519"),
        (f"{line(KEY)}=", "base64"),
        (f"@cert-authority * {line(KEY)}", "marker"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACB", "no type of host key"),
        ("ssh-ed25519-cert-v01@openssh.com " + base64.b64encode(certificate(KEY, OTHER)).decode(), "certificate"),
        ("MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", "no type of host key"),
        (FINGERPRINT[:-1], "43 characters"),
        (f"{FINGERPRINT[:-2]}-A", "base64"),
        (f"{FINGERPRINT[:-1]}B", "canonical"),
        (f"{FINGERPRINT}A", "43 characters"),
        ("SHA256:", "43 characters"),
        (f"{FINGERPRINT} host (ED25519)", "43 characters"),
        (f"256 {FINGERPRINT} host (ED25519)", "no type of host key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "no type of host key"),
        ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher ssh-ed25519 \N{SNOWMAN}", "base64"),
    ],
)
def test_the_error_for_an_invalid_pin_names_it_without_its_text(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_pins([line(KEY), text])
    assert caught.value.code == "invalid_input"
    assert caught.value.cause.startswith("host_keys[1] is no host key: ")
    assert reason in caught.value.cause
    assert caught.value.details == {"option": "host_keys", "index": 1}
    assert "BEGIN" not in caught.value.message
