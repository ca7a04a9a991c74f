# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data types."""

from __future__ import annotations

import dataclasses
import stat
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils import _model
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    Attributes,
    Comparison,
    Credentials,
    Endpoint,
    RemoteFile,
    Step,
)

VALUES = [cls for cls in vars(_model).values() if isinstance(cls, type) and dataclasses.is_dataclass(cls)]


@pytest.mark.parametrize("cls", VALUES, ids=lambda cls: str(cls.__name__))
def test_every_data_type_is_frozen(cls: type) -> None:
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_no_repr_contains_a_secret() -> None:
    credentials = Credentials(user="u", password="canary", private_key="canary", private_key_passphrase="canary")
    assert "canary" not in repr(Endpoint(role="source", credentials=credentials))


def test_an_endpoint_is_called_by_its_name_then_its_address() -> None:
    assert Endpoint(role="source", host="h", name="n").label == "n"
    assert Endpoint(role="source", host="h").label == "h"
    assert Endpoint(role="source", local=True).label == "localhost"


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (None, "unknown"),
        (0o644, "unknown"),
        (stat.S_IFREG | 0o644, "file"),
        (stat.S_IFDIR, "directory"),
        (stat.S_IFLNK, "link"),
        (stat.S_IFIFO, "other"),
        (stat.S_IFSOCK, "other"),
        (stat.S_IFBLK, "other"),
        (stat.S_IFCHR, "other"),
        (0o170000, "other"),
    ],
)
def test_the_kind_follows_from_the_mode(mode: int | None, kind: str) -> None:
    assert Attributes(mode=mode).kind == kind


def test_permissions_are_the_mode_without_the_type() -> None:
    assert Attributes(mode=stat.S_IFREG | 0o4755).permissions == 0o4755
    assert Attributes().permissions is None


@pytest.mark.parametrize(("path", "name"), [(b"/a/b", b"b"), (b"b", b"b"), (b"/b", b"b")])
def test_a_file_is_called_by_its_last_component(path: bytes, name: bytes) -> None:
    assert RemoteFile(path, Attributes()).name == name


@pytest.mark.parametrize(
    ("action", "changes", "transfers"),
    [
        ("create", True, True),
        ("replace", True, True),
        ("adjust", True, False),
        ("keep", False, False),
        ("skip", False, False),
    ],
)
def test_a_step_knows_what_it_does(action: str, changes: bool, transfers: bool) -> None:
    step = Step(action, b"/a", Comparison(same=False, compared_by="size"), None)
    assert (step.changes, step.transfers) == (changes, transfers)


ONE = Attributes(size=1, mode=0o100600, uid=7, gid=8, mtime=9)


@pytest.mark.parametrize(
    ("other", "same", "unchanged", "other_owner"),
    [
        (ONE, True, True, False),
        (replace(ONE, mtime=10), True, False, False),
        (replace(ONE, mode=0o100644), True, False, False),
        (replace(ONE, gid=1), True, False, False),
        (replace(ONE, uid=1), False, False, True),
        (replace(ONE, size=2), False, False, False),
        (replace(ONE, mode=0o120600), False, False, False),
        (Attributes(), True, True, False),
        (Attributes(mode=0o600), True, True, False),
    ],
)
def test_the_attributes_that_both_have_decide_whether_it_is_the_same_file(
    other: Attributes, same: bool, unchanged: bool, other_owner: bool
) -> None:
    for first, second in ((ONE, other), (other, ONE)):
        told = (first.is_same_file(second), first.is_unchanged_in(second), first.has_other_owner(second))
        assert told == (same, unchanged, other_owner)


def test_device_and_inode_decide_before_all_other_attributes() -> None:
    here = replace(ONE, identity=(1, 2))
    assert here.is_same_file(replace(here, size=5))
    assert not here.is_same_file(replace(here, identity=(1, 3)))
