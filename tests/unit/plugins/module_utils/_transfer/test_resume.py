# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resume after an interruption: no byte is sent twice, and nothing is appended to a wrong prefix."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Outcome, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer import partial_file, resume
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import no_progress
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    BLOCK,
    DESTINATION,
    REFUSED,
    SOURCE,
    UNANSWERED,
    UNHEARD,
    MemoryPool,
    MemoryServer,
    Node,
    runtime,
)

CONTENT = bytes(range(256)) * 40 + b"the end"
PATH, TARGET = b"/in/db.tar", b"/out/db.tar"
UNIT = 500


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (partial_file, resume):
        monkeypatch.setattr(room, "WORTH_KEEPING_BYTES", BLOCK)
    monkeypatch.setattr(resume, "_UNIT_BYTES", UNIT)
    monkeypatch.setattr(resume, "_IN_FLIGHT_BYTES", 3 * BLOCK)


class Place:
    """A source and a destination that stay the same over several runs."""

    def __init__(self, *, source: dict[str, t.Any] | None = None, target: dict[str, t.Any] | None = None) -> None:
        self.source, self.target = MemoryServer(**(source or {})), MemoryServer(**(target or {}))
        self.source.put(PATH, CONTENT)
        self.slept: list[float] = []
        self.key = b""

    def run(self, *, retries: int = 0, **options: t.Any) -> Outcome:
        """Relay as a new task, without the state of earlier ones."""
        made = runtime()
        pool = MemoryPool(source=self.source, destination=self.target)
        pool.key = self.key
        relay = Relay(
            pool,
            SOURCE,
            PATH,
            options=RelayOptions(**options),
            retries=RetryPolicy(retries=retries),
            runtime=type(made)(made.token, made.random, self.slept.append),
        )
        return relay.copy_to(Destination(DESTINATION, TARGET), progress=no_progress)[1]

    def is_cut(self, *, after_writes: int = 6, at: str = "write", **options: t.Any) -> BackhaulError:
        """Run, and lose the destination after this many writes (or calls of another kind)."""
        self.target.on_call = lose_at(self.target, at, after_writes)
        with pytest.raises(BackhaulError) as caught:
            self.run(**options)
        self.target.on_call = lambda name, path: None
        self.target.fault(0, UNHEARD)
        return caught.value

    def partial(self) -> bytes:
        """Return the path of the only partial file."""
        (path,) = self.target.ours()
        return path


def lose_at(server: MemoryServer, call: str, count: int, failure: str = UNHEARD) -> t.Callable[[str, bytes], None]:
    seen = 0

    def on_call(name: str, _path: bytes) -> None:
        nonlocal seen
        seen += name == call
        if name == call and seen > count:
            server.fault(0, failure)

    return on_call


def test_a_later_run_sends_only_what_is_missing() -> None:
    place = Place()
    error = place.is_cut()
    assert error.details["resumable"] is True
    assert place.target.content(TARGET) is None
    reads = len([name for name, _path in place.source.calls if name == "read"])
    outcome = place.run()
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (6 * BLOCK, len(CONTENT) - 6 * BLOCK)
    assert (outcome.state, outcome.verified_by) == ("created", "check-file")
    assert place.target.content(TARGET) == CONTENT
    assert place.target.ours() == []
    more = len([name for name, _path in place.source.calls if name == "read"]) - reads
    assert more == (len(CONTENT) - 6 * BLOCK) // BLOCK + 2  # the last block before the cut, and the end


def test_a_retry_in_the_same_task_resumes_without_waiting() -> None:
    place = Place()
    place.target.on_call = lose_once(place.target, "write", 6)
    outcome = place.run(retries=1)
    assert (outcome.attempts, outcome.bytes_resumed) == (2, 6 * BLOCK)
    assert [(failed.code, failed.role) for failed in outcome.retried] == [("link_lost", "destination")]
    assert outcome.bytes_sent == len(CONTENT)
    assert place.target.content(TARGET) == CONTENT
    assert len(place.slept) == 1  # the pause of the retry, and none for another writer


def lose_once(server: MemoryServer, call: str, count: int) -> t.Callable[[str, bytes], None]:
    seen = 0

    def on_call(name: str, _path: bytes) -> None:
        nonlocal seen
        seen += name == call
        if name == call and seen == count + 1:
            seen += 1
            server.fault(0, UNHEARD)

    return on_call


def test_a_complete_partial_file_is_only_verified_and_published() -> None:
    place = Place()
    place.is_cut(after_writes=0, at="rename")
    outcome = place.run()
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (len(CONTENT), 0)
    assert place.target.content(TARGET) == CONTENT
    assert place.target.ours() == []


