# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's module gets to see; ``test_boundary`` has what comes out."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic

from ansible_collections.backhaul.sftp.plugins.module_utils._module.checked_module import CheckedModule
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import endpoint_spec


@pytest.mark.parametrize(("password", "accepted"), [('p"w', True), (['p"w'], False)])
def test_a_module_has_its_parameters_or_a_refusal(
    monkeypatch: pytest.MonkeyPatch, password: object, accepted: bool
) -> None:
    arguments = {"endpoint": {"host": "h", "password": password}, "_ansible_check_mode": True}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    module = CheckedModule(argument_spec=endpoint_spec(), supports_check_mode=True)  # type: ignore[no-untyped-call]
    assert module.check_mode
    assert (module.refusal is None, "endpoint" in module.params) == (accepted, accepted)
    assert {'p"w', 'p\\"w'} <= module.no_log_values or not accepted
