# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold every import below plugins/ to the direction that ARCHITECTURE.md draws."""

from __future__ import annotations

import ast
import pathlib
import sys
import typing as t

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[2] / "plugins"

GROUND = {"_errors", "_cancellation", "_model", "_names", "_paths", "_retry", "_units"}
PORT = GROUND | {"_filesystem"}
MODULE_UTILS = PORT | {"_trust", "_selection", "_sftp", "_ssh", "_local", "_transfer", "_options", "_module"}

# Each room, and the rooms that it may import. A room that is not listed here does not exist.
DIRECTION: dict[str, set[str]] = {
    "_errors": set(),
    "_cancellation": set(),
    "_model": set(),
    "_names": {"_errors"},
    "_paths": {"_errors", "_names"},
    "_units": {"_errors"},
    "_retry": {"_errors", "_model"},
    "_filesystem": {"_errors", "_model"},
    "_trust": GROUND - {"_cancellation"} | {"_trust"},
    "_selection": GROUND - {"_cancellation"} | {"_selection"},
    "_sftp": PORT | {"_sftp"},
    "_local": PORT | {"_local"},
    "_ssh": PORT | {"_trust", "_sftp", "_ssh"},
    "_transfer": PORT | {"_selection", "_transfer"},
    "_options": GROUND | {"_trust", "_selection", "_options"},
    "_module": MODULE_UTILS,
    "modules": {"_module"},
    "doc_fragments": set(),
    "plugin_utils": MODULE_UTILS | {"plugin_utils"},
    "action": MODULE_UTILS | {"plugin_utils"},
    "filter": {"_errors"},
}

# What a room may import from outside the collection besides the standard library.
OUTSIDE: dict[str, set[str]] = {
    "_ssh": {"paramiko", "cryptography", "invoke"},
    "_module": {"ansible.module_utils"},
    "plugin_utils": {"ansible"},
    "action": {"ansible"},
}
# The only pure file that names a library: it reads public keys and verifies signatures.
LIBRARY_OF_A_FILE = {"module_utils/_trust/public_key.py": {"cryptography"}}