@pytest.mark.parametrize("digests", [(None, None), (None, "check-file"), ("check-file", None)])
def test_without_server_digests_the_prefix_is_read_and_compared(
    digests: tuple[str | None, str | None],
) -> None:
    place = Place(source={"digest": digests[0]}, target={"digest": digests[1]})
    place.is_cut()
    outcome = place.run()
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (6 * BLOCK, len(CONTENT) - 6 * BLOCK)
    assert place.target.content(TARGET) == CONTENT


@pytest.mark.parametrize("digest", ["check-file", None])
def test_a_prefix_that_is_not_the_sources_is_sent_again(digest: str | None) -> None:
    place = Place(source={"digest": digest})
    place.is_cut()
    place.target.files[place.partial()].content[10] ^= 1
    outcome = place.run()
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (0, len(CONTENT))
    assert place.target.content(TARGET) == CONTENT
    assert place.target.ours() == []


@pytest.mark.parametrize("digest", ["check-file", None])
def test_a_gap_near_the_end_costs_only_the_unacknowledged_bytes(digest: str | None) -> None:
    place = Place(source={"digest": digest})
    place.is_cut()
    place.target.files[place.partial()].content[5 * BLOCK] ^= 1
    outcome = place.run()
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (3 * BLOCK, len(CONTENT) - 3 * BLOCK)
    assert place.target.content(TARGET) == CONTENT


def test_another_source_of_the_same_name_starts_over() -> None:
    place = Place()
    place.is_cut()
    changed = CONTENT[::-1]
    place.source.put(PATH, changed, mtime=1_700_000_001)
    outcome = place.run()
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (0, len(changed))
    assert place.target.content(TARGET) == changed


def growing(place: Place, partial: bytes) -> t.Callable[[str, bytes], None]:
    """Add a byte to the partial file before each LSTAT, as another run would, as long as the file exists."""

    def grow(name: str, path: bytes) -> None:
        if name == "attributes" and path == partial and partial in place.target.files:
            place.target.files[partial].content.extend(b"!")

    return grow


def test_a_partial_file_that_grows_belongs_to_another_run() -> None:
    place = Place()
    place.is_cut()
    partial = place.partial()
    place.target.on_call = growing(place, partial)
    with pytest.raises(BackhaulError, match="another run is bringing the same file") as caught:
        place.run(lock_timeout_seconds=30)
    assert (caught.value.code, caught.value.path, caught.value.role) == ("locked", TARGET, "destination")
    assert sum(place.slept) == 30
    assert place.target.content(TARGET) is None
    assert place.target.ours() == [partial]


def test_a_file_that_another_run_publishes_meanwhile_is_found_and_not_sent() -> None:
    place = Place()
    place.is_cut()
    partial = place.partial()
    grow = growing(place, partial)

    def publish_in_the_end(name: str, path: bytes) -> None:
        grow(name, path)
        if len(place.slept) == 5 and partial in place.target.files:
            del place.target.files[partial]
            place.target.put(TARGET, CONTENT)

    place.target.on_call = publish_in_the_end
    outcome = place.run()
    assert (outcome.state, outcome.changed, outcome.bytes_sent) == ("unchanged", False, 0)
    assert place.target.content(TARGET) == CONTENT


def test_after_another_run_fails_this_one_copies() -> None:
    place = Place()
    place.is_cut()
    partial = place.partial()
    grow = growing(place, partial)

    def give_up(name: str, path: bytes) -> None:
        grow(name, path)
        if len(place.slept) == 5:
            del place.target.files[partial]
            place.target.on_call = lambda name, path: None

    place.target.on_call = give_up
    outcome = place.run()
    assert (outcome.state, outcome.bytes_sent) == ("created", len(CONTENT))
    assert place.target.content(TARGET) == CONTENT
    assert place.target.ours() == []


@pytest.mark.parametrize("call", ["rename", "open_reader", "digest"])
def test_a_partial_file_that_another_run_published_is_no_error(call: str) -> None:
    """Two runs, each of which takes the other for dead, write the same file, and one renames it first."""
    place = Place(target={"digest": "check-file" if call != "open_reader" else None})
    published: list[bytes] = []

    def publish_first(name: str, _path: bytes) -> None:
        if name == call and not published:
            published.append(place.partial())
            place.target.files[TARGET] = place.target.files.pop(published[0])

    place.target.on_call = publish_first
    outcome = place.run()
    assert published
    assert outcome.state == "unchanged"
    assert place.target.content(TARGET) == CONTENT
    assert place.target.ours() == []


def test_a_server_that_reports_a_file_and_denies_it_is_not_asked_for_ever() -> None:
    place = Place()
    place.target.wrong["create"] = "already_exists"
    with pytest.raises(BackhaulError) as caught:
        place.run(lock_timeout_seconds=5)
    assert (caught.value.code, sum(place.slept)) == ("locked", 5)


