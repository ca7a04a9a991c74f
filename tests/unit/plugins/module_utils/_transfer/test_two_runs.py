# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of one job, one of which pauses at a critical call: no file is lost, and no broken one is published."""

from __future__ import annotations

import collections
import threading
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint, Outcome, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import partial_file
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import no_progress
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.tests.unit.fakes import memory
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    SOURCE,
    MemoryFiles,
    MemoryPool,
    MemoryServer,
    runtime,
)

MIB = 1024 * 1024
PATH, TARGET = b"/in/db.tar", b"/out/db.tar"
OLD = b"old"
Moment = t.Tuple[str, str, int]


class LookingFirst(MemoryFiles):
    """Files whose rename checks the new name first, as some SFTP servers do."""

    def rename(self, source: bytes, target: bytes) -> None:
        try:
            self.attributes(target, follow=False)
        except RemoteError:
            super().rename(source, target)
        else:
            raise RemoteError("already_exists", "there is something of that name already", path=target)


class GatedPool(MemoryPool):
    def file_system(self, endpoint: Endpoint, session_number: int = 0) -> MemoryFiles:
        return LookingFirst(self.servers[endpoint.host])


class Stage:
    """A source and a destination for runs that have letters as names and can be stopped before a call."""

    def __init__(self, *, size: int = 5 * MIB, old: bytes | None = None, **server: t.Any) -> None:
        self.source, self.target = MemoryServer(), MemoryServer(**server)
        self.content = b"n" * size
        self.source.put(PATH, self.content)
        if old is not None:
            self.target.put(TARGET, old)
        self.target.on_call = self._called
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self._held: dict[Moment, tuple[threading.Event, threading.Event]] = {}
        self._runs: dict[str, threading.Thread] = {}
        self._results: dict[str, Outcome | BackhaulError] = {}

    def _called(self, name: str, _path: bytes) -> None:
        who = threading.current_thread().name
        self._counts[who, name] += 1
        moment = (who, name, self._counts[who, name])
        if moment in self._held:
            reached, may_go_on = self._held[moment]
            reached.set()
            assert may_go_on.wait(20), moment

    def start(self, who: str, *, until: tuple[str, int] | None = None, retries: int = 0, **options: t.Any) -> None:
        """Start a run; return when it is stopped before the call of that name and number."""
        if until is not None:
            self._held[who, until[0], until[1]] = (threading.Event(), threading.Event())

        def relay() -> None:
            pool = GatedPool(source=self.source, destination=self.target)
            job = Relay(
                pool,
                SOURCE,
                PATH,
                options=RelayOptions(**options),
                retries=RetryPolicy(retries=retries),
                runtime=runtime(),
            )
            try:
                self._results[who] = job.copy_to(Destination(DESTINATION, TARGET), progress=no_progress)[1]
            except BackhaulError as exc:
                self._results[who] = exc

        self._runs[who] = threading.Thread(target=relay, name=who, daemon=True)
        self._runs[who].start()
        if until is not None:
            assert self._held[who, until[0], until[1]][0].wait(20), (until, self._results)

    def go_on(self, who: str) -> Outcome | BackhaulError:
        """Let a stopped run continue to its end."""
        for (held, _name, _number), (_reached, may_go_on) in self._held.items():
            if held == who:
                may_go_on.set()
        self._runs[who].join(20)
        return self._results[who]

    def run(self, who: str, **options: t.Any) -> Outcome | BackhaulError:
        """Run to the end."""
        self.start(who, **options)
        return self.go_on(who)

    def is_whole(self, old: bytes | None = None) -> bool:
        """Return whether the final name has the new file or still the old one."""
        return self.target.content(TARGET) in (self.content, old)


@pytest.fixture(autouse=True)
def _large_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BLOCK", MIB // 4)


