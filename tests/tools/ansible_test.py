# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test on a copy of the checkout, with a home directory of its own.

python ansible_test.py sanity [ARGUMENT ...]
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import bootstrap
import checkout
import pythons

# ansible-test downloads pip from a host that closed networks do not reach, and runs it dozens of times. This replaces
# the downloaded script: it makes uv the pip of an environment, which has everything in its cache.
PIP_SCRIPT = """\
import os, sysconfig

folder = os.path.join(sysconfig.get_path("purelib"), "pip")
os.makedirs(folder)
with open(os.path.join(folder, "__init__.py"), "w"):
    pass
with open(os.path.join(folder, "__main__.py"), "w") as file:
    file.write({pip!r})
"""
PIP = """\
import os, shutil, subprocess, sys

command, *words = [word for word in sys.argv[1:] if word != "--disable-pip-version-check"]
if command == "uninstall":  # of pip, when all is installed
    shutil.rmtree(os.path.dirname(__file__))
else:
    uv = [{uv!r}, "pip", command, "--quiet", "--python", sys.executable]
    subprocess.check_call(uv + words, env={{**os.environ, **{environment!r}}})
"""
PIP_SCRIPT_NAMES = ("get_pip_24_2.py", "get_pip_25_2.py")  # of ansible-core 2.19; 2.20 and 2.21


def main() -> None:
    """Run the ansible-test command that the command line names."""
    command, *arguments = sys.argv[1:]
    root = checkout.BUILD / "ansible-test" / command
    tree = checkout.copy_to(root)
    # ansible-test lists files by git. Without this repository it would use the checkout's, which ignores .build.
    subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
    environment = _environment(root / "home")
    # Without shellcheck, ansible-test skips a test with a warning only.
    if shutil.which("shellcheck", path=environment["PATH"]) is None:
        sys.exit("shellcheck is missing: run `make venv`")
    program = pathlib.Path(sys.executable).with_name("ansible-test")
    words = [sys.executable, str(program), command, *arguments]
    sys.exit(subprocess.run(words, cwd=tree, env=environment, check=False).returncode)


def _environment(home: pathlib.Path) -> dict[str, str]:
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    pip = PIP.format(uv=str(bootstrap.installer()), environment=bootstrap.uv_environment())
    for name in PIP_SCRIPT_NAMES:
        (cache / name).write_text(PIP_SCRIPT.format(pip=pip), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    tools = str(pathlib.Path(sys.executable).parent)
    return {**kept, "HOME": str(home), "PATH": os.pathsep.join([tools, pythons.clean_path()])}


if __name__ == "__main__":
    main()