def test_a_server_that_moves_every_upload_away_is_distinguished_from_another_run() -> None:
    place = Place()

    def move_away(name: str, _path: bytes) -> None:
        if name == "rename":
            for path in place.target.ours():
                del place.target.files[path]

    place.target.on_call = move_away
    with pytest.raises(BackhaulError) as caught:
        place.run()
    assert (caught.value.code, caught.value.path, caught.value.host) == ("publish_failed", TARGET, DESTINATION.host)
    assert place.target.content(TARGET) is None


def test_a_link_or_another_users_file_of_that_name_is_neither_used_nor_changed() -> None:
    for plant in ("link", "readable by all"):
        place = Place()
        place.is_cut()
        partial = place.partial()
        if plant == "link":
            planted = place.target.files.pop(partial)
            place.target.files[b"/out/planted"] = planted
            place.target.links[partial] = b"/out/planted"
        else:
            planted = place.target.files[partial]
            planted.mode |= 0o044
        before = bytes(planted.content)
        outcome = place.run()
        assert (outcome.bytes_resumed, bytes(planted.content)) == (0, before), plant
        assert place.target.content(TARGET) == CONTENT


def test_a_partial_file_that_cannot_be_opened_is_replaced() -> None:
    place = Place()
    place.is_cut()
    place.target.wrong["reopen"] = "permission_denied"
    outcome = place.run()
    assert (outcome.bytes_resumed, place.target.content(TARGET)) == (0, CONTENT)
    assert place.target.ours() == []


@pytest.mark.parametrize("code", ["remote_failure", "unsupported", "permission_denied"])
def test_a_server_that_refuses_to_resume_gets_the_file_from_the_first_byte(code: str) -> None:
    place = Place()
    place.is_cut()
    partial = place.partial()
    begun = len(place.target.files[partial].content)

    def refuse_in_the_middle(name: str, path: bytes) -> None:
        there = place.target.files.get(path)
        place.target.wrong.pop("write", None)
        if name == "write" and there is not None and len(there.content) == begun and "reopen" in called():
            place.target.wrong["write"] = code

    def called() -> list[str]:
        calls = [name for name, _path in place.target.calls]
        last = max((at for at, name in enumerate(calls) if name in ("create", "reopen")), default=0)
        return calls[last:]

    place.target.on_call = refuse_in_the_middle
    outcome = place.run()
    assert (outcome.bytes_resumed, outcome.attempts) == (0, 1)
    assert place.target.content(TARGET) == CONTENT
    assert place.target.ours() == []


def test_a_server_that_refuses_every_write_is_not_asked_for_ever() -> None:
    place = Place()
    place.is_cut()
    place.target.wrong["write"] = "remote_failure"
    with pytest.raises(BackhaulError) as caught:
        place.run()
    assert (caught.value.code, caught.value.role) == ("remote_failure", "destination")
    assert [name for name, _path in place.target.calls].count("write") <= 9
    assert place.target.ours() == []


def test_a_partial_file_is_kept_when_the_connection_is_lost_while_it_is_opened() -> None:
    place = Place()
    place.is_cut()
    place.target.on_call = lose_once(place.target, "handle.attributes", 0)
    outcome = place.run(retries=1)
    assert (outcome.attempts, outcome.bytes_resumed) == (2, 6 * BLOCK)


def test_a_partial_file_that_differed_is_resumed_after_it_was_written_again() -> None:
    place = Place(source={"digest": None})
    place.is_cut(after_writes=2)
    place.target.files[place.partial()].content[10] ^= 1
    place.target.on_call = lose_once(place.target, "write", 7)
    outcome = place.run(retries=1)
    assert (outcome.attempts, outcome.bytes_resumed > 2 * BLOCK) == (2, True)
    assert place.target.content(TARGET) == CONTENT


def test_a_partial_file_below_the_least_size_is_not_kept() -> None:
    place = Place()
    error = place.is_cut(after_writes=0)
    assert "resumable" not in error.details
    assert place.run().bytes_resumed == 0


def test_after_a_lost_source_the_partial_file_is_kept_and_its_size_reported() -> None:
    place = Place()
    place.source.on_call = lose_at(place.source, "read", 6)
    with pytest.raises(BackhaulError) as caught:
        place.run()
    assert (caught.value.role, caught.value.details["resumable_bytes"]) == ("source", 6 * BLOCK)
    assert place.target.files[place.partial()].content == CONTENT[: 6 * BLOCK]
    assert place.target.open_handles == 0


