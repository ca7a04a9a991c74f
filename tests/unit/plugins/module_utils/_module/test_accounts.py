# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups by name or number."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._module.accounts import read_ownership


def test_accounts_and_groups_have_names_or_numbers() -> None:
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    assert read_ownership(user, group) == Attributes(uid=os.getuid(), gid=os.getgid())
    assert read_ownership("12", "34") == Attributes(uid=12, gid=34)
    assert read_ownership(None, " ") == Attributes()


@pytest.mark.parametrize("option", ["owner", "group"])
def test_an_account_that_does_not_exist_is_an_error(option: str) -> None:
    with pytest.raises(InputError, match=f"{option} is 'unknown-to-this-machine'"):
        read_ownership(**{"owner": None, "group": None, option: "unknown-to-this-machine"})
