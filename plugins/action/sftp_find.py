# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of ``sftp_find``."""

from __future__ import annotations

from ..module_utils._module.find import FIND
from ..plugin_utils._action import EndpointAction


class ActionModule(EndpointAction):
    """Runs ``sftp_find`` on the controller, with its endpoint resolved from the inventory."""

    module = FIND
    endpoint_option = "endpoint"
