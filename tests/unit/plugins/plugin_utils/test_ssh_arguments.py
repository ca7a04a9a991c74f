# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the settings in ssh's arguments of an inventory, as ssh does."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._jumps import Hop
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_arguments import (
    as_options,
    read_ssh_arguments,
    split_arguments,
)
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_config import SshSettings

_SYSTEM = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_USER = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SshSettings()),
        ("-C -o ControlMaster=auto -o ControlPersist=60s", SshSettings()),
        ("-o Port=2222 -o User=deploy", SshSettings(port=2222, user="deploy")),
        ("-oPort=2222 -o 'User deploy'", SshSettings(port=2222, user="deploy")),
        ("-p2222 -l deploy -i /keys/a", SshSettings(port=2222, user="deploy", identity_files=("/keys/a",))),
        ("-o PORT=1 -o port=2", SshSettings(port=1)),
        ("-o HostKeyAlias=backup", SshSettings(host_key_alias="backup")),
        ("-o 'UserKnownHostsFile=/a /b'", SshSettings(known_hosts_files=("/a", "/b", *_SYSTEM))),
        ("-o GlobalKnownHostsFile=/g", SshSettings(known_hosts_files=(*_USER, "/g"))),
        ("-J ops@bastion:2222", SshSettings(jumps=(Hop("bastion", 2222, "ops"),))),
        ("-o ProxyJump=a,b", SshSettings(jumps=(Hop("a"), Hop("b")))),
        ("-o 'ProxyCommand ssh -q -W %h:%p bastion'", SshSettings(jumps=(Hop("bastion"),))),
        ("-o ProxyJump=none", SshSettings()),
        ("-o 'ProxyCommand ssh -i /k -W %h:%p b'", SshSettings(unsupported_route="ProxyCommand ssh -i /k -W %h:%p b")),
        ("-o 'ProxyCommand nc %h %p'", SshSettings(unsupported_route="ProxyCommand nc %h %p")),
        ("-o HostName=10.0.0.1", SshSettings(unsupported_route="HostName 10.0.0.1")),
        ("-F /etc/ssh/other", SshSettings(unsupported_route="a configuration file (-F) /etc/ssh/other")),
        ("-o StrictHostKeyChecking=no -o Ciphers=3des-cbc -4v", SshSettings()),
        ("-p port", SshSettings()),
        ("-o", SshSettings()),
        ("-p", SshSettings()),
    ],
)
def test_settings_are_found_in_every_spelling(text: str, expected: SshSettings) -> None:
    assert read_ssh_arguments(split_arguments(text)) == expected


def test_the_first_of_several_values_is_used() -> None:
    found = read_ssh_arguments(split_arguments("-o User=first -o User=second -o Port=22 -p 23"))
    assert (found.user, found.port) == ("first", 22)


def test_open_quotes_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        split_arguments("-o 'User=x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-o User=x", None),
        ("-o UserKnownHostsFile=/a", ("/a", *_SYSTEM)),
        ("-o GlobalKnownHostsFile=none", _USER),
        ("-o UserKnownHostsFile=none -o GlobalKnownHostsFile=none", ()),
    ],
)
def test_files_that_are_not_named_are_those_of_ssh(text: str, expected: tuple[str, ...] | None) -> None:
    assert read_ssh_arguments(split_arguments(text)).known_hosts_files == expected


def test_variables_become_options_as_in_ansibles_own_connection() -> None:
    assert as_options(Port=2222, User="an operator", Other=None, Blank=" ") == [
        "-o",
        'Port="2222"',
        "-o",
        'User="an operator"',
    ]
