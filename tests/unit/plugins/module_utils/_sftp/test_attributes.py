# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A handle for attributes: opened for reading, attributes read and set through it, and closed."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp

from .test_filesystem import opened

USED = [fake_sftp.LSTAT, fake_sftp.OPEN, fake_sftp.FSTAT, fake_sftp.FSETSTAT, fake_sftp.CLOSE]


@pytest.mark.parametrize("for_writing", [False, True])
def test_attributes_are_read_and_set_through_the_handle(for_writing: bool) -> None:
    server = FakeSftp({b"/a": b"content"})
    files, _duplex = opened(server)
    with files.open_attributes(b"/a", for_writing=for_writing) as handle:
        assert handle.attributes().size == 7
        handle.set_attributes(Attributes(mode=0o640, atime=5, mtime=5))
    assert server.kinds()[-5:] == USED
    assert (server.files[b"/a"].mtime, bytes(server.files[b"/a"].content)) == (5, b"content")


def test_half_a_pair_is_completed_from_the_handle() -> None:
    server = FakeSftp({b"/a": b"content"})
    files, _duplex = opened(server)
    with files.open_attributes(b"/a") as handle:
        handle.set_attributes(Attributes(mtime=5))
    assert server.kinds()[-5:] == USED


def test_a_name_is_used_without_links_only_where_the_server_supports_it() -> None:
    server = FakeSftp({b"/a": b"content"})
    files, _duplex = opened(server)
    asked = len(server.requests)
    with pytest.raises(RemoteError) as caught:
        files.set_attributes(b"/a", Attributes(mode=0o640), follow=False)
    assert (caught.value.code, len(server.requests)) == ("unsupported", asked)
