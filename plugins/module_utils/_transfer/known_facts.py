# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What is known of the ends of a task that copies many files, so that it is not asked for every one of them."""

from __future__ import annotations

import time
import typing as t

from .._model import Endpoint, Space

# Up to this size reading a file takes less time than starting a command on its server that hashes it.
SMALL_FILE_BYTES = 256 * 1024
# While so much is free, the space is not asked for again for each small file.
_PLENTY_BYTES = 1024 * 1024 * 1024
_FRESH_SECONDS = 10.0


class KnownFacts:
    """Facts that all relays of a task share; any thread may use them.

    Without ``many_files`` nothing is assumed, and each server is asked. ``verify`` is the option of that name.
    """

    def __init__(self, *, many_files: bool = False, verify: str = "auto") -> None:
        self._many_files = many_files
        self._verify = verify
        self._directories: set[tuple[Endpoint, bytes]] = set()
        self._spaces: dict[tuple[Endpoint, bytes], tuple[float, Space]] = {}

    def add_directories(self, endpoint: Endpoint, paths: t.Iterable[bytes]) -> None:
        """Take note of directories that were made or looked at just now."""
        self._directories.update((endpoint, path) for path in paths)

    def has_directory(self, endpoint: Endpoint, path: bytes) -> bool:
        """Say whether a directory is known to be there."""
        return (endpoint, path) in self._directories

    def without_command(self, size_bytes: int) -> bool:
        """Say whether a file of this size is read back rather than hashed by a command that its server starts."""
        return self._is_small(size_bytes) and self._verify != "server"

    def space(
        self, endpoint: Endpoint, path: bytes, ask: t.Callable[[bytes], Space | None], *, size_bytes: int
    ) -> Space | None:
        """Return the space under a path; for a small file a recent answer counts where there was plenty."""
        asked_at, known = self._spaces.get((endpoint, path), (0.0, None))
        now = time.monotonic()
        is_fresh = now - asked_at < _FRESH_SECONDS
        if self._is_small(size_bytes) and is_fresh and known is not None and known.free_bytes >= _PLENTY_BYTES:
            return known
        found = ask(path)
        if found is not None:
            self._spaces[endpoint, path] = (now, found)
        return found

    def _is_small(self, size_bytes: int) -> bool:
        return self._many_files and size_bytes <= SMALL_FILE_BYTES
