# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the unit and contract tests with one combination of Python, ansible-core and paramiko.

python matrix.py CELL [PYTEST_ARGUMENT ...]
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import typing as t

import bootstrap
import checkout
import pythons


class Cell(t.NamedTuple):
    """One corner of what is supported; ``tests`` are folders and files below tests/."""

    python: str
    requirements: tuple[str, ...]
    tests: tuple[str, ...] = ("unit",)


# Where nothing may show a secret, since each ansible-core logs and reports in ways of its own.
SECRECY = ("faults/test_secrets.py", "integration/test_secrecy.py")
TOOLS = ("asyncssh", "hypothesis", "pytest", "PyYAML")
CELLS = {
    "oldest": Cell("3.10", ("ansible-core~=2.16.0", "paramiko==3.5.1"), ("unit", "ssh", "contract", *SECRECY)),
    # What is between the corners differs from them in the SSH library alone.
    "middle": Cell("3.11", ("ansible-core~=2.19.0", "paramiko==4.0.0"), ("unit/plugins/module_utils/_ssh", "ssh")),
    # The main environment runs contract and ssh with this paramiko, on another Python.
    "newest": Cell("3.13", ("ansible-core~=2.21.0", "paramiko==5.1.0"), ("unit", *SECRECY)),
    # Modules run on Python 3.9 too, where no supported ansible-core runs itself: 2.15 is the last one that does.
    "module": Cell("3.9", ("ansible-core~=2.15.0", "paramiko==3.5.1"), ("unit/plugins/module_utils",)),
}


def main() -> None:
    """Run the cell that the command line names, or say that its Python is not here."""
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
    folders = [str(path) for path in (checkout.CHECKOUT / "tests" / name for name in cell.tests) if path.exists()]
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *folders, *arguments]
    return subprocess.run(command, cwd=checkout.CHECKOUT, check=False).returncode


if __name__ == "__main__":
    main()
