# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the port about failures: every refusal is raised, and every wait ends."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import resource
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem, Writer
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Endpoint, Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import open_file_system
from ansible_collections.backhaul.sftp.tests.actors import FAILING_SERVER
from ansible_collections.backhaul.sftp.tests.contract.subjects import endpoint_of
from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, SharedLab

_BLOCK_BYTES = 32_768
_BLOCKS = 40
_IMPATIENT = Timeouts(connect_seconds=20.0, operation_seconds=2.0, stall_seconds=2.0, keepalive_seconds=0.0)
_FOLDERS = iter(range(10_000))


@contextlib.contextmanager
def _misbehaving(lab: SharedLab, **options: t.Any) -> t.Iterator[tuple[FileSystem, Server]]:
    server = lab.asyncssh(sftp_class=FAILING_SERVER, options=options)
    with open_file_system(endpoint_of(server)) as files:
        yield files, server


def _new_path(server: Server) -> bytes:
    return server.remote_bytes(server.root / f"file-{next(_FOLDERS)}")


def _new_file(files: FileSystem, server: Server) -> Writer:
    return files.create(_new_path(server), mode=0o600)


def _write_blocks(writer: Writer) -> None:
    for number in range(_BLOCKS):
        writer.write(number * _BLOCK_BYTES, bytes(_BLOCK_BYTES))


