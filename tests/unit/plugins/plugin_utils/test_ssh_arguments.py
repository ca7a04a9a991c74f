# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh's arguments in an inventory say, as ssh itself reads them."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._jumps import Hop
from ansible_collections.backhaul.sftp.plugins.plugin_utils._ssh_arguments import SshArguments, read_ssh_arguments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SshArguments()),
        ("-C -o ControlMaster=auto -o ControlPersist=60s", SshArguments()),
        ("-o Port=2222 -o User=deploy", SshArguments(port=2222, user="deploy")),
        ("-oPort=2222 -o 'User deploy'", SshArguments(port=2222, user="deploy")),
        ("-p2222 -l deploy -i /keys/a", SshArguments(port=2222, user="deploy", identity_file="/keys/a")),
        ("-o PORT=1 -o port=2", SshArguments(port=1)),
        ("-o HostKeyAlias=backup", SshArguments(host_key_alias="backup")),
        ("-o 'UserKnownHostsFile=/a /b'", SshArguments(user_known_hosts_files=("/a", "/b"))),
        ("-o GlobalKnownHostsFile=/g", SshArguments(global_known_hosts_files=("/g",))),
        ("-J ops@bastion:2222", SshArguments(jumps=(Hop("bastion", 2222, "ops"),))),
        ("-o ProxyJump=a,b", SshArguments(jumps=(Hop("a"), Hop("b")))),
        ("-o 'ProxyCommand ssh -q -W %h:%p bastion'", SshArguments(jumps=(Hop("bastion"),))),
        ("-o ProxyJump=none", SshArguments()),
        ("-o 'ProxyCommand nc %h %p'", SshArguments(detour="ProxyCommand nc %h %p")),
        ("-o HostName=10.0.0.1", SshArguments(detour="HostName 10.0.0.1")),
        ("-F /etc/ssh/other", SshArguments(detour="a configuration file (-F) /etc/ssh/other")),
        ("-o StrictHostKeyChecking=no -o Ciphers=3des-cbc -4v", SshArguments()),
        ("-p port", SshArguments()),
        ("-o", SshArguments()),
        ("-p", SshArguments()),
    ],
)
def test_settings_are_found_in_every_spelling(text: str, expected: SshArguments) -> None:
    assert read_ssh_arguments([text]) == expected


def test_the_first_of_several_values_counts() -> None:
    found = read_ssh_arguments(["-o User=first", "-o User=second -o Port=22", "-p 23"])
    assert (found.user, found.port) == ("first", 22)


def test_quotes_that_never_end_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_ssh_arguments(["-o 'User=x"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-o User=x", None),
        (
            "-o UserKnownHostsFile=/a",
            ["/a", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        ),
        (
            "-o GlobalKnownHostsFile=none",
            ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"],
        ),
        ("-o UserKnownHostsFile=none -o GlobalKnownHostsFile=none", []),
    ],
)
def test_files_that_are_not_named_are_those_that_ssh_reads(text: str, expected: list[str] | None) -> None:
    assert read_ssh_arguments([text]).known_hosts_files == expected