@pytest.mark.parametrize("can_replace", [True, False])
@pytest.mark.parametrize("size", [3000, 5 * MIB])
def test_a_verified_copy_is_published_as_it_was_verified(can_replace: bool, size: int) -> None:
    """The second run removed the first one's small partial file, and the first published the second one's empty file.

    A complete partial file of any size is resumed now.
    """
    stage = Stage(size=size, old=OLD, can_replace=can_replace)
    stage.start("A", until=("replace" if can_replace else "rename", 1 if can_replace else 2))
    assert isinstance(stage.run("B"), Outcome)
    first = stage.go_on("A")
    assert stage.is_whole(OLD), first
    second = stage.go_on("B")
    assert stage.target.content(TARGET) == stage.content, (first, second)
    assert stage.target.ours() == []


def test_a_run_that_paused_before_its_first_write_publishes_no_part_of_the_other() -> None:
    stage = Stage()
    stage.start("A", until=("write", 1), verify="acknowledged")
    stage.start("B", until=("write", 2), verify="acknowledged")
    first = stage.go_on("A")
    assert stage.is_whole(), first
    second = stage.go_on("B")
    assert stage.target.content(TARGET) == stage.content
    assert {result.state for result in (first, second) if isinstance(result, Outcome)} == {"created", "unchanged"}


@pytest.mark.parametrize("call", ["digest", "rename"])
def test_a_run_that_paused_before_the_end_finds_the_copy(call: str) -> None:
    stage = Stage()
    stage.start("A", until=(call, 1))
    assert isinstance(stage.run("B"), Outcome)
    found = stage.go_on("A")
    assert isinstance(found, Outcome), found
    assert (found.state, stage.target.content(TARGET)) == ("unchanged", stage.content)


def test_a_partial_file_that_is_published_during_its_verification_is_found() -> None:
    stage = Stage(size=20 * MIB)
    stage.start("A", until=("rename", 1))
    stage.start("B", until=("digest", 1))
    assert isinstance(stage.go_on("A"), Outcome)
    found = stage.go_on("B")
    assert isinstance(found, Outcome), found
    assert (found.state, stage.target.ours()) == ("unchanged", [])


def test_two_runs_between_their_renames_lose_neither_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run made a backup of the new file, and the first removed it as its own backup."""
    stage = Stage(old=OLD, can_replace=False)
    swap = partial_file.PartialFile._replace_via_backup
    entered: dict[str, threading.Event] = collections.defaultdict(threading.Event)
    may_swap: dict[str, threading.Event] = collections.defaultdict(threading.Event)

    def held(partial: partial_file.PartialFile, sha256: str) -> None:
        who = threading.current_thread().name
        entered[who].set()
        assert may_swap[who].wait(20)
        swap(partial, sha256)

    monkeypatch.setattr(partial_file.PartialFile, "_replace_via_backup", held)
    for who in "AB":
        stage.start(who)
        assert entered[who].wait(20)
    for who in "AB":
        may_swap[who].set()
        stage.go_on(who)
        assert stage.is_whole(OLD), who
    assert stage.target.content(TARGET) == stage.content
    assert stage.target.ours() == []


def test_a_backup_that_another_run_restores_is_replaced_in_the_end() -> None:
    stage = Stage(old=OLD, can_replace=False)
    stage.start("A", until=("rename", 2))
    stage.start("B", until=("create", 2))  # the first CREATE is that of the empty file which shows the account's owner
    assert stage.is_whole(OLD)
    first, second = stage.go_on("A"), stage.go_on("B")
    assert stage.target.content(TARGET) == stage.content, (first, second)
    assert all(isinstance(result, Outcome) for result in (first, second)), (first, second)


def test_after_a_lost_reply_to_create_no_other_runs_file_is_removed() -> None:
    stage = Stage()
    stage.start("B", until=("write", 15))
    (partial,) = stage.target.ours()
    stage.target.wrong.clear()
    with pytest.raises(RemoteError):
        MemoryFiles(stage.target).create(partial, mode=0o600)
    partial_file.remove_orphan(MemoryFiles(stage.target), partial_file.Orphan(partial, only_if_empty=True))
    assert stage.target.ours() == [partial]
    assert isinstance(stage.go_on("B"), Outcome)
