# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done for one destination, from what was seen there."""

from __future__ import annotations

import stat
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    Attributes,
    Comparison,
    RelayOptions,
    Source,
    Step,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import plan

SOURCE = Source(b"/in/a", 10, 1000, mode=0o640)
SAME, OTHER = Comparison(same=True, compared_by="check-file"), Comparison(same=False, compared_by="size")
FOUND = Attributes(size=10, mode=stat.S_IFREG | 0o644, mtime=1000)


def decided(found: Attributes | None, comparison: Comparison, **options: t.Any) -> Step:
    return plan.decide(b"/out/a", found=found, comparison=comparison, source=SOURCE, options=RelayOptions(**options))


@pytest.mark.parametrize("if_exists", ["replace", "fail", "skip", "version"])
def test_nothing_there_is_created_and_the_same_is_kept_whatever_the_policy(if_exists: str) -> None:
    nothing = Comparison(same=False, compared_by="nothing")
    assert decided(None, nothing, if_exists=if_exists).action == "create"
    step = decided(FOUND, SAME, if_exists=if_exists)
    assert (step.action, step.changes, step.transfers) == ("keep", False, False)


@pytest.mark.parametrize(("if_exists", "action"), [("replace", "replace"), ("skip", "skip"), ("version", "replace")])
def test_another_file_there_meets_the_policy(if_exists: str, action: str) -> None:
    step = decided(FOUND, OTHER, if_exists=if_exists)
    assert (step.action, step.changes, step.transfers) == (action, action == "replace", action == "replace")


def test_another_file_there_can_be_an_error() -> None:
    with pytest.raises(BackhaulError) as caught:
        decided(FOUND, OTHER, if_exists="fail")
    assert (caught.value.code, caught.value.path) == ("already_exists", b"/out/a")


@pytest.mark.parametrize(
    ("options", "found", "mode"),
    [
        ({}, None, 0o600),
        ({}, FOUND, 0o644),
        ({}, Attributes(size=1), 0o600),
        ({"mode": 0o400}, None, 0o400),
        ({"mode": 0o400}, FOUND, 0o400),
        ({"mode": 0}, FOUND, 0),
        ({"preserve_mode": True}, FOUND, 0o640),
    ],
)
def test_the_mode_is_what_was_asked_for_or_what_was_there_or_private(
    options: dict[str, t.Any], found: Attributes | None, mode: int
) -> None:
    assert plan.wanted_attributes(found, SOURCE, RelayOptions(**options)).mode == mode


def test_a_mode_that_the_source_does_not_tell_is_private() -> None:
    source = Source(b"/in/a", 10, 1000)
    assert plan.wanted_attributes(None, source, RelayOptions(preserve_mode=True)).mode == 0o600


@pytest.mark.parametrize(("preserve", "mtime"), [(True, 1000), (False, None)])
def test_the_time_is_the_sources_where_it_is_to_be(preserve: bool, mtime: int | None) -> None:
    wanted = plan.wanted_attributes(None, SOURCE, RelayOptions(preserve_mtime=preserve))
    assert (wanted.atime, wanted.mtime) == (mtime, mtime)


@pytest.mark.parametrize(
    ("options", "found", "drift"),
    [
        ({}, FOUND, Attributes()),
        ({}, Attributes(size=10, mode=FOUND.mode, mtime=999), Attributes(atime=1000, mtime=1000)),
        ({"preserve_mtime": False}, Attributes(size=10, mode=FOUND.mode, mtime=999), Attributes()),
        ({"mode": 0o600}, FOUND, Attributes(mode=0o600)),
        ({"mode": 0o644}, FOUND, Attributes()),
        ({"preserve_mode": True}, FOUND, Attributes(mode=0o640)),
        ({"mode": 0o600}, Attributes(size=10, mtime=999), Attributes(mode=0o600, atime=1000, mtime=1000)),
    ],
)
def test_only_what_differs_is_adjusted_on_the_same_content(
    options: dict[str, t.Any], found: Attributes, drift: Attributes
) -> None:
    step = decided(found, SAME, **options)
    assert (step.action, step.adjust) == ("keep" if drift == Attributes() else "adjust", drift)
    assert step.transfers is False


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (stat.S_IFDIR, "invalid_input"),
        (stat.S_IFLNK, "unsafe_path"),
        (stat.S_IFIFO, "unsafe_path"),
        (stat.S_IFBLK, "unsafe_path"),
        (0, "unsafe_path"),
        (None, "unsafe_path"),
    ],
)
def test_nothing_but_a_regular_file_is_written_over(mode: int | None, code: str) -> None:
    with pytest.raises(BackhaulError) as caught:
        plan.require_file(b"/out/a", Attributes(mode=mode))
    assert (caught.value.code, caught.value.path) == (code, b"/out/a")
    plan.require_file(b"/out/a", FOUND)


@pytest.mark.parametrize(
    ("path", "versioned"),
    [
        (b"/o/db.tar.gz", b"/o/db-S.tar.gz"),
        (b"/o/db", b"/o/db-S"),
        (b"/o/.hidden", b"/o/.hidden-S"),
        (b"db.tar", b"db-S.tar"),
        (b"/a.b/db", b"/a.b/db-S"),
        (b"/o/\xff.x", b"/o/\xff-S.x"),
    ],
)
def test_a_version_goes_in_front_of_the_first_dot(path: bytes, versioned: bytes) -> None:
    assert plan.versioned_path(path, "S") == versioned


@pytest.mark.parametrize("kind", [stat.S_IFREG, 0])
def test_special_bits_come_from_a_mode_that_is_stated_and_never_from_a_file(kind: int) -> None:
    """A source of 6755 became a set-id program of root's, and so did a backup over a file of 4777."""
    source = Source(b"/in/a", 10, 1000, mode=0o6755)
    found = Attributes(size=1, mode=kind | 0o7777)
    assert plan.wanted_attributes(None, source, RelayOptions(preserve_mode=True)).mode == 0o755
    assert plan.wanted_attributes(found, source, RelayOptions()).mode == 0o777
    assert plan.wanted_attributes(found, source, RelayOptions(mode=0o4711)).mode == 0o4711


@pytest.mark.parametrize(
    ("options", "owner", "uid", "mode"),
    [
        ({}, 7, 7, 0o644),
        ({}, 7, 8, 0o600),
        ({}, 7, None, 0o600),
        ({}, None, None, 0o600),
        ({}, None, 7, 0o600),
        ({"mode": 0o666}, 7, 8, 0o666),
        ({"preserve_mode": True}, 7, 8, 0o640),
    ],
)
def test_the_mode_of_the_old_file_is_kept_only_by_its_owner(
    options: dict[str, t.Any], owner: int | None, uid: int | None, mode: int
) -> None:
    found = Attributes(size=1, mode=stat.S_IFREG | 0o644, uid=owner, mtime=1000)
    wanted = plan.owned_attributes(decided(found, OTHER, **options), uid)
    assert (wanted.mode, wanted.mtime) == (mode, 1000)


def test_a_private_old_file_needs_no_look_at_its_owner() -> None:
    assert decided(Attributes(size=1, mode=stat.S_IFREG | 0o600), OTHER).keeps_mode is False
