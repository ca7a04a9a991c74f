# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsing jumps in the forms of ssh_config(5)."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.plugin_utils._jumps import Hop, read_proxy_command, read_proxy_jump


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bastion", (Hop("bastion"),)),
        ("ops@bastion", (Hop("bastion", None, "ops"),)),
        ("ops@bastion:2222", (Hop("bastion", 2222, "ops"),)),
        ("ssh://ops@bastion:2222/", (Hop("bastion", 2222, "ops"),)),
        ("[2001:db8::1]:2222", (Hop("2001:db8::1", 2222),)),
        ("a, b:22 ,c", (Hop("a"), Hop("b", 22), Hop("c"))),
        ("a b", (Hop("a b"),)),
        ("", None),
        ("a,,b", None),
        ("a:port", None),
        ("2001:db8::1", None),
    ],
)
def test_proxy_jump(value: str, expected: tuple[Hop, ...] | None) -> None:
    assert read_proxy_jump(value) == expected


def test_jumps_get_the_configuration_file_of_the_arguments() -> None:
    assert read_proxy_jump("ops@a,b:24", config_file="/config") == (
        Hop("a", None, "ops", ("-F", "/config")),
        Hop("b", 24, "", ("-F", "/config")),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ssh -W %h:%p bastion", (Hop("bastion"),)),
        ("/usr/bin/ssh -q -W %h:%p -p 2222 -l ops bastion", (Hop("bastion", 2222, "ops"),)),
        ("ssh -W%h:%p ops@bastion", (Hop("bastion", None, "ops"),)),
        ("ssh -i ~/key -W %h:%p bastion", (Hop("bastion", arguments=("-i~/key",)),)),
        ("ssh -o X=y -J first -W '[%h]:%p' bastion", (Hop("bastion", arguments=("-oX=y", "-Jfirst")),)),
        ("ssh bastion -T4qW %h:%p -F /config", (Hop("bastion", arguments=("-F/config",)),)),
        ("ssh -b 192.0.2.1 -W %h:%p bastion", None),
        ("ssh -l %r -W %h:%p bastion", None),
        ("ssh -i $KEY -W %h:%p bastion", None),
        ("ssh -W %h:%p bastion; true", None),
        ("ssh -W %h:%p bastion 2>/dev/null", None),
        ("ssh -W %h:%p -W %h:%p bastion", None),
        ("ssh -W %h:22 bastion", None),
        ("ssh -W %h:%p one two", None),
        ("ssh bastion nc %h %p", None),
        ("nc %h %p", None),
        ("ssh -W %h:%p 'bastion", None),
        ("", None),
    ],
)
def test_proxy_command(value: str, expected: tuple[Hop, ...] | None) -> None:
    assert read_proxy_command(value) == expected
