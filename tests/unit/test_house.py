# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the files below plugins/ to the house rules of CONTRIBUTING.md that a machine can read."""

from __future__ import annotations

import ast
import io
import pathlib
import tokenize
import typing as t
from pathlib import PurePosixPath

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
PLUGINS = CHECKOUT / "plugins"
MIRROR = CHECKOUT / "tests" / "unit" / "plugins"

LICENCE = (
    "# Copyright (c) 2026, the backhaul.sftp authors",
    "# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
PRIVATE = "# Private to this collection: it may change without notice."
LONGEST_FUNCTION = 50
LONGEST_FILE = 350
DOCUMENTATION = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
INSECURE = {"AutoAddPolicy", "WarningPolicy"}


def breaches(path: str, source: str) -> list[str]:
    """Return one line for each house rule that the source of the file at ``path`` (below plugins/) breaks."""
    tree = ast.parse(source)
    found = [*opening(path, source, tree), *long_functions(tree), *forbidden(path, tree)]
    length = len(code_lines(source, tree))
    if length > LONGEST_FILE:
        found.append(f"{length} lines of code, more than {LONGEST_FILE}")
    return found


def opening(path: str, source: str, tree: ast.Module) -> t.Iterator[str]:
    """Check the licence, the note on privacy and the first import."""
    lines = [line for line in source.splitlines() if not line.startswith("#!")]
    if tuple(lines[:3]) != LICENCE:
        yield "does not open with the licence"
    if path.startswith(("module_utils/", "plugin_utils/")) and PRIVATE not in lines[:5]:
        yield "does not say that it is private"
    first = next((node for node in tree.body if not isinstance(node, ast.Expr)), None)
    if not (isinstance(first, ast.ImportFrom) and first.module == "__future__"):
        yield "does not start with 'from __future__ import annotations'"


def long_functions(tree: ast.Module) -> t.Iterator[str]:
    """Name the functions that do not fit."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{node.name}() has {length} lines, more than {LONGEST_FUNCTION}"


def forbidden(path: str, tree: ast.Module) -> t.Iterator[str]:
    """Name what must not be written in plugins at all, or only in one place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield f"line {node.lineno}: assert"
        elif isinstance(node, ast.Attribute) and node.attr == "fail_json" and path != "module_utils/_module/entry.py":
            yield f"line {node.lineno}: fail_json, which only entry.py may call"
        elif names(node) & INSECURE:
            yield f"line {getattr(node, 'lineno', 0)}: a policy that trusts any host key"
        elif isinstance(node, ast.keyword) and node.arg == "shell" and getattr(node.value, "value", True) is not False:
            yield f"line {node.value.lineno}: a shell"


def names(node: ast.AST) -> set[str]:
    """Return the last part of the name that a node reads or imports."""
    name = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
    return {name.rpartition(".")[2]} if isinstance(name, str) else set()


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """Return the numbers of the lines that hold code: no comments, docstrings or documentation."""
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if is_text_for_people(node):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def is_text_for_people(node: ast.AST) -> t.TypeGuard[ast.stmt]:
    """Tell docstrings and Ansible's documentation from code."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        return any(isinstance(target, ast.Name) and target.id in DOCUMENTATION for target in node.targets)
    return False


def plugin_files() -> list[str]:
    """Return the Python files below plugins/, relative to it."""
    return sorted(path.relative_to(PLUGINS).as_posix() for path in PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", plugin_files())
def test_file_keeps_the_house_rules(path: str) -> None:
    assert breaches(path, (PLUGINS / path).read_text(encoding="utf-8")) == []


def test_tests_mirror_the_code_path_by_path() -> None:
    private = [PurePosixPath(path) for path in plugin_files() if path.startswith(("module_utils/", "plugin_utils/"))]
    mirrors = [path.with_name(f"test_{path.name.lstrip('_')}") for path in private]
    missing = "\n".join(f"tests/unit/plugins/{path}" for path in mirrors if not (MIRROR / path).exists())
    assert not missing, f"These tests are missing:\n{missing}"


def test_plugins_are_namespace_packages() -> None:
    assert [path for path in plugin_files() if path.endswith("__init__.py")] == []


def test_sanity_checks_are_never_ignored() -> None:
    ignored = [path.name for path in (CHECKOUT / "tests" / "sanity").glob("ignore*.txt") if path.read_text().strip()]
    assert ignored == []


GOOD = "\n".join([*LICENCE, PRIVATE, '"""Say it."""', "", "from __future__ import annotations", ""])


@pytest.mark.parametrize(
    ("path", "source", "breach"),
    [
        ("module_utils/_x.py", GOOD.replace("2026", "2025"), "licence"),
        ("module_utils/_x.py", GOOD.replace(PRIVATE, "#"), "private"),
        ("module_utils/_x.py", GOOD.replace("from __future__ import annotations", "import re"), "__future__"),
        ("module_utils/_x.py", GOOD + "def f():\n" + "    x = 1\n" * 50, "51 lines"),
        ("module_utils/_x.py", GOOD + "x = 1\n" * 351, "352 lines of code"),
        ("module_utils/_x.py", GOOD + "assert True\n", "assert"),
        ("module_utils/_module/sftp_find.py", GOOD + "module.fail_json(msg='no')\n", "fail_json"),
        ("module_utils/_ssh/connect.py", GOOD + "client.set_policy(paramiko.AutoAddPolicy())\n", "policy"),
        ("module_utils/_ssh/connect.py", GOOD + "from paramiko.client import AutoAddPolicy\n", "policy"),
        ("plugin_utils/_x.py", GOOD + "subprocess.run('ls', shell=True)\n", "shell"),
    ],
)  # fmt: skip
def test_a_breach_is_caught(path: str, source: str, breach: str) -> None:
    (found,) = breaches(path, source)
    assert breach in found


def test_documentation_and_comments_are_not_code() -> None:
    source = GOOD + 'DOCUMENTATION = r"""\n' + "text\n" * 400 + '"""\n' + "# why\n" * 400
    assert breaches("module_utils/_x.py", source) == []
