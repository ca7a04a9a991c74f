# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SFTP started by the option ``server_command`` instead of the subsystem."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.lab.openssh import sftp_server
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop

from .meeting import refusal, report_of
from .sshd import sshd

pytestmark = pytest.mark.integration
PROGRAM = sftp_server()


@pytest.fixture(scope="module")
def server(workshop: Workshop) -> t.Iterator[Server]:
    """An sshd without any SFTP subsystem."""
    with sshd(workshop, "Subsystem other /bin/false") as running:
        config = running.folder / "sshd_config"
        config.write_text(config.read_text().replace("Subsystem sftp internal-sftp", ""))
        running.stop()
        configure = running.configure
        running.configure = lambda port: _without_subsystem(configure(port))
        running.start()
        yield running


def _without_subsystem(command: t.Sequence[str]) -> t.Sequence[str]:
    with open(command[-1], encoding="utf-8") as file:
        text = file.read().replace("Subsystem sftp internal-sftp", "")
    with open(command[-1], "w", encoding="utf-8") as file:
        file.write(text)
    return command


def test_without_a_subsystem_there_is_no_sftp(server: Server) -> None:
    error = refusal(server.endpoint(), RemoteError, "unsupported")
    assert "subsystem" in error.message


@pytest.mark.parametrize("command", [PROGRAM, f"exec {PROGRAM} -e", f"sh -c 'umask 077; exec {PROGRAM}'"])
def test_a_command_starts_the_sftp_server(server: Server, command: str) -> None:
    report_of(replace(server.endpoint(), server_command=command))


def test_a_command_that_prints_text_first_is_explained(server: Server) -> None:
    noisy = replace(server.endpoint(), server_command=f"echo 'Welcome to \x1b[31mgate\x1b[0m'; exec {PROGRAM}")
    error = refusal(noisy, RemoteError, "protocol_violation")
    assert "Welcome to " in error.message and "start-up file" in error.remedy
    assert "\x1b" not in error.message


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("no-such-program-here", "not found"),
        ("echo 'sudo: a password is required \x1b[2J' >&2; exit 1", "sudo: a password is required \\x1b[2J"),
    ],
)
def test_a_command_that_fails_is_quoted(server: Server, command: str, says: str) -> None:
    error = refusal(replace(server.endpoint(), server_command=command), RemoteError, "unsupported")
    assert says in error.message and "\x1b" not in error.message


def test_text_on_standard_error_does_not_fill_the_window(server: Server) -> None:
    """Standard error shares the channel's window: 16 MiB of unread text would block the channel."""
    chatter = "head -c 4000000 /dev/zero | tr '\\0' x >&2"
    command = f"{'; '.join([chatter] * 5)}; exec {PROGRAM}"
    chattering = replace(server.endpoint(), server_command=command)
    with connect(chattering) as connection, connection.file_system() as files:
        assert files.canonical(b"/") == b"/"
