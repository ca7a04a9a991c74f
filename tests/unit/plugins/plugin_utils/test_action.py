# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables and environment that an action plugin changes for its module, and restores."""

from __future__ import annotations

import os
import sys
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.plugin_utils._action import _environment, _with_this_python


def test_the_module_runs_with_this_python_despite_the_hosts_variables() -> None:
    variables = {
        "ansible_connection": "ssh",
        "ansible_python_interpreter": "/other/python",
        "ansible_become": True,
        "x": 1,
    }
    changed = _with_this_python(variables, None)
    assert changed["ansible_python_interpreter"] == sys.executable
    assert (changed["ansible_connection"], changed["ansible_become"], changed["x"]) == ("local", False, 1)
    assert variables["ansible_python_interpreter"] == "/other/python"


def test_the_variables_of_a_delegate_are_changed_too() -> None:
    delegated: dict[str, t.Any] = {"nas": {"ansible_python_interpreter": "/other/python", "y": 2}, "other": {"z": 3}}
    changed = _with_this_python({"ansible_delegated_vars": delegated}, "nas")["ansible_delegated_vars"]
    assert changed["nas"]["ansible_python_interpreter"] == sys.executable
    assert (changed["nas"]["y"], changed["other"]) == (2, {"z": 3})
    assert delegated["nas"]["ansible_python_interpreter"] == "/other/python"


def test_the_environment_is_restored_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKHAUL_A", "before")
    monkeypatch.delenv("BACKHAUL_B", raising=False)
    with pytest.raises(KeyError), _environment({"BACKHAUL_A": "within", "BACKHAUL_B": "within"}):
        assert (os.environ["BACKHAUL_A"], os.environ["BACKHAUL_B"]) == ("within", "within")
        raise KeyError
    assert (os.environ["BACKHAUL_A"], os.environ.get("BACKHAUL_B")) == ("before", None)
