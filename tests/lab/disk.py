# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mounted file system of a few MiB."""

from __future__ import annotations

import os
import subprocess
import typing as t
from contextlib import contextmanager
from pathlib import Path

from .server import UnavailableError


class Disk:
    """A small tmpfs mounted on a folder; the folder's owner may write to it."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        owner = folder.stat()
        self._folder = folder
        options = f"size={size_bytes},uid={owner.st_uid},gid={owner.st_gid},mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)

    def grow(self, size_bytes: int) -> None:
        """Make room."""
        subprocess.run(["mount", "-o", f"remount,size={size_bytes}", str(self._folder)], check=True)

    def unmount(self) -> None:
        """Unmount the file system with its files, even while a process uses it."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)


@contextmanager
def tiny_disk(folder: Path, *, size_bytes: int = 1024 * 1024) -> t.Iterator[Disk]:
    """Mount a disk of this size on an empty folder for as long as the block runs (needs root, and Linux)."""
    if os.geteuid() != 0:
        raise UnavailableError("only root can mount a small file system")
    disk = Disk(folder, size_bytes)
    try:
        yield disk
    finally:
        disk.unmount()
