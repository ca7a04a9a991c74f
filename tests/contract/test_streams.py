# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing over several channels of one connection: faster if the server allows them, and no error if it does not."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Resources
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import dependency
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.actors import FAILING_SERVER
from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, SharedLab

_CONTENT = os.urandom(24 * 1024 * 1024)
_BLOCK_BYTES = 256 * 1024
_DELAY_SECONDS = 0.02
_NUMBERS = itertools.count()


@contextlib.contextmanager
def distant(server: Server, *, streams: int | None) -> t.Iterator[tuple[FileSystem, bytes]]:
    """Yield a file system over a link that one channel's window does not fill, and a path for a new file."""
    with Proxy(server) as proxy:
        proxy.upstream.delay(_DELAY_SECONDS)
        proxy.downstream.delay(_DELAY_SECONDS)
        endpoint = replace(server.endpoint(), host=proxy.host, port=proxy.port)
        endpoint = replace(endpoint, trust=replace(endpoint.trust, host_keys=server.host_keys))
        path = server.remote_bytes(server.root / f"streams-{next(_NUMBERS)}")
        with connect(endpoint) as connection, connection.file_system(Resources(streams=streams)) as files:
            yield files, path


def write(files: FileSystem, path: bytes, content: bytes = _CONTENT) -> None:
    """Write a new file with the file system under test."""
    with files.create(path, mode=0o600) as writer:
        for offset in range(0, len(content), _BLOCK_BYTES):
            writer.write(offset, content[offset : offset + _BLOCK_BYTES])
        writer.close()


def local(server: Server, path: bytes) -> Path:
    """Return the path of a file on this machine."""
    return server.root / os.fsdecode(path.rpartition(b"/")[2])


def sessions(server: Server) -> int:
    """Return the number of SFTP sessions that a separate OpenSSH server has started so far."""
    return len(re.findall(rb"Starting session: ", server.log.read_bytes()))


