# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find Python interpreters that start."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

SUPPORTED = ("3.13", "3.12", "3.11", "3.10", "3.9")
_PROBE = """
import os, sys, ensurepip, venv
print(os.path.realpath(sys.executable))
print("%d.%d" % sys.version_info[:2])
"""


def find(version: str) -> str | None:
    """Return the real path of an interpreter of ``version`` (such as ``3.11``), or None."""
    for candidate in _candidates(version):
        answer = _probe(candidate)
        if answer is not None and answer[1] == version:
            return answer[0]
    return None


def require(versions: t.Sequence[str]) -> str:
    """Return the running interpreter if it is one of ``versions``, else the first that is installed."""
    running = _probe(sys.executable)
    if running is not None and running[1] in versions:
        return running[0]
    for version in versions:
        found = find(version)
        if found is not None:
            return found
    sys.exit(
        f"No Python of {', '.join(versions)} that can make virtual environments was found.\n"
        "Install one; on Debian: apt install python3 python3-venv"
    )


def clean_path() -> str:
    """Return PATH with the real folders of every supported Python first, and no folder whose Python does not start.

    Version managers put launchers on PATH for missing versions, which ansible-test mistakes for a Python.
    """
    folders = [os.path.dirname(found) for found in map(find, SUPPORTED) if found is not None]
    folders += [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if not _misleads(folder)]
    return os.pathsep.join(dict.fromkeys(folders))


def _candidates(version: str) -> t.Iterator[str]:
    name = f"python{version}"
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(name, path=folder)
        if found is not None:
            yield found
    managed = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"), "versions")
    for path in sorted(managed.glob(f"{version}.*/bin/{name}")):
        yield str(path)


def _probe(executable: str) -> tuple[str, str] | None:
    """Return the real path and the version of an interpreter, or None if it does not start or cannot make a venv."""
    try:
        answer = subprocess.run([executable, "-c", _PROBE], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    path, version = answer.stdout.splitlines()
    return path, version


def _misleads(folder: str) -> bool:
    launchers = [shutil.which(f"python{version}", path=folder) for version in SUPPORTED]
    return any(launcher is not None and _probe(launcher) is None for launcher in launchers)
