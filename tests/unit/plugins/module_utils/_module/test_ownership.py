# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns copies on this machine."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._local.handles import LocalReader
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Endpoint, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_reports import NOTHING_DONE, Report
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_set import FileJob
from ansible_collections.backhaul.sftp.plugins.module_utils._module.ownership import Ownership, read_ownership
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination

HERE = Endpoint(role="destination", local=True)


class Refusing(LocalFileSystem):
    """Lets nobody give a file away."""

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> LocalReader:
        raise RemoteError("permission_denied", "not yours")


class Noted(LocalReader):
    """A handle that notes what was to be set, which only root may."""

    def __init__(self, path: bytes, noted: list[Attributes]) -> None:
        super().__init__(os.open(path, os.O_RDONLY), path)
        self._noted = noted

    def set_attributes(self, wanted: Attributes) -> None:
        self._noted.append(wanted)


class Noting(LocalFileSystem):
    """Notes what was to be set."""

    def __init__(self) -> None:
        self.set: list[Attributes] = []

    def open_attributes(self, path: bytes, *, for_writing: bool = False) -> LocalReader:
        return Noted(path, self.set)


def owned(
    path: Path,
    wanted: Attributes,
    files: LocalFileSystem,
    *,
    check: bool = False,
    mode: int | None = None,
    **entry: t.Any,
) -> Report:
    found = {**NOTHING_DONE, "host": "localhost", "path": str(path), "state": "unchanged", **entry}
    job = FileJob(b"/in", Destination(HERE, os.fsencode(path)), RelayOptions(mode=mode), name=b"/in")
    return Ownership(files, wanted, check).finish(job, Report(found))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0o4750)
    return path


def test_accounts_and_groups_have_names_or_numbers() -> None:
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    assert read_ownership(user, group) == Attributes(uid=os.getuid(), gid=os.getgid())
    assert read_ownership("12", "34") == Attributes(uid=12, gid=34)
    assert read_ownership(None, " ") == Attributes()


@pytest.mark.parametrize("option", ["owner", "group"])
def test_one_that_does_not_exist_is_an_error(option: str) -> None:
    with pytest.raises(InputError, match=f"{option} is 'nobody-of-this-name'"):
        read_ownership(**{"owner": None, "group": None, option: "nobody-of-this-name"})


@pytest.mark.parametrize("wanted", [Attributes(), Attributes(uid=os.getuid(), gid=os.getgid())])
def test_what_is_right_already_is_left_alone(file: Path, wanted: Attributes) -> None:
    report = owned(file, wanted, Refusing())
    assert (report.entry["changed"], report.entry["not_applied"], report.diff) == (False, [], None)


@pytest.mark.parametrize("stated", [0o4750, None])
def test_what_is_wrong_is_set_right_and_has_the_mode_that_the_task_states(file: Path, stated: int | None) -> None:
    """A set-id bit that was found on the file is not given to its new owner."""
    files = Noting()
    report = owned(file, Attributes(uid=os.getuid() + 1, gid=os.getgid() + 1), files, mode=stated)
    assert files.set == [Attributes(uid=os.getuid() + 1, mode=stated), Attributes(gid=os.getgid() + 1, mode=stated)]
    assert (report.entry["changed"], report.entry["attributes_changed"]) == (True, ["owner", "group"])
    assert report.diff is not None
    assert report.diff["after"] == f"owner: {os.getuid() + 1}\ngroup: {os.getgid() + 1}\n"


def test_check_mode_says_the_same_and_does_nothing(file: Path) -> None:
    files = Noting()
    report = owned(file, Attributes(uid=os.getuid() + 1), files, check=True, action="keep")
    assert files.set == []
    assert (report.entry["state"], report.entry["action"], report.entry["changed"]) == ("planned", "adjust", True)
    assert report.diff is not None
    # A file that is to be created has no owner yet.
    planned = owned(file.parent / "gone", Attributes(uid=1), files, check=True, action="create", state="planned")
    assert planned.diff is None


def test_what_is_not_permitted_is_said_and_changes_nothing(file: Path) -> None:
    report = owned(file, Attributes(uid=os.getuid() + 1), Refusing())
    assert (report.entry["changed"], report.entry["not_applied"], report.diff) == (False, ["owner"], None)


@pytest.mark.parametrize("state", ["skipped", "created"])
def test_a_copy_that_was_skipped_or_is_gone_again_is_not_touched(tmp_path: Path, state: str) -> None:
    report = owned(tmp_path / "gone", Attributes(uid=1), Refusing(), state=state)
    assert report.entry["state"] == ("skipped" if state == "skipped" else "failed")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_name_that_is_not_utf_8_is_found_again(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    Path(os.fsdecode(path)).write_bytes(b"")
    exact = base64.b64encode(path).decode()
    owned(tmp_path, Attributes(uid=12345), LocalFileSystem(), path_base64=exact)
    assert os.stat(path).st_uid == 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_planted_set_id_bit_does_not_reach_the_new_owner(file: Path) -> None:
    os.chown(file, 65534, 65534)
    file.chmod(0o4777)
    owned(file, Attributes(uid=0), LocalFileSystem())
    assert (file.stat().st_uid, file.stat().st_mode & 0o7000) == (0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_link_that_takes_the_files_place_leads_nowhere(tmp_path: Path, file: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"")

    class Swapping(LocalFileSystem):
        def open_attributes(self, path: bytes, *, for_writing: bool = False) -> LocalReader:
            file.unlink()
            file.symlink_to(victim)
            return super().open_attributes(path, for_writing=for_writing)

    report = owned(file, Attributes(uid=65534), Swapping())
    assert (report.entry["state"], victim.stat().st_uid) == ("failed", 0)
