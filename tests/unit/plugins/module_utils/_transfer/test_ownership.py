# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner and the group of a copy are part of its step, on this machine's own files."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.handles import LocalReader
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    Attributes,
    Comparison,
    RelayOptions,
    Source,
    Step,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.attributes import set_ownership
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.copy import AttemptResult
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.plan import decide

ME, US = os.getuid(), os.getgid()
FOUND = Attributes(size=1, mode=0o100640, uid=ME, gid=US, mtime=5)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the owner of a file")


class Refusing(LocalFileSystem):
    """Opens no file for its attributes."""

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> LocalReader:
        raise RemoteError("permission_denied", "not yours")


class Recording(LocalFileSystem):
    """Records the attributes that are set, which only root may."""

    def __init__(self) -> None:
        self.recorded: list[Attributes] = []

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> LocalReader:
        recorded = self.recorded

        class Handle(LocalReader):
            def set_attributes(self, wanted: Attributes) -> None:
                recorded.append(wanted)

        return Handle(os.open(path, os.O_RDONLY), path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0o4750)
    return path


def owned(
    path: Path, ownership: Attributes, files: LocalFileSystem, planned: Attributes | None = None
) -> AttemptResult:
    result = AttemptResult()
    set_ownership(files, os.fsencode(path), planned, ownership, result)
    return result


def planned_step(found: Attributes | None, *, same: bool = True, **options: t.Any) -> Step:
    comparison = Comparison(same=same and found is not None, compared_by="size")
    source = Source(path=b"/in/a", size=1, mtime=5)
    return decide(b"/out/a", found=found, comparison=comparison, source=source, options=RelayOptions(**options))


@pytest.mark.parametrize(
    ("found", "same", "options", "action", "ownership"),
    [
        (FOUND, True, {"uid": ME, "gid": US}, "keep", Attributes()),
        (FOUND, True, {"uid": ME + 1, "gid": US}, "adjust", Attributes(uid=ME + 1)),
        (FOUND, True, {"uid": ME + 1, "mode": 0o4640}, "adjust", Attributes(uid=ME + 1, mode=0o4640)),
        (FOUND, False, {"uid": ME}, "replace", Attributes(uid=ME)),
        (None, False, {"gid": 7}, "create", Attributes(gid=7)),
        (None, False, {}, "create", Attributes()),
    ],
)
def test_the_step_says_whom_the_copy_is_to_belong_to(
    found: Attributes | None, same: bool, options: dict[str, int], action: str, ownership: Attributes
) -> None:
    step = planned_step(found, same=same, **options)
    assert (step.action, step.ownership) == (action, ownership)


def test_an_owner_that_is_right_already_is_left_alone(file: Path) -> None:
    result = owned(file, Attributes(uid=ME, gid=US), Refusing())
    assert (result.attributes_changed, result.not_applied) == ([], [])


@pytest.mark.parametrize("stated", [0o4750, None])
def test_an_owner_that_is_wrong_is_set_with_the_mode_that_the_task_states(file: Path, stated: int | None) -> None:
    """A set-id bit that was found on the file is not given to its new owner."""
    files = Recording()
    result = owned(file, Attributes(uid=ME + 1, gid=US + 1, mode=stated), files)
    assert files.recorded == [Attributes(uid=ME + 1, mode=stated), Attributes(gid=US + 1, mode=stated)]
    assert result.attributes_changed == ["owner", "group"]


def test_what_is_not_permitted_is_noted(file: Path) -> None:
    result = owned(file, Attributes(uid=ME + 1), Refusing())
    assert (result.attributes_changed, result.not_applied) == ([], ["owner"])


def test_another_file_that_took_the_name_gets_no_owner(file: Path) -> None:
    planned = LocalFileSystem().attributes(os.fsencode(file), follow=False)
    file.rename(file.with_name("moved"))
    file.write_bytes(b"another")
    files = Recording()
    with pytest.raises(RemoteError) as caught:
        owned(file, Attributes(uid=ME + 1), files, planned)
    assert (caught.value.code, files.recorded) == ("already_exists", [])


@needs_root
def test_a_planted_set_id_bit_does_not_reach_the_new_owner(file: Path) -> None:
    os.chown(file, 65534, 65534)
    file.chmod(0o4777)
    owned(file, Attributes(uid=0), LocalFileSystem())
    assert (file.stat().st_uid, file.stat().st_mode & 0o7000) == (0, 0)


@needs_root
def test_a_link_that_takes_the_files_place_leads_nowhere(tmp_path: Path, file: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"")

    class Swapping(LocalFileSystem):
        def open_attributes(self, path: bytes, *, for_writing: bool = False) -> LocalReader:
            file.unlink()
            file.symlink_to(victim)
            return super().open_attributes(path, for_writing=for_writing)

    with pytest.raises(RemoteError):
        owned(file, Attributes(uid=65534), Swapping())
    assert victim.stat().st_uid == 0
