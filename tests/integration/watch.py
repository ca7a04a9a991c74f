# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search for secrets in files and process arguments of a playbook run."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

from .controller import Playing, Site


class Watch:
    """Searches files and process arguments for secrets, during and after a run."""

    def __init__(self, site: Site, secrets: t.Iterable[str]) -> None:
        self._site = site
        self._secrets = [secret.encode() for secret in secrets]
        # Files of the test itself: keys, and in search() the playbook and the inventory.
        self._own = {path for path in site.folder.rglob("*") if path.is_file()}
        self.found: set[str] = set()
        self.searches = 0

    def until_end(self, running: Playing) -> None:
        """Search repeatedly until the run has ended."""
        while running.process.poll() is None:
            self.search()
            time.sleep(0.1)

    def search(self) -> None:
        """Search every file below the site's folder and the arguments of every process."""
        self.searches += 1
        for folder, _folders, names in os.walk(self._site.folder):
            for path in (Path(folder, name) for name in names):
                if path not in self._own and not path.name.startswith(("play-", "inventory.")):
                    self._search_in(str(path), self._read(path))
        for process, arguments in self._site.processes().items():
            self._search_in(f"the arguments of process {process}", arguments)

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:  # removed meanwhile
            return b""

    def _search_in(self, where: str, content: bytes) -> None:
        self.found |= {f"{secret!r} in {where}" for secret in self._secrets if secret in content}


def key_body(text: str) -> str:
    """Return the line of a private key that no other key has."""
    return text.strip().splitlines()[-2]
