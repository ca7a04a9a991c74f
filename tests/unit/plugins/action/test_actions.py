# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module has an action plugin of the same name, which runs it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

_PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
_FRAGMENTS = sorted((_PLUGINS / "doc_fragments").glob("*.py"))
_MODULES = sorted(path.stem for path in (_PLUGINS / "modules").glob("*.py"))


def test_each_module_has_an_action_plugin() -> None:
    assert sorted(path.stem for path in (_PLUGINS / "action").glob("*.py")) == _MODULES


@pytest.mark.parametrize("name", _MODULES)
def test_each_action_plugin_runs_its_module(name: str) -> None:
    tree = ast.parse((_PLUGINS / "action" / f"{name}.py").read_text(encoding="utf-8"))
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    stated = {ast.unparse(node.targets[0]): ast.unparse(node.value).strip("'") for node in assigned}
    assert stated.pop("module") == name.partition("_")[2].upper()
    assert "endpoint_option" in stated
    texts = [path.read_text(encoding="utf-8") for path in (_PLUGINS / "modules" / f"{name}.py", *_FRAGMENTS)]
    assert [option for option in stated.values() if not any(f"  {option}:\n" in text for text in texts)] == []


def test_the_action_group_has_them_all() -> None:
    groups = yaml.safe_load((_PLUGINS.parent / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert sorted(groups["sftp"]) == _MODULES
