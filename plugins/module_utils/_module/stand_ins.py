# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Files that stand in for others: what Ansible Vault had encrypted, or the text that a task holds itself.

The controller makes them in a folder that its own account alone can enter, and names it to the module. Both remove it,
whoever comes first, so that the plain text is gone however the other one ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import typing as t
from dataclasses import dataclass, field

ENVIRONMENT_NAME = "BACKHAUL_SFTP_STAND_INS"
INDEX_NAME = "index.json"


@dataclass(frozen=True)
class StandIns:
    """Which file to read in the place of another, by their paths; ``content`` is one that stands for no file at all."""

    files: t.Mapping[bytes, bytes] = field(default_factory=dict)
    content: bytes = b""


def write_index(folder: str, stand_ins: StandIns) -> None:
    """Describe the files of a folder in itself; nobody else may read it."""
    files = {_text(path): _text(file) for path, file in stand_ins.files.items()}
    descriptor = os.open(os.path.join(folder, INDEX_NAME), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump({"files": files, "content": _text(stand_ins.content)}, file)


@contextlib.contextmanager
def stand_ins() -> t.Iterator[StandIns]:
    """Return what the folder that the environment names is said to hold; remove it in the end."""
    folder = os.environ.get(ENVIRONMENT_NAME, "")
    if not folder:
        yield StandIns()
        return
    try:
        with open(os.path.join(folder, INDEX_NAME), encoding="ascii") as file:
            found = json.load(file)
        files = {_bytes(path): _bytes(file) for path, file in found["files"].items()}
        yield StandIns(files, _bytes(found["content"]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
