# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the shared parts of RETURN from returns.yml into the modules: Ansible's documentation fragments cannot hold it.

    python tests/tools/returns.py            fails when a module differs from returns.yml
    python tests/tools/returns.py --write    brings the modules up to date

A part is placed by two YAML comments inside RETURN, of which the first may give values for the part's $words:

    # begin shared: counts returned="with a list or a directory"
    # end shared: counts
"""

from __future__ import annotations

import argparse
import pathlib
import re
import shlex
import string
import sys
import textwrap
import typing as t

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
PARTS = CHECKOUT / "tests" / "tools" / "returns.yml"
MODULES = CHECKOUT / "plugins" / "modules"
_PART = re.compile(r"^(\w+):\n((?:(?: .*)?\n)*)", re.MULTILINE)
_INCLUDE = re.compile(r"^( *)# include: (\w+)\n", re.MULTILINE)
_PLACE = re.compile(
    r"^(?P<indent> *)# begin shared: (?P<name>\w+)(?P<values>.*)\n(?:.*\n)*?(?P=indent)# end shared: (?P=name)\n",
    re.MULTILINE,
)


def read_parts(text: str) -> dict[str, str]:
    """Return the text of each part, from the first column on."""
    return {name: textwrap.dedent(body).strip("\n") + "\n" for name, body in _PART.findall(text)}


def part_text(parts: t.Mapping[str, str], name: str, values: t.Mapping[str, str]) -> str:
    """Return a part with the parts that it includes and with its $words replaced; KeyError when one is unknown."""

    def included(match: re.Match[str]) -> str:
        return textwrap.indent(part_text(parts, match[2], values), match[1])

    return string.Template(_INCLUDE.sub(included, parts[name])).substitute(values)


def module_text(text: str, parts: t.Mapping[str, str]) -> str:
    """Return a module's source with its shared parts replaced by those of ``parts``."""

    def placed(match: re.Match[str]) -> str:
        indent, name = match["indent"], match["name"]
        values = dict(word.split("=", 1) for word in shlex.split(match["values"]))
        begin = f"{indent}# begin shared: {name}{match['values']}\n"
        return f"{begin}{textwrap.indent(part_text(parts, name, values), indent)}{indent}# end shared: {name}\n"

    return _PLACE.sub(placed, text)


def placed_names(text: str) -> list[str]:
    """Return the names of the parts that a module has, in their order."""
    return [match["name"] for match in _PLACE.finditer(text)]


def outdated() -> dict[pathlib.Path, str]:
    """Return the modules that differ from returns.yml, each with the text that it should have."""
    parts = read_parts(PARTS.read_text(encoding="utf-8"))
    found = {}
    for path in sorted(MODULES.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        made = module_text(text, parts)
        if made != text:
            found[path] = made
    return found


def main() -> int:
    """Check or write the modules; return the exit status."""
    parser = argparse.ArgumentParser(description="Check the shared parts of RETURN in the modules.")
    parser.add_argument("--write", action="store_true", help="bring the modules up to date")
    write = parser.parse_args().write
    for path, text in outdated().items():
        if not write:
            name = path.relative_to(CHECKOUT)
            sys.stderr.write(f"{name} differs from returns.yml: run tests/tools/returns.py --write\n")
            return 1
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