@pytest.mark.parametrize("code", ["no_space", "permission_denied", "remote_failure"])
def test_nothing_is_kept_after_a_refusal(code: str) -> None:
    place = Place()

    def refuse(name: str, _path: bytes) -> None:
        if len([call for call, _path in place.target.calls if call == "write"]) > 6:
            place.target.wrong["write"] = code

    place.target.on_call = refuse
    with pytest.raises(BackhaulError):
        place.run()
    assert place.target.ours() == []


def test_without_resume_every_attempt_starts_over_and_leaves_nothing() -> None:
    place = Place()
    place.target.on_call = lose_once(place.target, "write", 6)
    outcome = place.run(retries=1, resume=False)
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (0, 6 * BLOCK + len(CONTENT))
    assert place.target.ours() == []


@pytest.mark.parametrize("failure", [UNHEARD, UNANSWERED])
@pytest.mark.parametrize("digests", [("check-file", "check-file"), (None, None)])
@pytest.mark.parametrize("side", ["source", "target"])
def test_after_a_cut_at_any_call_the_next_run_completes_the_copy(
    side: str, digests: tuple[str | None, str | None], failure: str
) -> None:
    number, resumed = 1, 0
    while True:
        place = Place(source={"digest": digests[0]}, target={"digest": digests[1]})
        server = t.cast(MemoryServer, getattr(place, side))
        server.fault(number, failure)
        with contextlib.suppress(BackhaulError):
            place.run()
        if not server.fault_met:
            break
        assert place.target.content(TARGET) in (None, CONTENT), number
        outcome = place.run()
        resumed += outcome.bytes_resumed > 0
        assert place.target.content(TARGET) == CONTENT, number
        assert place.target.ours() == [], number
        if outcome.state == "created":
            assert outcome.bytes_sent + outcome.bytes_resumed == len(CONTENT), number
        number += 1
    assert resumed > 5


def test_another_users_file_is_left_alone_and_does_not_delay_the_copy() -> None:
    place = Place()
    place.is_cut()
    partial = place.partial()
    place.target.files[partial].uid = 7
    before = bytes(place.target.files[partial].content)
    place.target.on_call = growing(place, partial)
    outcome = place.run()
    assert (outcome.bytes_resumed, place.target.content(TARGET), place.slept) == (0, CONTENT, [])
    assert place.target.files[partial].content.startswith(before)
    assert partial.rpartition(b"/")[2].decode() in outcome.warnings[0]


def test_a_failure_names_the_files_that_were_left_alone() -> None:
    place = Place()
    place.is_cut()
    place.target.files[place.partial()].uid = 7
    error = place.is_cut()
    assert "uid 7" in str(error.details["warnings"])


@pytest.mark.parametrize("key", [b"", b"secret"])
def test_without_an_owner_a_partial_file_is_resumed_only_if_its_name_needs_the_credential(key: bytes) -> None:
    place = Place(target={"uid": None})
    place.key = key
    place.is_cut()
    outcome = place.run()
    assert (outcome.bytes_resumed > 0, len(outcome.warnings)) == (bool(key), 0 if key else 1)
    assert place.target.content(TARGET) == CONTENT


def test_a_file_that_became_another_users_during_the_opening_is_not_resumed() -> None:
    place = Place()
    place.is_cut()
    partial = place.partial()

    def swap(name: str, path: bytes) -> None:
        if name == "reopen" and path == partial:
            place.target.files[partial] = Node(bytearray(place.target.files[partial].content), uid=7)

    place.target.on_call = swap
    with contextlib.suppress(BackhaulError):
        place.run()
    assert TARGET not in place.target.files or place.target.files[TARGET].uid == 1


def test_a_small_prefix_is_resumed_too() -> None:
    place = Place()
    place.is_cut()
    del place.target.files[place.partial()].content[BLOCK // 2 :]
    outcome = place.run()
    assert (outcome.bytes_resumed, place.target.content(TARGET)) == (BLOCK // 2, CONTENT)


def test_a_partial_file_that_cannot_be_removed_either_stays_and_the_copy_is_made_beside_it() -> None:
    place = Place()
    place.is_cut()
    partial = place.partial()
    place.target.wrong.update(reopen="permission_denied", remove="permission_denied")

    def allow(name: str, _path: bytes) -> None:
        if name == "write":
            place.target.wrong.clear()

    place.target.on_call = allow
    assert (place.run().bytes_resumed, place.target.content(TARGET)) == (0, CONTENT)
    assert place.target.ours() == [partial]


def test_a_partial_file_that_its_server_fails_to_read_is_started_over() -> None:
    place = Place(target={"digest": None})
    place.is_cut()
    place.target.on_call = lambda name, path: place.target.fault(0, REFUSED) if name == "read" else None
    outcome = place.run(verify="acknowledged")
    assert (outcome.bytes_resumed, outcome.bytes_sent) == (0, len(CONTENT))
    assert place.target.content(TARGET) == CONTENT
    assert place.target.ours() == []
