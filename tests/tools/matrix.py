# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the unit and contract tests with one combination of Python, ansible-core and paramiko.

python matrix.py CELL [PYTEST_ARGUMENT ...]

Tests that see neither library run on the oldest and the newest Python only. The contract runs with servers only, and
the benchmark is left out. BACKHAUL_FULL adds both.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

import bootstrap
import checkout
import imports
import pythons


class Cell(t.NamedTuple):
    """One supported combination; ``tests`` are folders and files below tests/.

    ``is_for_python`` adds the tests that use neither ansible-core nor paramiko.
    """

    python: str
    requirements: tuple[str, ...]
    tests: tuple[str, ...] = ("unit",)
    is_for_python: bool = False


# The secrecy tests, since each ansible-core logs and reports differently.
SECRECY = ("faults/test_secrets.py", "integration/test_secrecy.py")
# The benchmark runs in the environment of the checkout only.
OF_THE_CHECKOUT = "tests/unit/test_bench.py"
TOOLS = ("asyncssh", "hypothesis", "pytest", "PyYAML")
CELLS = {
    "oldest": Cell("3.10", ("ansible-core~=2.16.0", "paramiko==3.5.1"), ("unit", "ssh", "contract", *SECRECY)),
    # Between the corners only the SSH library differs.
    "middle": Cell("3.11", ("ansible-core~=2.19.0", "paramiko==4.0.0"), ("unit/plugins/module_utils/_ssh", "ssh")),
    # The main environment runs contract and ssh with this paramiko, on another Python.
    "newest": Cell("3.13", ("ansible-core~=2.21.0", "paramiko==5.1.0"), ("unit", *SECRECY), True),
    # Modules also run on Python 3.9, on which no supported ansible-core runs: 2.15 is the last one that does.
    "module": Cell("3.9", ("ansible-core~=2.15.0", "paramiko==3.5.1"), ("unit/plugins/module_utils",), True),
}


def main() -> None:
    """Run the combination on the command line, or print that its Python is missing."""
    name, *arguments = sys.argv[1:]
    cell = CELLS[name]
    label = f"{name}: Python {cell.python}, {', '.join(cell.requirements)}"
    if pythons.find(cell.python) is None:
        print(f"not run: {label}, because this Python is not installed")
        return
    print(label, flush=True)
    python = bootstrap.prepare(checkout.BUILD / "matrix" / name, [cell.python], [*TOOLS, *cell.requirements])
    sys.exit(_pytest(python, cell, arguments))


def _pytest(python: pathlib.Path, cell: Cell, arguments: list[str]) -> int:
    paths = [path for path in (checkout.CHECKOUT / "tests" / name for name in cell.tests) if path.exists()]
    narrow: list[str] = []
    if not os.environ.get("BACKHAUL_FULL"):
        narrow = ["-m", "integration or not contract", f"--deselect={OF_THE_CHECKOUT}"]
        if not cell.is_for_python:
            paths = [file for path in paths for file in _that_see_libraries(path)]
            print(f"{len(paths)} files of tests see one of the libraries", flush=True)
    durations = ["--durations=15", "--durations-min=1"]
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *durations, *narrow, *map(str, paths), *arguments]
    return subprocess.run(command, cwd=checkout.CHECKOUT, check=False).returncode


def _that_see_libraries(path: pathlib.Path) -> list[pathlib.Path]:
    files = [path] if path.is_file() else sorted(path.rglob("test_*.py"))
    return [file for file in files if imports.sees_libraries(file)]


if __name__ == "__main__":
    main()
