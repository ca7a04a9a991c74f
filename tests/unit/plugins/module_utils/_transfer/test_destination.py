# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises of the copy to one destination, with a failure at every call of the port at either end."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Outcome, RelayOptions, Step
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import no_progress
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    FAILURES,
    REFUSED,
    SOURCE,
    UNANSWERED,
    UNHEARD,
    MemoryPool,
    MemoryServer,
    another,
    runtime,
)

NEW = bytes(range(256)) * 10
OLD = b"the backup of yesterday"
SHA256 = hashlib.sha256(NEW).hexdigest()
PATH, TARGET = b"/in/db.tar", b"/out/db.tar"
MTIME = 1_700_000_000


@dataclass
class Scene:
    """A source with a new file, and a destination with or without an old one."""

    source: MemoryServer
    destination: MemoryServer
    pool: MemoryPool
    relay: Relay

    def copy_to(self) -> tuple[Step, Outcome]:
        return self.relay.copy_to(Destination(DESTINATION, TARGET), progress=no_progress)

    def attempt(self) -> Outcome | BackhaulError:
        try:
            return self.copy_to()[1]
        except BackhaulError as exc:
            return exc


def scene(
    *, old: bytes | None = None, retries: int = 3, target: dict[str, t.Any] | None = None, **options: t.Any
) -> Scene:
    source, destination = MemoryServer(), MemoryServer(**(target or {}))
    source.put(PATH, NEW, mtime=MTIME)
    if old is not None:
        destination.put(TARGET, old, mtime=5)
    pool = MemoryPool(source=source, destination=destination)
    policy = RetryPolicy(retries=retries)
    relay = Relay(pool, SOURCE, PATH, options=RelayOptions(**options), retries=policy, runtime=runtime())
    return Scene(source, destination, pool, relay)


@pytest.mark.parametrize("can_replace", [True, False])
@pytest.mark.parametrize(("old", "state"), [(None, "created"), (OLD, "replaced")])
def test_the_new_file_arrives_verified_and_a_second_run_changes_nothing(
    old: bytes | None, state: str, can_replace: bool
) -> None:
    here = scene(old=old, target={"can_replace": can_replace})
    _step, outcome = here.copy_to()
    assert (outcome.state, outcome.changed, outcome.verified_by, outcome.sha256) == (state, True, "check-file", SHA256)
    assert (outcome.bytes_sent, outcome.attempts, outcome.not_applied) == (len(NEW), 1, ())
    assert outcome.compared_by == ("nothing" if old is None else "size")
    assert here.destination.content(TARGET) == NEW
    assert here.destination.files[TARGET].mtime == MTIME
    assert list(here.destination.files) == [TARGET]
    _step, again = here.copy_to()
    assert (again.state, again.changed, again.bytes_sent, again.compared_by) == ("unchanged", False, 0, "readback")


def failures_at_every_call(
    side: str, failure: str, **how: t.Any
) -> t.Iterator[tuple[Scene, Outcome | BackhaulError, str]]:
    """Yield the result of a relay for a failure at the first call, at the second, and so on up to the last."""
    number = 1
    while True:
        here = scene(**how)
        server = getattr(here, side)
        server.fault(number, failure)
        result = here.attempt()
        if not server.fault_met:
            return
        yield here, result, f"{side} call {number} {server.calls[number - 1]} {failure}"
        number += 1


CASES = [
    (side, failure, old, can_replace, digest)
    for side in ("source", "destination")
    for failure in FAILURES
    for old in (None, OLD)
    for can_replace in (True, False)
    for digest in ("check-file", None)
]


@pytest.mark.parametrize(("side", "failure", "old", "can_replace", "digest"), CASES)
def test_with_retries_a_failure_at_any_call_ends_whole(
    side: str, failure: str, old: bytes | None, can_replace: bool, digest: str | None
) -> None:
    target = {"can_replace": can_replace, "digest": digest}
    count = 0
    for here, result, where in failures_at_every_call(side, failure, old=old, target=target):
        count += 1
        content = here.destination.content(TARGET)
        assert here.destination.ours() == [], where
        assert here.source.content(PATH) == NEW, where
        if isinstance(result, Outcome):
            assert content == NEW, where
            assert result.state == ("created" if old is None else "replaced"), where
            assert (result.changed, result.sha256) == (True, SHA256), where
            assert result.verified_by == (digest or "readback"), where
        else:
            assert failure == REFUSED, (where, result)
            assert content == old, where
        if failure != REFUSED:
            assert set(here.pool.forgotten) == {side}, where
    assert count > 5


