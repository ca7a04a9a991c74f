# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of ``sftp_put``."""

from __future__ import annotations

from ..module_utils._module.put import PUT
from ..plugin_utils._controller_files import UploadAction


class ActionModule(UploadAction):
    """Runs ``sftp_put`` on the controller, with its endpoint resolved from the inventory."""

    module = PUT
    endpoint_option = "endpoint"