# Pure decisions: no input or output, no clock, no randomness. Times and random numbers are passed in.
PURE = {"_names", "_paths", "_units", "_retry", "_trust", "_selection"}
PURE_FILES = {f"module_utils/_transfer/{name}.py" for name in ("plan", "layout", "folding", "racy")}
IMPURE = {
    "asyncio", "concurrent", "glob", "io", "logging", "multiprocessing", "os", "pathlib", "queue", "random", "secrets",
    "select", "shutil", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
CLOCKS_AND_FILES = {"now", "utcnow", "today", "open", "input", "print", "eval", "exec"}
# They would let an arrow through that this test cannot see.
HIDDEN_IMPORTS = {"importlib", "runpy", "pkgutil"}


class Import(t.NamedTuple):
    """One imported name: the dotted path below plugins/ if it is inside the collection, else the full name."""

    line: int
    inside: bool
    parts: tuple[str, ...]


def wrong_arrows(path: str, source: str) -> list[str]:
    """Return one line for each import in ``source`` that the file at ``path`` (below plugins/) may not have."""
    place = tuple(path[: -len(".py")].split("/"))
    room = room_of(place)
    if room not in DIRECTION:
        return [f"{path}: {room!r} is not a room of ARCHITECTURE.md"]
    tree = ast.parse(source)
    pure = room in PURE or path in PURE_FILES
    outside = OUTSIDE.get(room, set()) | LIBRARY_OF_A_FILE.get(path, set())
    complaints = [(found.line, complaint(room, found, outside, pure=pure)) for found in imports(place, tree)]
    complaints += [(line, f"calls {name}()") for line, name in impure_calls(tree, pure=pure)]
    return [f"{path}:{line}: {room} {text}" for line, text in complaints if text]


def room_of(parts: tuple[str, ...]) -> str:
    """Return the room that a dotted path below plugins/ lies in."""
    return parts[1] if parts[0] == "module_utils" and len(parts) > 1 else parts[0]


def imports(place: tuple[str, ...], tree: ast.Module) -> t.Iterator[Import]:
    """Yield what a file imports anywhere: at the top, in functions, and for type checkers alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, False, tuple(alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            base = place[: -node.level] if node.level else ()
            module = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                yield Import(node.lineno, bool(node.level), (*base, *module, alias.name))


def complaint(room: str, found: Import, outside: set[str], *, pure: bool) -> str:
    """Return what is wrong with an import, or nothing; ``outside`` are the libraries that the file may import."""
    name = ".".join(found.parts)
    if found.inside:
        return "" if room_of(found.parts) in DIRECTION[room] else f"must not import {name}"
    if found.parts[0] == "ansible_collections":
        return f"must import {name} relatively"
    if found.parts[0] in HIDDEN_IMPORTS or (pure and found.parts[0] in IMPURE):
        return f"must not import {name}"
    if found.parts[0] in sys.stdlib_module_names:
        return ""
    return (
        "" if any(name == prefix or name.startswith(f"{prefix}.") for prefix in outside) else f"must not import {name}"
    )


def impure_calls(tree: ast.Module, *, pure: bool) -> t.Iterator[tuple[int, str]]:
    """Yield calls that hide an import, and in pure files those that read a clock or a file."""
    forbidden = {"__import__"} | (CLOCKS_AND_FILES if pure else set())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in forbidden:
                yield node.lineno, name


def plugin_files() -> list[str]:
    """Return the Python files below plugins/, relative to it."""
    return sorted(path.relative_to(PLUGINS).as_posix() for path in PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", plugin_files())
def test_file_imports_only_what_lies_in_its_direction(path: str) -> None:
    assert wrong_arrows(path, (PLUGINS / path).read_text(encoding="utf-8")) == []


def test_there_are_files_to_look_at() -> None:
    assert "module_utils/_errors.py" in plugin_files()


@pytest.mark.parametrize("room", sorted({path.rpartition("/")[0] for path in plugin_files()}))
def test_the_files_of_a_room_import_each_other_in_no_circle(room: str) -> None:
    place = tuple(room.split("/"))
    arrows: dict[str, set[str]] = {}
    for path in (PLUGINS / room).glob("*.py"):
        found = imports((*place, path.stem), ast.parse(path.read_text(encoding="utf-8")))
        # `from . import x` names a file by its last part, `from .x import y` by the one before it.
        inside = [one.parts[len(place)] for one in found if one.inside and one.parts[: len(place)] == place]
        arrows[path.stem] = set(inside)
    assert circle(arrows) == []


def circle(arrows: t.Mapping[str, t.Collection[str]]) -> list[str]:
    """Return the names that import each other in a circle, or import one that does."""
    left = {name: set(targets) & set(arrows) for name, targets in arrows.items()}
    while True:
        bottom = {name for name, targets in left.items() if not targets}
        if not bottom:
            return sorted(left)
        left = {name: targets - bottom for name, targets in left.items() if name not in bottom}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_errors.py", "from ._model import Endpoint"),
        ("module_utils/_errors.py", "from . import _model"),
        ("module_utils/_trust/pins.py", "from .._filesystem import FileSystem"),
        ("module_utils/_selection/selector.py", "from .._transfer.walk import walk"),
        ("module_utils/_paths.py", "import os.path"),
        ("module_utils/_transfer/plan.py", "import time"),
        ("module_utils/_transfer/plan.py", "import os.path"),
        ("module_utils/_transfer/plan.py", "from random import random"),
        ("module_utils/_transfer/plan.py", "import datetime\ndef now():\n    return datetime.datetime.now()"),
        ("module_utils/_transfer/plan.py", "text = open('x').read()"),
        ("module_utils/_transfer/plan.py", "from cryptography.exceptions import InvalidSignature"),
        ("module_utils/_trust/public_key.py", "import paramiko"),
        ("module_utils/_filesystem.py", "from ._sftp.session import Session"),
        ("module_utils/_sftp/session.py", "from .._ssh import connect"),
        ("module_utils/_sftp/session.py", "import paramiko"),
        ("module_utils/_sftp/session.py", "import typing as t\nif t.TYPE_CHECKING:\n    from paramiko import Channel"),
        ("module_utils/_transfer/copy.py", "from .._sftp.reader import Reader"),
        ("module_utils/_transfer/copy.py", "def late():\n    from .. import _ssh"),
        ("module_utils/_transfer/copy.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/_transfer/copy.py", "__import__('paramiko')"),
        ("module_utils/_transfer/copy.py", "import importlib"),
        ("module_utils/_local/filesystem.py", "from .._transfer.copy import copy"),
        ("module_utils/_ssh/connect.py", "from ansible.module_utils.basic import env_fallback"),
        ("module_utils/_ssh/connect.py", "from .._transfer.copy import copy"),
        ("module_utils/_options/endpoint.py", "from ansible.module_utils.basic import env_fallback"),
        ("module_utils/_module/sftp_find.py", "from ansible.errors import AnsibleError"),
        ("module_utils/_module/sftp_find.py", "import ansible"),
        ("module_utils/_module/sftp_find.py", "import ansible.module_utils_of_others"),
        ("module_utils/_module/sftp_find.py", "import paramiko"),
        ("module_utils/_module/sftp_find.py", "from ...plugin_utils._action import run"),
        ("module_utils/_errors.py", "import ansible_collections.backhaul.sftp.plugins.module_utils._model"),
        ("module_utils/_helpers.py", "import stat"),
        ("modules/sftp_find.py", "from ..module_utils._transfer.copy import copy"),
        ("modules/sftp_find.py", "from ..plugin_utils._action import run"),
        ("doc_fragments/_endpoint.py", "from ..module_utils import _errors"),
        ("plugin_utils/_action.py", "from ..action.sftp_find import ActionModule"),
        ("plugin_utils/_action.py", "import yaml"),
        ("action/sftp_find.py", "from .sftp_relay import ActionModule"),
        ("lookup/latest.py", "import stat"),
    ],
)  # fmt: skip
def test_a_wrong_arrow_is_caught(path: str, source: str) -> None:
    assert len(wrong_arrows(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_trust/public_key.py", "from cryptography.hazmat.primitives import hashes"),
        ("module_utils/_transfer/plan.py", "from .._errors import InputError\nfrom . import names\nimport datetime"),
        ("module_utils/_sftp/session.py", "from . import wire\nfrom .._filesystem import Buffer\nimport time"),
        ("module_utils/_ssh/dependency.py", "try:\n    import paramiko.message\nexcept Exception:\n    pass"),
        ("module_utils/_ssh/connect.py", "from .._sftp.session import Session\nfrom cryptography import x509"),
        ("module_utils/_module/entry.py", "import ansible.module_utils.basic\nfrom .._ssh import connect"),
        ("modules/sftp_find.py", "from ..module_utils._module.sftp_find import main"),
        ("modules/sftp_find.py", "from ..module_utils._module import sftp_find"),
        ("action/sftp_find.py", "from ..plugin_utils._action import Base\nimport ansible.utils.display"),
    ],
)  # fmt: skip
def test_a_right_arrow_passes(path: str, source: str) -> None:
    assert wrong_arrows(path, source) == []


def test_a_circle_is_caught() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
