# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks by another user of a directory, who puts files and links there under every name that can be computed."""

from __future__ import annotations

import ctypes
import os
import stat
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module.job_key import derive_job_key
from ansible_collections.backhaul.sftp.plugins.module_utils._names import job_token, temporary_name
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.backup_file import backup_path
from ansible_collections.backhaul.sftp.tests.lab import Server

NEIGHBOUR = 65534
IN_OPEN = 0x20

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")


def share(folder: Path, *, mode: int = 0o1777) -> Path:
    """Make a folder writable for every user."""
    folder.chmod(mode)
    return folder


def partial_path(final: Path, source: Path, *, server: Server, key: bytes) -> Path:
    """Return the path of the partial file for this source on that server."""
    status = source.stat()
    facts = (os.fsencode(source), b"%d %d" % (status.st_size, int(status.st_mtime)))
    token = job_token(f"{server.host}:{server.port}".encode(), *facts, key=key)
    return final.with_name(os.fsdecode(temporary_name(os.fsencode(final.name), token)))


def key_of(*servers: Server) -> bytes:
    """Return the job key of a task between these servers; deriving it needs their credentials."""
    return derive_job_key(*(server.endpoint() for server in servers))


def backup_path_of(final: Path, *, key: bytes) -> Path:
    """Return the backup path of an old file, for a server without posix-rename."""
    return Path(os.fsdecode(backup_path(os.fsencode(final), key=key)))


def plant(path: Path, content: bytes, *, mode: int = 0o600, uid: int = NEIGHBOUR) -> Path:
    """Make a file as another user."""
    path.write_bytes(content)
    os.chown(path, uid, uid)
    path.chmod(mode)
    return path


def owner_and_mode(path: Path) -> tuple[int, int]:
    """Return the owner and the permission bits of a regular file."""
    status = path.lstat()
    assert stat.S_ISREG(status.st_mode)
    return status.st_uid, stat.S_IMODE(status.st_mode)


def swap_when_opened(path: Path, victim: Path) -> threading.Thread:
    """Replace a file by a link to ``victim`` when a process opens it (inotify(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init()
    assert libc.inotify_add_watch(descriptor, os.fsencode(path), IN_OPEN) >= 0

    def wait_and_swap() -> None:
        os.read(descriptor, 4096)
        path.rename(path.with_name("swapped"))
        path.symlink_to(victim)
        os.close(descriptor)

    thread = threading.Thread(target=wait_and_swap, daemon=True)
    thread.start()
    return thread


class Growing(t.ContextManager[None]):
    """Context manager: append to a file until the block ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._grow, daemon=True)

    def _grow(self) -> None:
        while not self._over.wait(0.2):
            with self._path.open("ab") as file:
                file.write(b"!")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc_info: object) -> None:
        self._over.set()
        self._thread.join()
