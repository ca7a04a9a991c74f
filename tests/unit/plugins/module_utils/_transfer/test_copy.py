# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy, verify and publish: the failures between the first byte and the final name."""

from __future__ import annotations

import hashlib
import stat
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Outcome, RelayOptions
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.attributes import apply_attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import no_progress
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.copy import AttemptResult
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    SOURCE,
    MemoryPool,
    MemoryServer,
    runtime,
)

CONTENT = bytes(range(256)) * 10
FROM, TO = b"/in/a", b"/out/a"
MTIME = 5


class Job:
    """A copy of CONTENT between two servers, whose behaviour a test may change before it runs."""

    def __init__(self, *, old: bytes | None = None, target: dict[str, t.Any] | None = None) -> None:
        self.source, self.target = MemoryServer(), MemoryServer(**(target or {}))
        self.source.put(FROM, CONTENT, mtime=MTIME)
        if old is not None:
            self.target.put(TO, old)
        self.old = old

    def run(self, *, to: bytes = TO, **options: t.Any) -> Outcome:
        relay = Relay(
            MemoryPool(source=self.source, destination=self.target),
            SOURCE,
            FROM,
            options=RelayOptions(**{"resume": False, **options}),
            retries=RetryPolicy(retries=0),
            runtime=runtime(),
        )
        return relay.copy_to(Destination(DESTINATION, to), progress=no_progress)[1]

    def fails(self, **options: t.Any) -> BackhaulError:
        """Run, and return the error after checking that nothing changed under the final name."""
        with pytest.raises(BackhaulError) as caught:
            self.run(**options)
        assert self.target.content(TO) == self.old
        assert self.target.ours() == []
        assert (self.source.open_handles, self.target.open_handles) == (0, 0)
        return caught.value


@pytest.mark.parametrize(
    ("verify", "digest", "verified_by"),
    [
        ("auto", "check-file", "check-file"),
        ("auto", "command", "command"),
        ("auto", None, "readback"),
        ("server", "command", "command"),
        ("readback", "check-file", "readback"),
        ("acknowledged", "check-file", "acknowledged"),
    ],
)
def test_the_copy_is_proven_as_asked_and_the_result_says_how(verify: str, digest: str | None, verified_by: str) -> None:
    job = Job(target={"digest": digest})
    result = job.run(verify=verify)
    assert (result.verified_by, result.sha256) == (verified_by, hashlib.sha256(CONTENT).hexdigest())
    assert job.target.content(TO) == CONTENT
    assert (job.source.open_handles, job.target.open_handles) == (0, 0)


def test_a_server_that_cannot_hash_fails_where_its_digest_was_demanded() -> None:
    assert Job(old=b"old", target={"digest": None}).fails(verify="server").code == "unsupported"


@pytest.mark.parametrize("verify", ["auto", "server", "readback"])
def test_damage_on_the_way_is_found_by_every_method(verify: str) -> None:
    error = Job(old=b"old", target={"damages_writes": True}).fails(verify=verify)
    assert (error.code, error.details["expected"]) == ("digest_mismatch", hashlib.sha256(CONTENT).hexdigest())


def test_a_server_that_lies_about_its_digest_is_found_by_reading_back() -> None:
    damaged = {"damages_writes": True, "digest": "check-file"}
    job = Job(old=b"old", target=damaged)
    job.target.lies_about_digests = True
    assert job.fails(verify="readback").code == "digest_mismatch"


@pytest.mark.parametrize("call", ["create", "write", "flush", "sync", "close", "handle.attributes", "digest", "rename"])
@pytest.mark.parametrize("code", ["remote_failure", "no_space", "permission_denied"])
def test_after_any_refusal_of_the_destination_nothing_is_published(call: str, code: str) -> None:
    job = Job(target={"wrong": {call: code}})
    error = job.fails()
    assert error.role == "destination"
    assert error.code == ("publish_failed" if call == "rename" else code)


@pytest.mark.parametrize("code", ["not_found", "unsupported"])
def test_a_server_without_fstat_of_an_open_file_is_asked_after_the_close(code: str) -> None:
    job = Job(target={"wrong": {"handle.attributes": code}})
    result = job.run(mode=0o640)
    assert (job.target.content(TO), result.not_applied) == (CONTENT, ())
    assert (job.target.files[TO].mtime, job.target.files[TO].mode) == (5, stat.S_IFREG | 0o640)


