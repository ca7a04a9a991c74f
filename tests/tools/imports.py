# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the test files that can behave differently with another version of ansible-core or paramiko."""

from __future__ import annotations

import ast
import functools
import pathlib
import typing as t

from checkout import CHECKOUT

LIBRARIES = ("ansible", "paramiko")
TESTS = CHECKOUT / "tests"
# A test that uses these, or whose helpers do, may use the libraries without importing them.
_LOADERS = ("importlib", "runpy", "subprocess")
_COLLECTION = "ansible_collections.backhaul.sftp"


def sees_libraries(test: pathlib.Path) -> bool:
    """Return whether the file imports one of the libraries, directly or through files of this checkout.

    Imports inside functions count, and so do those of conftest.py files above the test, except the one of all tests.
    """
    conftests = [folder / "conftest.py" for folder in test.parents if TESTS in folder.parents]
    todo = [test, *(path for path in conftests if path.exists())]
    seen: set[pathlib.Path] = set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        names = imported_names(path)
        telling = (*LIBRARIES, *_LOADERS) if TESTS in path.parents else LIBRARIES
        if any(name.partition(".")[0] in telling for name in names):
            return True
        todo += [file for name in names for file in _files_of(name)]
    return False


@functools.cache
def imported_names(path: pathlib.Path) -> frozenset[str]:
    """Return the full names that a file imports: modules and their members."""
    return frozenset(_imports(ast.parse(path.read_text(encoding="utf-8")), path))


def _imports(tree: ast.AST, path: pathlib.Path) -> t.Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, path)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, path: pathlib.Path) -> str:
    if not node.level:
        return str(node.module)
    folder = path.parents[node.level - 1].relative_to(CHECKOUT)
    return ".".join([_COLLECTION, *folder.parts, *([node.module] if node.module else [])])


def _files_of(name: str) -> list[pathlib.Path]:
    """Return the file of a module of this checkout and those of the packages around it; none for other names."""
    if not name.startswith(f"{_COLLECTION}."):
        return []
    parts = name[len(_COLLECTION) + 1 :].split(".")
    places = [CHECKOUT.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
    candidates = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return [file for file in candidates if file.is_file()]