@pytest.mark.parametrize(("side", "failure", "old", "can_replace", "digest"), CASES)
def test_without_retries_a_failure_at_any_call_leaves_the_old_file_or_the_new_one(
    side: str, failure: str, old: bytes | None, can_replace: bool, digest: str | None
) -> None:
    target = {"can_replace": can_replace, "digest": digest}
    for here, result, where in failures_at_every_call(side, failure, old=old, target=target, retries=0):
        content = here.destination.content(TARGET)
        assert content in (old, NEW), where
        if isinstance(result, BackhaulError):
            assert (result.role, result.host) == (side, side), (where, result)
            if failure == REFUSED:
                assert content == old, where
        else:
            assert content == NEW, where


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_link_that_is_lost_at_the_same_call_every_time_ends_after_the_retries(side: str) -> None:
    here = scene()
    server = getattr(here, side)
    server.on_call = lambda name, path: server.fault(0, UNHEARD) if name in ("read", "write") else None
    error = here.attempt()
    assert isinstance(error, BackhaulError)
    assert (error.code, error.role, error.details["attempts"]) == ("link_lost", side, 4)
    assert server.connections == 4 + (side == "destination")  # the last one is for the clean-up
    assert here.destination.content(TARGET) is None


def test_attempts_and_bytes_add_up_over_the_retries() -> None:
    here = scene()
    _number = next(n for n, (name, _path) in enumerate(_calls_of_a_good_run(), 1) if name == "flush")
    here.destination.fault(_number, UNHEARD)
    _step, outcome = here.copy_to()
    assert (outcome.attempts, outcome.bytes_sent) == (2, 2 * len(NEW))
    assert here.relay.bytes_read == 2 * len(NEW)


def _calls_of_a_good_run(**how: t.Any) -> list[tuple[str, bytes]]:
    here = scene(**how)
    here.copy_to()
    return here.destination.calls


@pytest.mark.parametrize(("old", "call"), [(None, "rename"), (OLD, "replace")])
def test_a_rename_whose_answer_was_lost_is_credited_to_the_run_with_its_proof(old: bytes | None, call: str) -> None:
    number = next(n for n, (name, _path) in enumerate(_calls_of_a_good_run(old=old), 1) if name == call)
    here = scene(old=old)
    here.destination.fault(number, UNANSWERED)
    step, outcome = here.copy_to()
    assert (outcome.state, outcome.changed) == ("created" if old is None else "replaced", True)
    assert (outcome.verified_by, outcome.attempts, outcome.bytes_sent) == ("check-file", 2, len(NEW))
    assert step.action == ("create" if old is None else "replace")
    assert (step.before is None) == (old is None)


def test_a_source_that_is_lost_while_it_is_hashed_for_a_comparison_is_the_end_that_reconnects() -> None:
    here = scene(old=bytes(len(NEW)))
    number = next(n for n, (name, _path) in enumerate(_source_calls(), 1) if name == "digest")
    here.source.fault(number, UNHEARD)
    _step, outcome = here.copy_to()
    assert (outcome.state, here.pool.forgotten) == ("replaced", ["source"])


def _source_calls() -> list[tuple[str, bytes]]:
    here = scene(old=bytes(len(NEW)))
    here.copy_to()
    return here.source.calls


def test_one_destination_that_fails_leaves_the_connections_whole_for_the_next() -> None:
    here = scene(retries=0)
    here.pool.servers["other"] = other = MemoryServer()
    here.relay.source  # noqa: B018 - looked at before anything can fail
    here.source.fault(3, UNHEARD)
    assert isinstance(here.attempt(), BackhaulError)
    _step, outcome = here.relay.copy_to(Destination(another("other"), TARGET), progress=no_progress)
    assert (outcome.state, other.content(TARGET)) == ("created", NEW)


def test_a_plan_returns_the_step_and_changes_nothing() -> None:
    here = scene(old=OLD)
    before = here.destination.calls
    step = here.relay.plan(Destination(DESTINATION, TARGET))
    assert (step.action, step.path, step.comparison.compared_by) == ("replace", TARGET, "size")
    assert {name for name, _path in before} <= {"attributes", "space"}
    assert here.destination.content(TARGET) == OLD
    assert here.copy_to()[0] == step


def test_the_source_is_hashed_once_for_all_destinations() -> None:
    here = scene(old=NEW)
    here.pool.servers["other"] = other = MemoryServer()
    other.put(TARGET, NEW, mtime=MTIME)
    here.copy_to()
    here.relay.copy_to(Destination(another("other"), TARGET), progress=no_progress)
    assert [name for name, _path in here.source.calls].count("digest") == 1


@pytest.mark.parametrize(
    ("digests", "compared_by"),
    [
        (("check-file", "check-file"), "check-file"),
        (("check-file", "command"), "command"),
        (("command", "local"), "command"),
        ((None, "check-file"), "readback"),
        (("check-file", None), "readback"),
    ],
)
def test_the_weaker_of_two_proofs_is_reported(digests: tuple[str | None, str | None], compared_by: str) -> None:
    here = scene(old=NEW, target={"digest": digests[1]})
    here.source.digest = digests[0]
    here.destination.files[TARGET].mtime = MTIME
    _step, outcome = here.copy_to()
    assert (outcome.state, outcome.changed, outcome.compared_by) == ("unchanged", False, compared_by)


