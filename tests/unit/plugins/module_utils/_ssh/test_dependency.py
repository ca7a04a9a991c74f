# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The import of paramiko, and the names that it must have."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import dependency


def refusal() -> InputError:
    with pytest.raises(InputError) as caught:
        dependency.require_paramiko()
    assert caught.value.code == "dependency_missing"
    assert "paramiko" in caught.value.cause
    return caught.value


def test_the_installed_paramiko_is_accepted() -> None:
    dependency.require_paramiko()
    assert all(dependency.has_optional(name) for name in dependency.OPTIONAL)
    assert not dependency.has_optional("Transport.no_such_name")


def test_a_missing_paramiko_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependency, "IMPORT_FAILURE", "Traceback\nModuleNotFoundError: No module named 'paramiko'\n")
    error = refusal()
    assert error.cause.endswith("ModuleNotFoundError: No module named 'paramiko'")
    assert "pip install" in error.remedy


@pytest.mark.parametrize("version", ["3.4.1", "2.12.0", "3.4"])
def test_an_old_paramiko_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(dependency.paramiko, "__version__", version)
    assert version in refusal().cause


@pytest.mark.parametrize("version", ["3.5.0", "4.0.0", "5.1.0", "10.0"])
def test_later_versions_are_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(dependency.paramiko, "__version__", version)
    dependency.require_paramiko()


def test_a_paramiko_without_a_name_that_trust_needs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dependency.REQUIRED, "Transport._no_such_name", "for this test")
    assert "_no_such_name" in refusal().cause


def test_importing_paramiko_does_not_import_modules_that_no_transfer_needs() -> None:
    script = f"""
        import importlib.util, sys
        import {dependency.__name__} as dependency
        print(" ".join(sorted(set(sys.modules) & {{"invoke", "unittest", "unittest.mock", "asyncio"}})))
        if importlib.util.find_spec("invoke"):  # paramiko 3 does not require it
            assert dependency.paramiko.config.invoke.run.__name__ == "run"
            assert "invoke" in sys.modules
    """
    printed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, text=True
    ).stdout
    # Other code in the process may still use Match exec of paramiko's configuration files, which needs invoke.
    assert printed.splitlines() == [""]
