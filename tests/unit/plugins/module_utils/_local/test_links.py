# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links in paths that a task names, and their owners."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.links import followed

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has links of other users")
OTHER, THIRD = 65534, 65533


def lead(path: Path) -> str:
    return os.fsdecode(followed(os.fsencode(path)))


def test_a_path_without_links_is_returned_unchanged(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert lead(tmp_path / "f") == str(tmp_path / "f")
    assert lead(tmp_path / "missing") == str(tmp_path / "missing")


def test_our_own_links_are_followed_at_the_end_and_in_the_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").touch()
    (tmp_path / "way").symlink_to("real")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(tmp_path / "way" / "f")
    assert lead(tmp_path / "one") == str(tmp_path / "real" / "f")


def test_a_loop_of_links_and_a_dangling_link_end(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nothing").symlink_to("missing")
    assert lead(tmp_path / "loop") == str(tmp_path / "loop")
    assert lead(tmp_path / "nothing") == str(tmp_path / "missing")


def test_a_missing_directory_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        lead(tmp_path / "missing" / "f")
    assert caught.value.code == "not_found"


@needs_root
@pytest.mark.parametrize(("owner", "is_followed"), [(OTHER, True), (THIRD, False), (0, False)])
def test_another_users_link_leads_to_that_users_files_only(tmp_path: Path, owner: int, is_followed: bool) -> None:
    (tmp_path / "f").touch()
    os.chown(tmp_path / "f", owner, owner)
    (tmp_path / "link").symlink_to("f")
    os.lchown(tmp_path / "link", OTHER, OTHER)
    assert lead(tmp_path / "link") == str(tmp_path / ("f" if is_followed else "link"))


@needs_root
def test_another_users_link_to_a_link_of_ours_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "ours").symlink_to("f")
    (tmp_path / "another-users").symlink_to("ours")
    os.lchown(tmp_path / "another-users", OTHER, OTHER)
    assert lead(tmp_path / "another-users") == str(tmp_path / "another-users")