def test_another_content_of_the_same_size_is_found_and_repaired() -> None:
    damaged = bytes([NEW[0] ^ 1]) + NEW[1:]
    here = scene(old=damaged)
    here.destination.files[TARGET].mtime = MTIME
    _step, outcome = here.copy_to()
    assert (outcome.state, here.destination.content(TARGET)) == ("replaced", NEW)


def test_only_the_time_differs_and_only_the_time_is_set() -> None:
    here = scene(old=NEW)
    _step, outcome = here.copy_to()
    assert (outcome.state, outcome.changed, outcome.attributes_changed, outcome.bytes_sent) == (
        "unchanged",
        True,
        ("mtime",),
        0,
    )
    assert here.destination.files[TARGET].mtime == MTIME
    assert here.copy_to()[1].changed is False


def test_a_time_that_the_server_refuses_is_reported_and_changes_nothing() -> None:
    here = scene(old=NEW)
    here.destination.wrong["opened.set_attributes"] = "unsupported"
    _step, outcome = here.copy_to()
    assert (outcome.state, outcome.changed, outcome.not_applied) == ("unchanged", False, ("mtime",))


@pytest.mark.parametrize(("policy", "code"), [("fail", "already_exists")])
def test_another_file_there_can_be_a_failure(policy: str, code: str) -> None:
    error = scene(old=OLD, if_exists=policy).attempt()
    assert isinstance(error, BackhaulError)
    assert (error.code, error.role, error.path) == (code, "destination", TARGET)


def test_another_file_there_can_be_left_alone() -> None:
    here = scene(old=OLD, if_exists="skip")
    _step, outcome = here.copy_to()
    assert (outcome.state, outcome.changed, here.destination.content(TARGET)) == ("skipped", False, OLD)


def test_another_file_there_can_be_kept_beside_a_version_that_is_the_same_on_every_run() -> None:
    here = scene(old=OLD, if_exists="version")
    _step, outcome = here.copy_to()
    assert (outcome.state, outcome.path) == ("created", b"/out/db-20231114T221320Z.tar")
    assert here.destination.content(TARGET) == OLD
    assert here.copy_to()[1].state == "unchanged"
    here.destination.put(b"/out/db-20231114T221320Z.tar", b"a third")
    error = here.attempt()
    assert isinstance(error, BackhaulError)
    assert error.code == "already_exists"


def test_a_digest_that_differs_is_tried_once_more_and_never_published() -> None:
    here = scene(old=OLD, target={"damages_writes": True})
    error = here.attempt()
    assert isinstance(error, BackhaulError)
    assert (error.code, error.details["attempts"], error.role) == ("digest_mismatch", 2, "destination")
    assert here.destination.content(TARGET) == OLD
    assert here.destination.ours() == []


def test_a_server_that_is_lost_between_two_renames_leaves_advice_how_to_restore_the_old_file() -> None:
    here = scene(old=OLD, target={"can_replace": False})
    renames: list[bytes] = []

    def gone_after_the_first_rename(name: str, path: bytes) -> None:
        renames.extend([path] if name == "rename" else [])
        if len(renames) > 1:
            here.destination.fault(0, UNHEARD)

    here.destination.on_call = gone_after_the_first_rename
    error = here.attempt()
    assert isinstance(error, BackhaulError)
    (backup,) = (path for path in here.destination.ours() if here.destination.content(path) == OLD)
    assert error.code == "link_lost"
    assert error.details["may_be_published"] is True
    assert backup.decode() in error.remedy
    assert backup.decode() in t.cast("list[str]", error.details["left_behind"])


def test_a_backup_that_cannot_be_removed_is_no_failure_and_is_reported() -> None:
    here = scene(old=OLD, target={"can_replace": False})
    here.destination.wrong["remove"] = "permission_denied"
    _step, outcome = here.copy_to()
    assert (outcome.state, outcome.not_applied, here.destination.content(TARGET)) == ("replaced", ("cleanup",), NEW)


def test_errors_of_one_end_never_name_the_other() -> None:
    here = scene()
    here.source.on_call = lambda name, path: here.source.files[PATH].content.append(1) if name == "read" else None
    error = here.attempt()
    assert isinstance(error, BackhaulError)
    assert (error.code, error.role, error.host, error.path) == ("source_changed", "source", "source", PATH)


def test_attributes_that_a_server_accepts_and_does_not_keep_are_no_change() -> None:
    here = scene(old=NEW, target={"forgets_attributes": True})
    step, outcome = here.copy_to()
    assert step.action == "adjust"
    assert (outcome.changed, outcome.attributes_changed, outcome.not_applied) == (False, (), ("mtime",))


def test_directories_made_for_a_copy_that_failed_are_removed_again() -> None:
    here = scene(target={"wrong": {"write": "no_space"}}, create_directories=True)
    before = set(here.destination.directories)
    with pytest.raises(BackhaulError):
        here.relay.copy_to(Destination(DESTINATION, b"/out/a/b/"), progress=lambda _count: None)
    assert ("make_directory", b"/out/a/b") in here.destination.calls
    assert here.destination.directories == before
