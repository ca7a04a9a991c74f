# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of docs/reliability.md from the fault catalogue and the tests of its rows.

    python -m ansible_collections.backhaul.sftp.tests.tools.reliability

writes them between the two marker comments of that page.
"""

from __future__ import annotations

import ast
import collections
import functools
import pathlib
import typing as t

from ansible_collections.backhaul.sftp.tests.faults.catalogue import ROWS, SECTIONS, Row

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
FAULTS = CHECKOUT / "tests" / "faults"
PAGE = CHECKOUT / "docs" / "reliability.md"
BEGIN = "<!-- The tables are made by tests/tools/reliability.py: change tests/faults/catalogue.py instead. -->"
END = "<!-- Here the tables end. -->"
Tests = t.Mapping[str, t.Sequence[str]]


@functools.cache
def tests(folder: pathlib.Path = FAULTS) -> dict[str, list[str]]:
    """Return each test of the folder, as ``file::test``, with the keys of its ``fault`` markers, without running it."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[f"{path.name}::{node.name}"] = list(dict.fromkeys(_keys(node)))
    return found


def bound_tests(folder: pathlib.Path = FAULTS) -> dict[str, list[str]]:
    """Return the tests of each key."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    for name, keys in tests(folder).items():
        for key in keys:
            found[key].append(name)
    return dict(found)


def _keys(function: ast.FunctionDef) -> t.Iterator[str]:
    """Yield the keys of a test's markers, including those of its parameters."""
    for decorator in function.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fault":
                yield from (str(ast.literal_eval(argument)) for argument in node.args)


def tables(rows: t.Mapping[str, Row], bound: Tests) -> str:
    """Return a table for each section."""
    return "\n".join(_table(section, rows, bound) for section in SECTIONS)


def _table(section: str, rows: t.Mapping[str, Row], bound: Tests) -> str:
    lines = [f"### {SECTIONS[section]}", "", "| fault | what happens | shown by |", "|---|---|---|"]
    for key, row in rows.items():
        if key.startswith(f"{section}."):
            shown = "<br>".join(f"`{test}`" for test in bound.get(key, ())) or "nothing yet"
            lines.append(f"| {row.fault} | {row.expected} | {shown} |")
    return "\n".join([*lines, ""])


def page(text: str, generated: str) -> str:
    """Return the text of the page with its generated part replaced."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page lacks its marker comments")
    return f"{before}{BEGIN}\n\n{generated}\n{END}{after}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), tables(ROWS, bound_tests())), encoding="utf-8")


if __name__ == "__main__":
    main()
