# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One end replaced, the others as they were."""

from __future__ import annotations

from ansible_collections.backhaul.sftp.plugins.module_utils._module.pool_views import SubstitutePool
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    SOURCE,
    MemoryFiles,
    MemoryPool,
    MemoryServer,
)


def test_only_one_endpoint_has_another_file_system_which_is_never_closed() -> None:
    pool, own = MemoryPool(source=MemoryServer()), MemoryFiles(MemoryServer())
    view = SubstitutePool(pool, DESTINATION, own)
    assert view.file_system(DESTINATION) is own
    assert view.file_system(SOURCE) is pool.file_system(SOURCE)
    view.forget(DESTINATION)
    view.forget(SOURCE)
    assert pool.forgotten == ["source"]
