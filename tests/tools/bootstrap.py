# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment in which this checkout is the collection backhaul.sftp.

    python bootstrap.py {run,check,test}

uv installs: it downloads each package once for all environments, and links the files instead of copying them.
A stamp file records the installed requirements; a second run with the same ones does nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys
import time
import typing as t

import pythons
from checkout import BUILD, CHECKOUT

REQUIREMENTS = CHECKOUT / "tests" / "requirements"
TIERS = ("run", "check", "test")
CONTROLLERS = ("3.11", "3.12", "3.13")


def main() -> None:
    """Prepare ``.venv`` for the tier on the command line."""
    tier = sys.argv[1]
    wanted = TIERS[: TIERS.index(tier) + 1]
    texts = [(REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8") for name in wanted]
    folder = CHECKOUT / ".venv"
    prepare(folder, CONTROLLERS, ["-r", str(REQUIREMENTS / f"{tier}.txt")], stamp_name=tier, stamp_texts=texts)
    link(folder / "collections")


def prepare(
    folder: pathlib.Path,
    versions: t.Sequence[str],
    requirements: t.Sequence[str],
    *,
    stamp_name: str = "all",
    stamp_texts: t.Sequence[str] = (),
) -> pathlib.Path:
    """Make or update the environment in ``folder`` and return its Python.

    ``requirements`` are arguments of ``uv pip install``; ``stamp_texts`` are the contents of the files they name.
    """
    python = folder / "bin" / "python"
    digest = _digest(requirements, stamp_texts)
    with _locked(folder):
        if not _is_ours(folder, python):
            _create(folder, pythons.require(versions))
        stamp = folder / f"installed-{stamp_name}"
        if _read(stamp) != digest:
            _install(python, requirements)
            stamp.write_text(digest, encoding="utf-8")
    return python


def installer() -> pathlib.Path:
    """Return the program uv in an environment of its own, which is made if it is missing."""
    folder = BUILD / "uv"
    requirements = REQUIREMENTS / "uv.txt"
    digest = _digest([], [requirements.read_text(encoding="utf-8")])
    with _locked(folder):
        python = folder / "bin" / "python"
        if not _is_ours(folder, python) or _read(folder / "installed") != digest:
            subprocess.run([pythons.require(pythons.SUPPORTED), "-m", "venv", "--clear", str(folder)], check=True)
            pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, "-r", str(requirements)], check=True)
            (folder / "made-at").write_text(str(folder), encoding="utf-8")
            (folder / "installed").write_text(digest, encoding="utf-8")
    return folder / "bin" / "uv"


def uv_environment() -> dict[str, str]:
    """Return uv's environment variables: its cache is in the checkout, so that it can link the files."""
    certificates = {name: os.environ[name] for name in ("SSL_CERT_DIR", "SSL_CERT_FILE") if name in os.environ}
    return {**certificates, "UV_CACHE_DIR": str(BUILD / "uv-cache"), "UV_PYTHON_DOWNLOADS": "never"}


def link(root: pathlib.Path) -> None:
    """Link this checkout as ``ansible_collections/backhaul/sftp`` below ``root``."""
    place = root / "ansible_collections" / "backhaul" / "sftp"
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink() or place.readlink() != CHECKOUT:
        place.unlink(missing_ok=True)
        place.symlink_to(CHECKOUT, target_is_directory=True)


def _is_ours(folder: pathlib.Path, python: pathlib.Path) -> bool:
    # The scripts of an environment have its path, so one that was moved with the checkout is remade.
    return python.exists() and _read(folder / "made-at") == str(folder)


def _create(folder: pathlib.Path, interpreter: str) -> None:
    _say(f"Making {folder.relative_to(CHECKOUT)} with {interpreter}")
    _uv("venv", "--clear", "--python", interpreter, str(folder))
    for packages in folder.glob("lib/python*/site-packages"):
        link(packages)
    (folder / "made-at").write_text(str(folder), encoding="utf-8")


def _install(python: pathlib.Path, requirements: t.Sequence[str]) -> None:
    _say(f"Installing into {python.parents[1].relative_to(CHECKOUT)}: {' '.join(requirements)}")
    started = time.monotonic()
    _uv("pip", "install", "--python", str(python), *requirements)
    _say(f"Installed in {time.monotonic() - started:.0f} s")


def _uv(*words: str) -> None:
    subprocess.run([str(installer()), "--quiet", *words], env={**os.environ, **uv_environment()}, check=True)


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> t.Iterator[None]:
    lock = folder.with_name(folder.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _digest(*texts: t.Sequence[str]) -> str:
    return hashlib.sha256("\0".join(text for group in texts for text in group).encode()).hexdigest()


def _read(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
