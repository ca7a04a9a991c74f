# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes go to the file that was looked at, and to no other that has its name by then."""

from __future__ import annotations

import stat
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.attributes import (
    adjust,
    opened_as_seen,
    set_on_file,
    set_what_was_lost,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.copy import AttemptResult
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import MemoryFiles, MemoryServer, Node

PATH, VICTIM = b"/out/copy", b"/out/victim"
WANTED = Attributes(mode=0o640, atime=5, mtime=5)


class Place:
    """A file, and a victim that has the same size, owner, mode and time, but for what a test changes."""

    def __init__(self, **server: t.Any) -> None:
        self.server = MemoryServer(**server)
        self.server.put(PATH, b"content")
        self.server.put(VICTIM, b"victims")
        self.files = MemoryFiles(self.server)
        self.seen = self.files.attributes(PATH, follow=False)

    def swap_at(self, call: str, *, back: str = "") -> None:
        """Put a link to the victim in the place of the file at one call, and the file back at another one."""
        moved: list[Node] = []

        def swap(name: str, _path: bytes) -> None:
            if name == call and not moved:
                moved.append(self.server.files.pop(PATH))
                self.server.links[PATH] = VICTIM
            elif name == back and moved and PATH in self.server.links:
                del self.server.links[PATH]
                self.server.files[PATH] = moved[0]

        self.server.on_call = swap

    def victim_is_untouched(self) -> bool:
        victim = self.server.files[VICTIM]
        return (victim.mode, victim.mtime) == (stat.S_IFREG | 0o644, 1_700_000_000)


@pytest.mark.parametrize(
    "call", ["open_attributes", "opened.attributes", "attributes", "opened.set_attributes", "close"]
)
def test_a_link_that_takes_the_files_place_leads_nowhere(call: str) -> None:
    place = Place()
    place.swap_at(call)
    result = AttemptResult()
    adjust(place.files, PATH, place.seen, WANTED, result)
    assert place.victim_is_untouched()


def test_a_link_that_was_there_only_while_the_file_was_opened_is_found_out() -> None:
    place = Place()
    place.server.files[VICTIM].mtime += 1
    place.swap_at("open_attributes", back="opened.attributes")
    with pytest.raises(RemoteError) as caught, opened_as_seen(place.files, PATH, place.seen):
        pytest.fail("it is another file")
    assert caught.value.code == "already_exists"


def test_a_file_that_was_replaced_since_it_was_compared_is_not_adjusted() -> None:
    place = Place()
    place.server.put(PATH, b"another one")
    result = AttemptResult()
    adjust(place.files, PATH, place.seen, WANTED, result)
    assert (result.attributes_changed, result.not_applied) == ([], ["mode", "mtime"])
    assert place.server.files[PATH].mode == stat.S_IFREG | 0o644


@pytest.mark.parametrize("refused", ["open_attributes", "opened.set_attributes"])
@pytest.mark.parametrize("can_set_links", [True, False])
def test_without_a_handle_only_a_name_that_follows_no_link_is_used(refused: str, can_set_links: bool) -> None:
    place = Place(wrong={refused: "permission_denied"}, can_set_links=can_set_links)
    if can_set_links:
        set_on_file(place.files, PATH, place.seen, WANTED)
    else:
        with pytest.raises(RemoteError):
            set_on_file(place.files, PATH, place.seen, WANTED)
    assert (place.server.files[PATH].mtime == 5) is can_set_links


def lost(place: Place, *, uid: int | None = 1, is_refused: bool = False) -> Attributes:
    return set_what_was_lost(place.files, PATH, place.seen, WANTED, uid=uid, is_refused=is_refused)


def test_what_closing_has_undone_is_set_again_through_a_handle() -> None:
    place = Place()
    found = lost(place)
    assert (found.permissions, found.mtime) == (0o640, 5)
    assert "set_attributes" not in [name for name, _path in place.server.calls]


def test_what_is_as_it_was_asked_for_costs_nothing() -> None:
    place = Place()
    place.seen = Attributes(mode=stat.S_IFREG | 0o640, mtime=5)
    asked = len(place.server.calls)
    assert lost(place) == place.seen
    assert len(place.server.calls) == asked


@pytest.mark.parametrize(
    ("directory", "uid", "expected"),
    [(0o755, 1, 5), (0o1777, 1, 5), (0o777, 1, None), (0o775, 1, None), (0o755, 2, None), (0o755, None, None)],
)
def test_a_name_that_follows_links_is_used_where_nobody_else_can_make_one(
    directory: int, uid: int | None, expected: int | None
) -> None:
    place = Place(directory_mode=directory)
    found = lost(place, uid=uid, is_refused=True)
    assert found.mtime == (expected or 1_700_000_000)


def test_a_server_that_takes_none_of_it_fails_nothing() -> None:
    refused = dict.fromkeys(("opened.set_attributes", "set_attributes"), "unsupported")
    place = Place(wrong=refused)
    assert lost(place) == place.seen


def test_a_violation_is_no_refusal() -> None:
    for call in ("opened.set_attributes", "open_attributes"):
        place = Place(wrong={call: "protocol_violation"})
        with pytest.raises(RemoteError):
            lost(place)
        with pytest.raises(RemoteError):
            adjust(place.files, PATH, place.seen, WANTED, AttemptResult())
