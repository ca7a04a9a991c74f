# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that list without end, end the session at a request, or refuse what they announce."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._module import pattern_time
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp import extensions, listing
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import (
    USUAL_EXTENSIONS,
    File,
    Honest,
    Request,
    attrs,
    names,
    packet,
    text,
    u32,
)
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.places import CONTENT, FakePlace, Scene
from ansible_collections.backhaul.sftp.tests.lab import Server, start_openssh
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of

LONG = 100_000
KINDS = {"files": sftp.REGULAR, "directories": sftp.DIRECTORY, "links": 0o120000}
CHECK_FILE = b"check-file-name"
HASHING = {**USUAL_EXTENSIONS, CHECK_FILE: b""}


def endless(place: FakePlace, name: t.Callable[[int], bytes], *, kind: int = sftp.REGULAR) -> None:
    """Let the fake list entries without end."""
    place.fake.directories.add(b"/in")
    numbers = itertools.count()

    def answer(request: Request, honest: Honest) -> list[bytes]:
        return [names(request.id, [(name(next(numbers)), attrs(10, kind | 0o755, 1_700_000_000))])]

    place.fake.on(sftp.READDIR, answer)


@pytest.mark.fault("odd.long_names")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_names_of_hundreds_of_kilobytes(origin: FakePlace, target: FakePlace, kind: int) -> None:
    endless(origin, lambda number: b"%d" % number + b"n" * LONG, kind=kind)
    for result in (
        task.find(origin.end(b"in")),
        task.find(origin.end(b"in"), limit=1, recurse=True),
        task.relay(origin.end(b"in/"), target.end(b"out/"), create_directories=True),
    ):
        assert result.code == "protocol_violation"
        assert "a name of 10000" in result.error["message"]
    assert target.files() == {}