PROGRAMS: dict[str, t.Callable[[SharedLab], Server]] = {
    "openssh": lambda lab: lab.openssh(variant="internal"),
    "openssh-rekeying": lambda lab: lab.openssh(variant="internal", extra=("RekeyLimit 1M",)),
    "proftpd": lambda lab: lab.proftpd(),
    "asyncssh": lambda lab: lab.asyncssh(),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("streams", [None, 1, 4])
def test_a_file_is_whole_for_any_number_of_channels(lab: SharedLab, program: str, streams: int | None) -> None:
    server = PROGRAMS[program](lab)
    with distant(server, streams=streams) as (files, path):
        write(files, path)
        assert files.attributes(path, follow=False).size == len(_CONTENT)
    assert hashlib.sha256(local(server, path).read_bytes()).digest() == hashlib.sha256(_CONTENT).digest()


def test_a_file_is_whole_without_direct_receiving_too(lab: SharedLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(dependency.OPTIONAL, "Transport._channel_handler_table")
    server = lab.openssh(variant="internal")
    with distant(server, streams=4) as (files, path):
        write(files, path)
        with files.open_reader(path) as reader:
            assert b"".join(map(bytes, reader.blocks())) == _CONTENT
    assert local(server, path).read_bytes() == _CONTENT


@pytest.mark.parametrize(("streams", "opened"), [(1, 1), (3, 3), (None, 4)])
def test_as_many_channels_are_opened_as_asked_for_and_kept_for_the_next_file(
    lab: SharedLab, streams: int | None, opened: int
) -> None:
    server = lab.openssh(variant="internal", extra=("LogLevel VERBOSE",))
    before = sessions(server)
    with distant(server, streams=streams) as (files, path):
        write(files, path)
        write(files, path + b"-2")
    count = sessions(server) - before
    assert count == opened if streams else count >= opened


def test_a_small_file_needs_no_additional_channel(lab: SharedLab) -> None:
    server = lab.openssh(variant="internal", extra=("LogLevel VERBOSE",))
    before = sessions(server)
    with distant(server, streams=4) as (files, path):
        write(files, path, _CONTENT[:100_000])
    assert sessions(server) - before == 1


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_a_server_that_allows_fewer_sessions_gets_the_file_and_can_run_its_command(lab: SharedLab, most: int) -> None:
    server = lab.openssh(extra=(f"MaxSessions {most}",))
    with distant(server, streams=4) as (files, path):
        write(files, path)
        digest = files.digest(path, algorithm="sha256")
    assert local(server, path).read_bytes() == _CONTENT
    if most > 1:
        assert digest is not None
        assert (digest.method, digest.hexdigest) == ("command", hashlib.sha256(_CONTENT).hexdigest())


def test_a_server_that_opens_a_file_only_once_gets_it_over_one_channel(lab: SharedLab) -> None:
    server = lab.asyncssh(sftp_class=FAILING_SERVER, options={"one_handle_only": True})
    with distant(server, streams=4) as (files, path):
        write(files, path)
        write(files, path + b"-2")
    assert local(server, path).read_bytes() == _CONTENT
    assert local(server, path + b"-2").read_bytes() == _CONTENT


def test_a_write_that_fails_on_any_channel_is_raised(lab: SharedLab) -> None:
    for block in (0, 40, 90):
        server = lab.asyncssh(sftp_class=FAILING_SERVER, options={"fail_write_at": block * _BLOCK_BYTES})
        with distant(server, streams=4) as (files, path):
            with pytest.raises(RemoteError, match="no room") as caught:
                write(files, path)
            assert caught.value.path == path
            files.remove(path)


def test_a_close_that_fails_on_any_channel_is_raised(lab: SharedLab) -> None:
    server = lab.asyncssh(sftp_class=FAILING_SERVER, options={"fail_close": True})
    with distant(server, streams=4) as (files, path), pytest.raises(RemoteError, match="quota"):
        write(files, path)


def test_attributes_set_on_the_open_file_stay_after_writes_over_additional_channels(lab: SharedLab) -> None:
    server = lab.openssh(variant="internal")
    with distant(server, streams=4) as (files, path):
        with files.create(path, mode=0o600) as writer:
            for offset in range(0, len(_CONTENT), _BLOCK_BYTES):
                writer.write(offset, _CONTENT[offset : offset + _BLOCK_BYTES])
            writer.set_attributes(Attributes(mode=0o640, mtime=1_000_000_000))
            assert writer.attributes().size == len(_CONTENT)
            writer.close()
        assert files.attributes(path, follow=False).mtime == 1_000_000_000


def test_writing_goes_on_over_all_channels_after_a_flush(lab: SharedLab) -> None:
    server = lab.openssh(variant="internal")
    with distant(server, streams=4) as (files, path):
        with files.create(path, mode=0o600) as writer:
            for offset in range(0, len(_CONTENT), _BLOCK_BYTES):
                writer.write(offset, _CONTENT[offset : offset + _BLOCK_BYTES])
                if offset == len(_CONTENT) // 2:
                    writer.flush()
                    assert local(server, path).stat().st_size == offset + _BLOCK_BYTES
        assert local(server, path).read_bytes() == _CONTENT


def test_a_session_that_is_killed_in_the_middle_is_an_error_and_not_a_wait(lab: SharedLab) -> None:
    # A separate server, so that no connections of other tests are killed.
    server = lab.openssh(variant="internal", extra=("LogLevel ERROR",))
    with distant(server, streams=4) as (files, path):  # noqa: SIM117
        with pytest.raises(BackhaulError) as caught, files.create(path, mode=0o600) as writer:
            for offset in range(0, len(_CONTENT), _BLOCK_BYTES):
                writer.write(offset, _CONTENT[offset : offset + _BLOCK_BYTES])
                if offset == len(_CONTENT) // 2:
                    server.kill_sessions()
            writer.flush()
    assert caught.value.retryable


def test_leaving_by_an_error_leaves_no_handle_open(lab: SharedLab) -> None:
    server = lab.openssh(variant="internal")
    with distant(server, streams=4) as (files, path):
        with pytest.raises(ZeroDivisionError), files.create(path, mode=0o600) as writer:
            for offset in range(0, len(_CONTENT), _BLOCK_BYTES):
                writer.write(offset, _CONTENT[offset : offset + _BLOCK_BYTES])
            raise ZeroDivisionError
        write(files, path + b"-2")
    assert local(server, path + b"-2").read_bytes() == _CONTENT
