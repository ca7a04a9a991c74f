# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the tracked and the new, not ignored files of this checkout, as a fresh clone would have them after a commit."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BUILD = CHECKOUT / ".build"


def copy_to(root: pathlib.Path) -> pathlib.Path:
    """Copy the checkout to the path below ``root`` that ansible-test needs; return that folder."""
    target = root / "ansible_collections" / "backhaul" / "sftp"
    shutil.rmtree(root / "ansible_collections", ignore_errors=True)
    for name in _names():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, target / name, follow_symlinks=False)
    return target


def _names() -> list[str]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(listing, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    return [name for name in output.split("\0") if name and (CHECKOUT / name).is_file()]
