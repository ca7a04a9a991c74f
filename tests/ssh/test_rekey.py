# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New session keys in the middle of a transfer: content stays byte-exact, and another host key is refused."""

from __future__ import annotations

import hashlib
import os
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import Connection, connect
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import Impostor, paramiko_server
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop
from ansible_collections.backhaul.sftp.tests.trust.oracle import ssh_keygen

from .meeting import names, trusting
from .sshd import sshd

pytestmark = pytest.mark.integration
SIZE = 20 * 1024 * 1024
BLOCK = 32 * 1024


@pytest.fixture(scope="module")
def rekeying(workshop: Workshop) -> t.Iterator[Server]:
    """An sshd that starts a rekey after every MiB."""
    with sshd(workshop, "RekeyLimit 1M") as server:
        yield server


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 20 MiB of random bytes, so that no two blocks are equal."""
    path = tmp_path_factory.mktemp("big") / "backup.tar"
    path.write_bytes(os.urandom(SIZE))
    return path


def checked_keys(connection: Connection) -> list[bytes]:
    """Return a list to which every host key that this connection checks from now on is added."""
    shown: list[bytes] = []
    transport = connection.transport
    check = transport._check_host_key

    def recording(blob: bytes) -> None:
        shown.append(blob)
        check(blob)

    transport._check_host_key = recording
    return shown


def read_digest(files: FileSystem, path: Path) -> str:
    """Return the SHA-256 of the content that arrives."""
    digest = hashlib.sha256()
    with files.open_reader(os.fsencode(path)) as reader:
        for block in reader.blocks():
            digest.update(block)
    return digest.hexdigest()


def write(files: FileSystem, path: Path, content: bytes) -> None:
    """Write a new file in blocks."""
    with files.create(os.fsencode(path), mode=0o600) as writer:
        for at in range(0, len(content), BLOCK):
            writer.write(at, memoryview(content)[at : at + BLOCK])
        writer.close()


def test_a_rekey_by_the_server_changes_no_byte(rekeying: Server, big_file: Path, tmp_path: Path) -> None:
    content = big_file.read_bytes()
    with connect(rekeying.endpoint()) as connection, connection.file_system() as files:
        shown = checked_keys(connection)
        assert read_digest(files, big_file) == hashlib.sha256(content).hexdigest()
        write(files, tmp_path / "copy", content[: SIZE // 4])
    assert (tmp_path / "copy").read_bytes() == content[: SIZE // 4]
    assert len(shown) >= 20, "the server renewed its keys too rarely for this test to say anything"


def test_a_rekey_by_us_changes_no_byte(workshop: Workshop, big_file: Path, tmp_path: Path) -> None:
    content = big_file.read_bytes()
    with sshd(workshop) as server, connect(server.endpoint()) as connection, connection.file_system() as files:
        shown = checked_keys(connection)
        connection.transport.packetizer.REKEY_BYTES = 1024 * 1024
        assert read_digest(files, big_file) == hashlib.sha256(content).hexdigest()
        write(files, tmp_path / "copy", content[: SIZE // 4])
    assert (tmp_path / "copy").read_bytes() == content[: SIZE // 4]
    assert len(shown) >= 10


def transfer_interrupted_by(endpoint: Endpoint, path: Path, change: t.Callable[[], None]) -> None:
    """Read a file, call ``change`` after the first block, and read on; the error of the rest is raised."""
    with connect(endpoint) as connection, connection.file_system() as files:
        with files.open_reader(os.fsencode(path)) as reader:
            for at, _block in enumerate(reader.blocks()):
                if at == 0:
                    change()
        raise AssertionError("the whole file arrived")


def test_a_krl_that_is_replaced_ends_a_running_transfer(
    rekeying: Server, workshop: Workshop, big_file: Path, tmp_path: Path
) -> None:
    krl, next_krl, key = tmp_path / "revoked", tmp_path / "next", workshop.key("ed25519", "host")
    assert ssh_keygen("-k", "-f", krl, workshop.key("ed25519", "stranger").public_path).returncode == 0
    assert ssh_keygen("-k", "-f", next_krl, key.public_path).returncode == 0
    endpoint = trusting(rekeying.endpoint(), host_keys=(key.line,), revoked_host_keys=str(krl))
    with pytest.raises(TrustError) as caught:
        transfer_interrupted_by(endpoint, big_file, lambda: os.replace(next_krl, krl))
    assert (caught.value.code, caught.value.retryable) == ("host_key_revoked", False)


@pytest.mark.parametrize("vouching", ["pin", "known_hosts"])
def test_a_revocation_in_a_known_hosts_file_ends_a_running_transfer(
    rekeying: Server, workshop: Workshop, big_file: Path, tmp_path: Path, vouching: str
) -> None:
    file, key = tmp_path / "known_hosts", workshop.key("ed25519", "host")
    file.write_text(f"{names(rekeying)}{key.line}\n")
    pins = (key.line,) if vouching == "pin" else ()
    endpoint = trusting(rekeying.endpoint(), host_keys=pins, known_hosts_files=(str(file),))
    with pytest.raises(TrustError) as caught:
        transfer_interrupted_by(endpoint, big_file, lambda: _append(file, f"@revoked * {key.line}\n"))
    assert caught.value.code == "host_key_revoked"


def test_a_revocation_list_that_disappears_ends_a_running_transfer(
    rekeying: Server, workshop: Workshop, big_file: Path, tmp_path: Path
) -> None:
    listed, key = tmp_path / "revoked", workshop.key("ed25519", "host")
    listed.write_text(workshop.key("ed25519", "stranger").line)
    endpoint = trusting(rekeying.endpoint(), host_keys=(key.line,), revoked_host_keys=str(listed))
    with pytest.raises(TrustError) as caught:
        transfer_interrupted_by(endpoint, big_file, listed.unlink)
    assert caught.value.code == "host_key_revoked"


def test_a_known_hosts_file_that_others_may_suddenly_write_ends_a_running_transfer(
    rekeying: Server, big_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(rekeying.known_hosts())
    endpoint = trusting(rekeying.endpoint(), known_hosts_files=(str(file),))
    with pytest.raises(InputError) as caught:
        transfer_interrupted_by(endpoint, big_file, lambda: file.chmod(0o666))
    assert caught.value.code == "unsafe_path"


def test_a_known_hosts_file_that_is_being_rewritten_does_not(rekeying: Server, big_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(rekeying.known_hosts())
    endpoint = trusting(rekeying.endpoint(), known_hosts_files=(str(file),))
    with connect(endpoint) as connection, connection.file_system() as files:
        shown = checked_keys(connection)
        file.write_text("")
        with files.open_reader(os.fsencode(big_file)) as reader:
            start = b"".join(bytes(block) for block in reader.blocks(length=SIZE // 5))
    assert big_file.read_bytes().startswith(start) and len(start) == SIZE // 5
    assert shown


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize("pins", [("host",), ("host", "stranger")], ids=["strange", "pinned-too"])
def test_a_server_with_another_key_at_a_rekey_is_disconnected(
    workshop: Workshop, big_file: Path, pins: tuple[str, ...]
) -> None:
    """A second pinned key is refused, too: a server never changes its key within a connection."""
    Impostor.impostor_key = workshop.key("ed25519", "stranger")
    key = workshop.key("ed25519", "host")
    with paramiko_server(key, transport_class=Impostor) as server:
        endpoint = server.endpoint(key)
        trust = replace(endpoint.trust, host_keys=tuple(workshop.key("ed25519", name).line for name in pins))
        with pytest.raises(TrustError) as caught:
            transfer_interrupted_by(replace(endpoint, trust=trust), big_file, lambda: None)
    assert (caught.value.code, caught.value.retryable) == ("host_key_mismatch", False)
    assert "renewed" in caught.value.message