@pytest.mark.parametrize("block", [0, _BLOCKS // 2, _BLOCKS - 1])
def test_a_write_that_failed_is_raised_by_flush_at_the_latest(lab: SharedLab, block: int) -> None:
    with (
        _misbehaving(lab, fail_write_at=block * _BLOCK_BYTES) as there,
        _new_file(*there) as writer,
        pytest.raises(RemoteError),
    ):
        _write_blocks(writer)
        writer.flush()


def test_a_write_that_failed_is_raised_by_close(lab: SharedLab) -> None:
    with (
        _misbehaving(lab, fail_write_at=5 * _BLOCK_BYTES) as there,
        _new_file(*there) as writer,
        pytest.raises(RemoteError),
    ):
        _write_blocks(writer)
        writer.close()


def test_a_write_that_failed_is_raised_by_sync(lab: SharedLab) -> None:
    with (
        _misbehaving(lab, fail_write_at=5 * _BLOCK_BYTES) as there,
        _new_file(*there) as writer,
        pytest.raises(RemoteError),
    ):
        _write_blocks(writer)
        writer.sync()


def test_a_write_that_failed_is_raised_by_leaving_without_close(lab: SharedLab) -> None:
    with (
        _misbehaving(lab, fail_write_at=5 * _BLOCK_BYTES) as there,
        pytest.raises(RemoteError),
        _new_file(*there) as writer,
    ):
        _write_blocks(writer)


def test_a_local_write_that_failed_is_raised(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = os.fsencode(tmp_path / "file")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with LocalFileSystem().create(path, mode=0o600) as writer, pytest.raises(RemoteError) as caught:
            _write_blocks(writer)
            writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.path == path


def test_a_refused_close_is_raised(lab: SharedLab) -> None:
    with (
        _misbehaving(lab, fail_close=True) as there,
        _new_file(*there) as writer,
        pytest.raises(RemoteError),
    ):
        writer.write(0, b"content")
        writer.close()


def test_a_refused_close_is_raised_by_leaving(lab: SharedLab) -> None:
    with (
        _misbehaving(lab, fail_close=True) as there,
        pytest.raises(RemoteError),
        _new_file(*there) as writer,
    ):
        writer.write(0, b"content")


def test_a_refused_close_does_not_replace_another_error(lab: SharedLab) -> None:
    with (
        _misbehaving(lab, fail_close=True) as there,
        pytest.raises(ZeroDivisionError),
        _new_file(*there) as writer,
    ):
        writer.write(0, b"content")
        raise ZeroDivisionError


def test_a_refused_sync_is_raised(lab: SharedLab) -> None:
    with (
        _misbehaving(lab, fail_sync=True) as there,
        _new_file(*there) as writer,
        pytest.raises(RemoteError),
    ):
        writer.write(0, b"content")
        writer.sync()


def test_after_a_refusal_the_session_is_usable(lab: SharedLab) -> None:
    with _misbehaving(lab, fail_write_at=5 * _BLOCK_BYTES) as (files, server):
        path = _new_path(server)
        with pytest.raises(RemoteError), files.create(path, mode=0o600) as writer:
            _write_blocks(writer)
            writer.close()
        files.remove(path)
        with files.create(path, mode=0o600) as writer:
            writer.write(0, b"content")
            writer.close()
        assert files.attributes(path, follow=False).size == len(b"content")


@pytest.mark.parametrize("entries", [0, 1, 150, 250])
def test_a_listing_that_fails_in_the_middle_raises(lab: SharedLab, entries: int) -> None:
    with _misbehaving(lab, fail_listing_after=entries) as (files, server):
        folder = server.root / f"folder-{next(_FOLDERS)}"
        folder.mkdir()
        for number in range(300):
            (folder / f"file-{number}").touch()
        with pytest.raises(RemoteError):
            list(files.entries(server.remote_bytes(folder)))


@pytest.fixture
def readonly(lab: SharedLab) -> t.Iterator[tuple[FileSystem, Server]]:
    """Yield a server that refuses every change, with one file."""
    server = lab.openssh(variant="readonly")
    (server.root / "file").write_bytes(b"content")
    (server.root / "directory").mkdir(exist_ok=True)
    with open_file_system(endpoint_of(server)) as files:
        yield files, server


def _changes(files: FileSystem, root: bytes) -> dict[str, t.Callable[[], object]]:
    file, new = root + b"/file", root + b"/new"
    return {
        "create": lambda: files.create(new, mode=0o600),
        "make_directory": lambda: files.make_directory(new, mode=0o700),
        "remove": lambda: files.remove(file),
        "remove_directory": lambda: files.remove_directory(root + b"/directory"),
        "rename": lambda: files.rename(file, new),
        "replace": lambda: files.replace(file, new),
        "set_attributes": lambda: files.set_attributes(file, Attributes(mode=0o600), follow=True),
    }


@pytest.mark.parametrize("change", list(_changes(t.cast(FileSystem, None), b"")))
def test_a_read_only_server_is_permission_denied(readonly: tuple[FileSystem, Server], change: str) -> None:
    files, server = readonly
    with pytest.raises(RemoteError) as caught:
        _changes(files, server.visible_root)[change]()
    assert caught.value.code in ("permission_denied", "unsupported" if change == "replace" else "permission_denied")
    assert caught.value.path is not None
    assert {path.name for path in server.root.iterdir()} == {"file", "directory"}


def test_a_read_only_server_can_be_read(readonly: tuple[FileSystem, Server]) -> None:
    files, server = readonly
    with files.open_reader(server.remote_bytes(server.root / "file")) as reader:
        assert b"".join(map(bytes, reader.blocks())) == b"content"


@pytest.fixture
def other_account(lab: SharedLab) -> t.Iterator[tuple[FileSystem, Server]]:
    """Yield a server with an unprivileged account: another account if the tests run as root, else our own."""
    server = lab.openssh(variant="internal", account="nobody") if os.geteuid() == 0 else lab.openssh()
    with open_file_system(endpoint_of(server)) as files:
        yield files, server


def test_a_file_that_the_account_may_not_read_is_permission_denied(other_account: tuple[FileSystem, Server]) -> None:
    files, server = other_account
    file = server.root / f"file-{next(_FOLDERS)}"
    file.touch(mode=0o000)
    with pytest.raises(RemoteError) as caught:
        files.open_reader(server.remote_bytes(file))
    assert caught.value.code == "permission_denied"
    assert caught.value.path == server.remote_bytes(file)


def test_a_directory_that_the_account_may_not_list_is_an_error_at_the_first_entry(
    other_account: tuple[FileSystem, Server],
) -> None:
    files, server = other_account
    folder = server.root / f"folder-{next(_FOLDERS)}"
    folder.mkdir(mode=0o000)
    listing = files.entries(server.remote_bytes(folder))
    try:
        with pytest.raises(RemoteError) as caught:
            next(listing)
    finally:
        folder.chmod(0o755)
    assert caught.value.code == "permission_denied"


def test_a_directory_that_the_account_may_not_write_is_permission_denied(
    other_account: tuple[FileSystem, Server],
) -> None:
    files, server = other_account
    folder = server.root / f"folder-{next(_FOLDERS)}"
    folder.mkdir(mode=0o555)
    with pytest.raises(RemoteError) as caught:
        files.create(server.remote_bytes(folder / "new"), mode=0o600)
    assert caught.value.code == "permission_denied"


def _with_short_timeouts(proxy: Proxy) -> Endpoint:
    endpoint: Endpoint = proxy.endpoint()
    return dataclasses.replace(endpoint, timeouts=_IMPATIENT)


def _requests(files: FileSystem, path: bytes) -> dict[str, t.Callable[[], object]]:
    return {
        "canonical": lambda: files.canonical(b"."),
        "attributes": lambda: files.attributes(path, follow=True),
        "entries": lambda: list(files.entries(path.rsplit(b"/", 1)[0])),
        "open_reader": lambda: files.open_reader(path),
        "create": lambda: files.create(path + b".new", mode=0o600),
        "set_attributes": lambda: files.set_attributes(path, Attributes(mode=0o600), follow=True),
        "open_attributes": lambda: files.open_attributes(path),
        "make_directory": lambda: files.make_directory(path + b".new", mode=0o700),
        "remove_directory": lambda: files.remove_directory(path),
        "remove": lambda: files.remove(path),
        "rename": lambda: files.rename(path, path + b".new"),
        "replace": lambda: files.replace(path, path + b".new"),
        "digest": lambda: files.digest(path, algorithm="sha256"),
        "space": lambda: files.space(path),
    }


def test_every_wait_ends_with_a_link_error_when_the_server_stops_answering(lab: SharedLab) -> None:
    server = lab.openssh()
    (server.root / "file").write_bytes(b"content")
    path = server.remote_bytes(server.root / "file")
    names = list(_requests(t.cast(FileSystem, None), b""))
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(Proxy(server))
        opened = [stack.enter_context(open_file_system(_with_short_timeouts(proxy))) for _name in names]
        threads = stack.enter_context(concurrent.futures.ThreadPoolExecutor(len(names)))
        proxy.downstream.stall()
        asked = {name: threads.submit(_requests(files, path)[name]) for name, files in zip(names, opened)}
        errors = {name: answer.exception() for name, answer in asked.items()}
    for name, error in errors.items():
        assert isinstance(error, LinkError), name
        assert error.code == "timed_out", name
        assert error.path is not None, name


def _big_file(server: Server) -> bytes:
    (server.root / "big").write_bytes(bytes(8_000_000))
    return server.remote_bytes(server.root / "big")


def _read_all(files: FileSystem, path: bytes) -> int:
    with files.open_reader(path) as reader:
        return sum(len(block) for block in reader.blocks())


def _write_all(files: FileSystem, path: bytes) -> None:
    with files.create(path, mode=0o600) as writer:
        for offset in range(0, 8_000_000, 100_000):
            writer.write(offset, bytes(100_000))
        writer.close()


@pytest.mark.parametrize("fault", ["stall_at", "cut_at", "flip_at"])
def test_a_link_that_breaks_while_reading_is_a_link_error(lab: SharedLab, fault: str) -> None:
    server = lab.openssh()
    path = _big_file(server)
    with Proxy(server) as proxy:
        getattr(proxy.downstream, fault)(1_000_000)
        with pytest.raises(LinkError), open_file_system(_with_short_timeouts(proxy)) as files:
            _read_all(files, path)


@pytest.mark.parametrize("fault", ["stall_at", "cut_at", "flip_at"])
def test_a_link_that_breaks_while_writing_is_a_link_error(lab: SharedLab, fault: str) -> None:
    server = lab.openssh()
    path = _new_path(server)
    with Proxy(server) as proxy:
        getattr(proxy.upstream, fault)(1_000_000)
        with pytest.raises(LinkError), open_file_system(_with_short_timeouts(proxy)) as files:
            _write_all(files, path)


@pytest.mark.parametrize("trouble", ["pause_sessions", "kill_sessions"])
def test_a_session_that_stops_or_is_killed_is_a_link_error(lab: SharedLab, trouble: str) -> None:
    server = lab.openssh(extra=("LogLevel INFO",))  # a separate server: the fault hits all of its sessions
    path = _big_file(server)
    endpoint = dataclasses.replace(endpoint_of(server), timeouts=_IMPATIENT)
    with pytest.raises(LinkError), open_file_system(endpoint) as files, files.open_reader(path) as reader:
        blocks = iter(reader.blocks())
        next(blocks)
        getattr(server, trouble)()
        for _block in blocks:
            continue
        files.canonical(b".")
    server.kill_sessions()
    with open_file_system(endpoint_of(server)) as files:
        assert _read_all(files, path) == 8_000_000


def test_after_the_link_is_lost_every_error_carries_the_path_of_its_own_request(lab: SharedLab) -> None:
    with Proxy(lab.openssh()) as proxy, open_file_system(_with_short_timeouts(proxy)) as files:
        proxy.cut()
        for path in (b"/one", b"/two"):
            with pytest.raises(LinkError) as caught:
                files.attributes(path, follow=True)
            assert caught.value.path == path


def test_a_half_open_connection_is_noticed(lab: SharedLab) -> None:
    server = lab.openssh()
    path = _big_file(server)
    with Proxy(server) as proxy, open_file_system(_with_short_timeouts(proxy)) as files:
        proxy.half_open()
        with pytest.raises(BackhaulError) as caught:
            _read_all(files, path)
    assert isinstance(caught.value, LinkError)


def test_a_slow_but_steady_link_is_not_a_stalled_one(lab: SharedLab) -> None:
    server = lab.openssh()
    (server.root / "slow").write_bytes(bytes(2_400_000))
    with Proxy(server) as proxy, open_file_system(_with_short_timeouts(proxy)) as files:
        proxy.downstream.throttle(600_000)
        proxy.downstream.delay(0.2)
        assert _read_all(files, server.remote_bytes(server.root / "slow")) == 2_400_000