def test_a_closed_file_that_is_smaller_than_what_was_acknowledged_is_not_published() -> None:
    job = Job(target={"wrong": {"handle.attributes": "unsupported"}})
    path = []

    def shorten(call: str, named: bytes) -> None:
        if call == "attributes" and named.endswith(b".part"):
            path.append(named)
            del job.target.files[named].content[-1:]

    job.target.on_call = shorten
    assert job.fails(verify="acknowledged").code == "short_transfer"
    assert path


@pytest.mark.parametrize("call", ["open_reader", "read", "handle.attributes", "close"])
def test_any_refusal_of_the_source_is_an_error_of_the_source(call: str) -> None:
    job = Job(old=b"old")
    job.source.wrong[call] = "remote_failure"
    assert (job.fails().role, job.source.content(FROM)) == ("source", CONTENT)


def grow(job: Job) -> None:
    job.source.files[FROM].content.append(1)


def shrink(job: Job) -> None:
    del job.source.files[FROM].content[-1:]


def touch(job: Job) -> None:
    job.source.files[FROM].mtime += 1


def swap_for_a_device(job: Job) -> None:
    job.source.files[FROM].mode = stat.S_IFCHR | 0o600


@pytest.mark.parametrize("change", [grow, shrink, touch, swap_for_a_device])
@pytest.mark.parametrize("moment", ["open_reader", "read"])
def test_a_source_that_changes_during_the_read_is_never_published(change: t.Callable[[Job], None], moment: str) -> None:
    job = Job(old=b"old")
    changed: list[str] = []

    def once(name: str, path: bytes) -> None:
        if name == moment and not changed:
            changed.append(name)
            change(job)

    job.source.on_call = once
    error = job.fails(verify="acknowledged")
    assert error.code in ("source_changed", "short_transfer")
    assert error.role == "source"


def test_a_destination_that_holds_less_than_was_acknowledged_is_found_even_without_a_digest() -> None:
    job = Job(old=b"old")

    def forget_some(name: str, path: bytes) -> None:
        if name == "handle.attributes":
            del job.target.files[path].content[100:]

    job.target.on_call = forget_some
    assert job.fails(verify="acknowledged").code == "short_transfer"


def test_a_failure_on_a_full_file_system_is_no_space() -> None:
    job = Job(target={"wrong": {"write": "remote_failure"}, "free_bytes": 10})
    error = job.fails()
    assert (error.code, error.path) == ("no_space", TO)


def test_a_failure_with_room_left_stays_a_failure() -> None:
    assert Job(target={"wrong": {"write": "remote_failure"}, "free_bytes": 10**9}).fails().code == "remote_failure"


def test_a_missing_fsync_is_reported() -> None:
    assert Job(target={"can_sync": False}).run().not_applied == ("fsync",)


def test_mode_and_time_are_on_the_file_before_it_has_its_name() -> None:
    job = Job()
    job.run(mode=0o640)
    assert (job.target.files[TO].mode, job.target.files[TO].mtime) == (stat.S_IFREG | 0o640, 5)
    assert [name for name, _path in job.target.calls[-2:]] == ["rename", "attributes"]


def test_attributes_that_the_server_refuses_are_reported_and_no_failure() -> None:
    refused = dict.fromkeys(("handle.set_attributes", "set_attributes"), "permission_denied")
    result = (job := Job(target={"wrong": refused})).run(mode=0o640)
    assert result.not_applied == ("mode", "mtime")
    assert job.target.content(TO) == CONTENT


def test_a_violation_is_no_refusal() -> None:
    def violate(_wanted: Attributes) -> None:
        raise RemoteError("protocol_violation", "nonsense")

    with pytest.raises(RemoteError):
        apply_attributes(violate, Attributes, Attributes(mode=0o600), AttemptResult())


def test_directories_are_made_from_the_outside_in() -> None:
    job = Job()
    job.run(to=b"/out/x/y/a", create_directories=True)
    assert job.target.content(b"/out/x/y/a") == CONTENT


def test_a_file_that_is_moved_away_after_its_close_has_its_own_code() -> None:
    job = Job(old=b"old")

    def take_it(name: str, path: bytes) -> None:
        if name == "digest":
            job.target.files.pop(path, None)

    job.target.on_call = take_it
    error = job.fails()
    assert (error.code, "moved or removed" in error.cause) == ("publish_failed", True)
