# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each endpoint becomes a file system once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._module.ends import Ends, open_file_system
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes import listeners


def test_the_local_end_needs_no_connection() -> None:
    with Ends() as ends:
        files = ends.file_system(Endpoint(role="source", local=True))
        assert isinstance(files, LocalFileSystem)
        assert ends.reports == []


def test_a_server_is_reached_once_and_again_after_it_was_forgotten(lab: SharedLab) -> None:
    endpoint = lab.openssh().endpoint("source")
    with Ends() as ends:
        first = ends.file_system(endpoint)
        assert ends.file_system(endpoint) is first
        assert len(ends.reports) == 1
        ends.forget(endpoint)
        ends.forget(endpoint)
        with pytest.raises(BackhaulError):
            first.canonical(b".")
        assert ends.file_system(endpoint).canonical(b".").startswith(b"/")
        assert len(ends.reports) == 2


def test_everything_is_closed_at_the_end(lab: SharedLab) -> None:
    with open_file_system(lab.openssh().endpoint()) as files:
        files.canonical(b".")
    with pytest.raises(BackhaulError):
        files.canonical(b".")


def test_an_end_that_cannot_be_opened_leaves_the_others_open(lab: SharedLab) -> None:
    good = lab.openssh().endpoint("source")
    bad = replace(good, role="destination", port=listeners.unused_port())
    with Ends() as ends:
        files = ends.file_system(good)
        with pytest.raises(BackhaulError) as caught:
            ends.file_system(bad)
        assert (caught.value.code, caught.value.role) == ("connect_failed", "destination")
        assert files.canonical(b".").startswith(b"/")
