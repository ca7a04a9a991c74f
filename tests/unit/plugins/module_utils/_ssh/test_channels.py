# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels of an open connection: SFTP sessions and constant commands."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import Connection, connect
from ansible_collections.backhaul.sftp.tests.lab import SharedLab


@pytest.fixture(scope="module")
def shell(lab: SharedLab) -> t.Iterator[Connection]:
    with connect(lab.openssh().endpoint()) as connection:
        yield connection


def run(
    connection: Connection, command: str, *, stdin: bytes = b"", seconds: float = 10, limit: int = 1000
) -> tuple[int, bytes]:
    return connection.run_command(command, stdin=stdin, timeout_seconds=seconds, limit_bytes=limit)


def unavailable(connection: Connection, command: str, **how: t.Any) -> str:
    with pytest.raises(BackhaulError) as caught:
        run(connection, command, **how)
    assert caught.value.code == "unsupported"
    return caught.value.cause


def test_status_and_output_come_back(shell: Connection) -> None:
    assert run(shell, "cat; exit 3", stdin=b"a\0\xffb\n") == (3, b"a\0\xffb\n")
    assert run(shell, "true") == (0, b"")


def test_a_long_input_is_passed_whole(shell: Connection) -> None:
    assert run(shell, "wc -c", stdin=bytes(200_000)) == (0, b"200000\n")


def test_too_much_output_is_cut_off(shell: Connection) -> None:
    assert "more than" in unavailable(shell, "head -c 5000 /dev/zero")


def test_a_command_that_takes_too_long_is_unavailable_and_the_connection_stays(shell: Connection) -> None:
    unavailable(shell, "sleep 3", seconds=0.3)
    assert run(shell, "echo on") == (0, b"on\n")


def test_a_command_without_an_exit_status_is_unavailable(shell: Connection) -> None:
    unavailable(shell, "kill -9 $$")


def test_an_account_without_a_shell_has_no_commands_but_sftp(lab: SharedLab) -> None:
    with connect(lab.openssh(variant="internal").endpoint()) as connection, connection.file_system() as files:
        assert run(connection, "true")[0] != 0
        assert files.digest(b"/etc/passwd", algorithm="sha256") is None
        assert files.canonical(b".").startswith(b"/")


def test_one_session_too_many_is_a_busy_server_and_no_command(lab: SharedLab) -> None:
    endpoint = lab.openssh(extra=("MaxSessions 1",)).endpoint()
    with connect(endpoint) as connection, connection.file_system() as files:
        with pytest.raises(BackhaulError) as caught, connection.file_system():
            pass
        assert (caught.value.code, caught.value.retryable) == ("server_busy", True)
        unavailable(connection, "true")
        assert files.canonical(b".").startswith(b"/")


def test_a_server_program_that_does_not_start_is_quoted(lab: SharedLab) -> None:
    endpoint = replace(lab.openssh().endpoint(), server_command="echo 'canary: not allowed' >&2; exit 1")
    with (
        pytest.raises(BackhaulError, match="canary: not allowed") as caught,
        connect(endpoint) as connection,
        connection.file_system(),
    ):
        pass
    assert caught.value.retryable is False


def test_a_server_program_that_prints_text_is_explained(lab: SharedLab) -> None:
    endpoint = replace(lab.openssh().endpoint(), server_command="echo 'Welcome home'; sleep 5")
    with (
        pytest.raises(BackhaulError, match="text where SFTP") as caught,
        connect(endpoint) as connection,
        connection.file_system(),
    ):
        pass
    assert caught.value.code == "protocol_violation"


def test_a_server_program_that_never_answers_is_timed_out_within_the_connect_deadline(lab: SharedLab) -> None:
    endpoint = lab.openssh().endpoint()
    quick = replace(endpoint.timeouts, connect_seconds=1, operation_seconds=300)
    slow = replace(endpoint, server_command="sleep 20", timeouts=quick)
    with connect(slow) as connection, pytest.raises(BackhaulError) as caught, connection.file_system():
        pass
    assert caught.value.code == "timed_out"
