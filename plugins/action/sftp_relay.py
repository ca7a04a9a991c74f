# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of ``sftp_relay``."""

from __future__ import annotations

from ..module_utils._module.relay import RELAY
from ..plugin_utils._routed import RoutedAction


class ActionModule(RoutedAction):
    """Runs ``sftp_relay`` on the controller or, with ``route``, on an end; endpoints come from the inventory."""

    module = RELAY
    endpoint_option = "source"
    endpoint_list_option = "destinations"
