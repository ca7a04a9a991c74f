# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking for secrets wherever a playbook run may leave them."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

from .controller import Playing, Site


class Watch:
    """Looks for secrets wherever a run may leave them, while it runs and afterwards."""

    def __init__(self, site: Site, secrets: t.Iterable[str]) -> None:
        self._site = site
        self._secrets = [secret.encode() for secret in secrets]
        # What the test itself writes: key files, and further down the playbook and the inventory.
        self._own = {path for path in site.folder.rglob("*") if path.is_file()}
        self.found: set[str] = set()
        self.looks = 0

    def until_end(self, running: Playing) -> None:
        """Look again and again until the run is over."""
        while running.process.poll() is None:
            self.look()
            time.sleep(0.1)

    def look(self) -> None:
        """Look into every file below the site's folder, and at the arguments of every process."""
        self.looks += 1
        for folder, _folders, names in os.walk(self._site.folder):
            for path in (Path(folder, name) for name in names):
                if path not in self._own and not path.name.startswith(("play-", "inventory.")):
                    self._search(str(path), self._read(path))
        for process, arguments in self._site.processes().items():
            self._search(f"the arguments of process {process}", arguments)

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:  # gone by now
            return b""

    def _search(self, where: str, content: bytes) -> None:
        self.found |= {f"{secret!r} in {where}" for secret in self._secrets if secret in content}


def key_body(text: str) -> str:
    """Return the line of a private key that no other key has."""
    return text.strip().splitlines()[-2]
