# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection, install it as users do, and use the installed one."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import checkout

WORK = checkout.BUILD / "package"
PLAYBOOK = "relay_latest"
UNWANTED = ("tests/", ".venv", ".build", ".git/", ".ci/")


def main() -> None:
    """Install from a tarball and from the repository's last commit, and try both."""
    shutil.rmtree(WORK, ignore_errors=True)
    tree = checkout.copy_to(WORK / "tree")
    _galaxy("build", "--output-path", str(WORK), str(tree))
    (tarball,) = WORK.glob("backhaul-sftp-*.tar.gz")
    _inspect(tarball)
    _try_out(_install(str(tarball), WORK / "from-tarball"))
    if not (checkout.CHECKOUT / ".git").exists():
        print("not run: the installation from git+file://, because this is not a git repository")
        return
    _try_out(_install(f"git+file://{checkout.CHECKOUT},HEAD", WORK / "from-git"))


def _inspect(tarball: pathlib.Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    unwanted = [name for name in names if name.startswith(UNWANTED)]
    if unwanted:
        sys.exit(f"galaxy.yml lets these into the tarball: {unwanted}")
    print(f"{tarball.name}: {len(names)} entries, {tarball.stat().st_size // 1024} KiB")


def _install(what: str, root: pathlib.Path) -> pathlib.Path:
    # Without --force nothing is installed, because the checkout counts as an installation of the same version.
    _galaxy("install", "--force", "--offline", "--collections-path", str(root), what)
    return root


def _try_out(root: pathlib.Path) -> None:
    """Read each module's documentation and check the playbook's syntax, by their full names."""
    installed = root / "ansible_collections" / "backhaul" / "sftp"
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(root), "ANSIBLE_LOCALHOST_WARNING": "false"}
    names = [f"backhaul.sftp.{path.stem}" for path in sorted(installed.glob("plugins/modules/*.py"))]
    if not names:
        sys.exit(f"no modules were installed in {installed}")
    answer = _run("ansible-doc", "--json", "--type", "module", *names, environment=environment)
    for name, entry in json.loads(answer).items():
        # The checkout has the same full name in this environment: the path must be the installed one.
        if not entry["doc"]["filename"].startswith(str(installed)):
            sys.exit(f"{name} was read from {entry['doc']['filename']}, not from {installed}")
    if (installed / "playbooks" / f"{PLAYBOOK}.yml").exists():
        _run("ansible-playbook", "--syntax-check", f"backhaul.sftp.{PLAYBOOK}", environment=environment)
    print(f"{root.name}: {len(names)} modules documented")


def _galaxy(*arguments: str) -> None:
    _run("ansible-galaxy", "collection", *arguments, environment=dict(os.environ))


def _run(program: str, *arguments: str, environment: dict[str, str]) -> str:
    path = pathlib.Path(sys.executable).with_name(program)
    finished = subprocess.run(
        [str(path), *arguments], cwd=WORK, env=environment, check=False, capture_output=True, text=True
    )
    if finished.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)} failed:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


if __name__ == "__main__":
    main()