@pytest.mark.fault("odd.long_names")
def test_names_that_are_just_short_enough_without_an_end(origin: FakePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_ENTRIES", 500)
    endless(origin, lambda number: b"%d" % number + b"n" * 1000)
    assert task.find(origin.end(b"in")).code == "protocol_violation"


@pytest.mark.fault("odd.slow_listing")
def test_a_listing_that_trickles(origin: FakePlace, target: FakePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit is lowered, so that a usual server exceeds it."""
    monkeypatch.setattr(listing, "SECONDS_PER_ENTRY", 0.0)
    monkeypatch.setattr(listing, "SECONDS_PER_DIRECTORY", 0.0)
    endless(origin, lambda number: b"%d" % number)
    for result in (
        task.find(origin.end(b"in", operation_timeout=1)),
        task.relay(origin.end(b"in/", operation_timeout=1), target.end(b"out/"), create_directories=True),
    ):
        assert result.code == "timed_out"
        assert "to list what it has listed so far" in result.error["message"]


@pytest.mark.fault("odd.slow_pattern")
def test_a_name_on_which_a_pattern_takes_for_ever(origin: FakePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_time, "SECONDS_PER_NAME", 0.1)
    origin.put(b"a" * 200 + b"!", CONTENT)
    result = task.find(origin.end(), patterns=["(a+)+"], use_regex=True)
    assert (result.code, result.error["details"]["option"]) == ("invalid_input", "patterns")
    origin.fake.files.clear()
    origin.put(b"a" * 1000 + b"!", CONTENT)
    origin.put(b"aaa", CONTENT)
    found = task.find(origin.end(), patterns=["(a+)+"], use_regex=True)
    assert [entry["name"] for entry in found.value["files"]] == ["aaa"]
    assert [entry["reason"] for entry in found.value["passed_over"]] == ["name_too_long"]


def ends_session_at(place: FakePlace, extension: bytes) -> None:
    """Let the fake end a session at this request, as Erlang's server does at unknown ones."""

    def asked(request: Request) -> bool:
        return request.kind == sftp.EXTENDED and request.text() == extension

    place.fake.ends_at = asked


@pytest.mark.fault("odd.session_ends")
def test_what_is_not_announced_is_not_asked_for(origin: FakePlace, target: FakePlace) -> None:
    for place in (origin, target):
        ends_session_at(place, CHECK_FILE)
    scene = Scene(origin, target)
    assert scene.succeeds().entry["verified_by"] == "readback"
    assert not scene.relay().value["changed"]
    assert task.find(origin.end(), checksum="sha256").value["files"][0]["checksum_by"] == "readback"


@pytest.mark.fault("odd.session_ends")
@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize("extension", [*HASHING])
def test_a_session_that_ends_at_what_was_announced(
    origin: FakePlace, target: FakePlace, extension: bytes, role: str
) -> None:
    place = origin if role == "source" else target
    place.fake.extensions = HASHING
    ends_session_at(place, extension)
    result = Scene(origin, target).succeeds(retries=0)
    assert result.entry["attempts"] == 1
    asked = [request.body for request in place.fake.requests if request.kind == sftp.EXTENDED]
    assert sum(body.startswith(text(extension)) for body in asked) <= 1


@pytest.mark.fault("odd.session_ends")
def test_a_request_that_ended_a_session_is_named_in_a_warning(origin: FakePlace) -> None:
    origin.fake.extensions = HASHING
    ends_session_at(origin, CHECK_FILE)
    origin.put(b"a", CONTENT)
    answer = task.answer_of_find(origin.end(), checksum="sha256")
    assert answer.result["files"][0]["checksum_by"] == "readback"
    (warning,) = [warning for warning in answer.warnings if "check-file-name" in warning]
    assert "not asked for it again" in warning


@pytest.mark.fault("odd.session_ends")
def test_many_files_over_several_sessions(origin: FakePlace, target: FakePlace) -> None:
    """A reopened session uses no retry, and all sessions share what was learned of the server."""
    target.fake.extensions = HASHING
    ends_session_at(target, CHECK_FILE)
    origin.fake.directories.add(b"/in")
    target.fake.directories.add(b"/out")
    for number in range(40):
        origin.put(b"in/%d" % number, CONTENT)
    result = task.relay(origin.end(b"in/"), target.end(b"out/"), create_directories=True)
    assert not result.error, result
    assert set(target.files().values()) == {CONTENT}


@pytest.mark.fault("odd.refused_extension")
@pytest.mark.parametrize("extension", [*HASHING])
def test_an_extension_that_is_announced_and_unsupported_is_not_there(
    origin: FakePlace, target: FakePlace, extension: bytes
) -> None:
    target.fake.extensions = HASHING

    def answer(request: Request, honest: Honest) -> list[bytes]:
        if request.text() == extension:
            return [sftp.status(request.id, sftp.UNSUPPORTED, b"not here")]
        if extension != CHECK_FILE:
            request.position = 0
            if request.text() == CHECK_FILE:
                return [sftp.status(request.id, sftp.FAILURE)]
        return honest()

    target.fake.on(sftp.EXTENDED, answer)
    result = Scene(origin, target).succeeds()
    assert ("fsync" in result.entry["not_applied"]) is (extension == b"fsync@openssh.com")


@pytest.mark.fault("odd.claimed_size")
def test_a_small_file_that_claims_a_terabyte_is_not_waited_for(origin: FakePlace) -> None:
    """The server never answers check-file: only the timeout computed from the size would end the wait."""
    origin.fake.extensions = HASHING
    origin.fake.files[b"/a"] = File(bytearray(CONTENT))
    said = attrs(10**12, sftp.REGULAR | 0o644, 1_700_000_000)
    origin.fake.on(sftp.STAT, lambda request, honest: [packet(sftp.ATTRS, u32(request.id) + said)])
    origin.fake.on(sftp.EXTENDED, lambda request, honest: [], after=1)
    found = task.find(origin.end(), checksum="sha256")
    assert found.value["files"][0]["checksum"] == hashlib.sha256(CONTENT).hexdigest()
    assert found.value["files"][0]["checksum_by"] == "readback"


@pytest.mark.fault("odd.hanging_digest")
def test_a_digest_that_never_comes_is_given_up_once(origin: FakePlace, target: FakePlace) -> None:
    target.fake.extensions = HASHING

    def answer(request: Request, honest: Honest) -> list[bytes]:
        return [] if request.text() == CHECK_FILE else honest()

    target.fake.on(sftp.EXTENDED, answer)
    scene = Scene(origin, target, waiting=dict(task.SHORT_TIMEOUTS))
    assert scene.succeeds(retries=0).entry["verified_by"] == "readback"
    asked = [request.body for request in target.fake.requests if request.kind == sftp.EXTENDED]
    assert sum(body.startswith(text(CHECK_FILE)) for body in asked) == 1


@pytest.mark.fault("odd.dead_while_hashing")
@pytest.mark.integration
def test_a_server_that_dies_while_a_command_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing a sparse terabyte takes hours; the timeout computed from the size alone would be a day."""
    monkeypatch.setattr(extensions, "PROBE_SECONDS", 0.3)
    with start_openssh() as server:
        path = server.root / "huge"
        path.touch()
        os.truncate(path, 10**12)
        stopping = threading.Thread(target=_stop_once_it_hashes, args=(server,), daemon=True)
        stopping.start()
        end = endpoint_of(
            server, path=server.remote_path(server.root), remote_checksum="command", **task.SHORT_TIMEOUTS
        )
        result = task.find(end, checksum="sha256")
        server.resume_sessions()
        stopping.join()
    assert (result.code, result.error["path"]) == ("timed_out", str(path))


def _stop_once_it_hashes(server: Server) -> None:
    while not any(b"dgst" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in server.session_pids()):
        time.sleep(0.05)
    server.pause_sessions()
