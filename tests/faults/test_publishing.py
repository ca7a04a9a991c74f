# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that fail when a file is written, closed or published: nothing is changed and nothing is left."""

from __future__ import annotations

import contextlib
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.tests.actors import FAILING_SERVER
from ansible_collections.backhaul.sftp.tests.faults.journey import OLD, Journey
from ansible_collections.backhaul.sftp.tests.lab import SharedLab, start_asyncssh, start_openssh, tiny_disk
from ansible_collections.backhaul.sftp.tests.relay.conftest import Placed
from ansible_collections.backhaul.sftp.tests.relay.scene import MIB, Place

pytestmark = pytest.mark.integration
EVERYTHING = ("posix-rename", "fsync", "setstat", "fsetstat", "lsetstat", "limits", "statvfs")
SMALL = 300 * 1024

StartJourney = t.Callable[..., Journey]


@pytest.fixture
def journey_to_failing_server(source: Place, placed: Placed) -> t.Iterator[StartJourney]:
    """Relay to a server with these options of :class:`failing_server.FailingServer`."""
    with contextlib.ExitStack() as stack:

        def make(*, shell: bool = False, **options: t.Any) -> Journey:
            server = stack.enter_context(start_asyncssh(sftp_class=FAILING_SERVER, options=options, shell=shell))
            return Journey(source, placed(server), size=SMALL)

        yield make


@pytest.mark.parametrize(
    ("option", "says"),
    [
        pytest.param({"fail_write_at": 100_000}, "no room", marks=pytest.mark.fault("writing.write_fails")),
        pytest.param({"fail_close": True}, "noticed late", marks=pytest.mark.fault("writing.close_fails")),
        pytest.param({"fail_sync": True}, "an error", marks=pytest.mark.fault("writing.sync_fails")),
    ],
    ids=["write", "close", "fsync"],
)
def test_what_is_refused_while_writing_leaves_the_old_file(
    source: Place,
    placed: Placed,
    journey_to_failing_server: StartJourney,
    lab: SharedLab,
    option: dict[str, t.Any],
    says: str,
) -> None:
    journey = journey_to_failing_server(**option)
    journey.fails("remote_failure", "no_space", role="destination", says=says, retries=2)
    journey.target = _moved(journey, placed(lab.openssh(variant="internal")))
    journey.recovers()


def _moved(journey: Journey, place: Place) -> Place:
    """Another destination with the same old file: this server keeps failing."""
    (place.folder / "copy").write_bytes(OLD)
    return place


@pytest.mark.fault("writing.disk_full")
@pytest.mark.parametrize("denied", [(), ("statvfs",)], ids=["told", "noticed"])
def test_a_full_disk_leaves_the_old_file(
    source: Place, placed: Placed, lab: SharedLab, denied: tuple[str, ...]
) -> None:
    place = placed(lab.openssh(variant="internal", denied=denied))
    with tiny_disk(place.folder) as disk:
        journey = Journey(source, place, size=2 * MIB)
        report = journey.run(retries=1)
        assert report.bytes_read == 0 or denied
        error = journey.fails("remote_failure" if denied else "no_space", role="destination")
        assert "nothing was" in error.message.lower() or denied
        disk.grow(20 * MIB)
        journey.recovers()


@pytest.mark.fault("writing.disk_full")
@pytest.mark.parametrize("kind", ["openssh", "asyncssh"])
def test_a_limit_on_the_size_of_files_leaves_the_old_file(source: Place, placed: Placed, kind: str) -> None:
    """SIGXFSZ kills sftp-server (setrlimit(2)), which looks like a lost connection; other servers reply FAILURE."""
    start = start_openssh if kind == "openssh" else start_asyncssh
    with start() as server:
        server.limit_files(MIB // 2)
        journey = Journey(source, placed(server), size=MIB)
        error = journey.fails("remote_failure", "link_lost", "no_space", role="destination", retries=1)
        assert error.details["attempts"] == (2 if error.code == "link_lost" else 1)
        server.stop()
        server.start()
        journey.recovers()


@pytest.mark.fault("writing.no_extensions")
@pytest.mark.parametrize(
    ("denied", "not_applied"),
    [
        (("fsync",), {"fsync"}),
        (("posix-rename",), set()),
        (("setstat", "fsetstat"), set()),
        (("setstat", "fsetstat", "lsetstat"), {"mode", "mtime"}),
        (("statvfs", "limits"), set()),
        (EVERYTHING, {"fsync", "mode", "mtime"}),
    ],
    ids=lambda value: "-".join(sorted(value)) or "all",
)
def test_what_a_server_cannot_do_is_said_and_the_copy_is_right(
    source: Place, placed: Placed, lab: SharedLab, denied: tuple[str, ...], not_applied: set[str]
) -> None:
    journey = Journey(source, placed(lab.openssh(variant="internal", denied=denied)), size=SMALL)
    (journey.target.folder / "copy").chmod(0o640)
    os.utime(journey.source.folder / "backup", (1_764_000_000, 1_764_000_000))
    assert set(journey.arrives().not_applied) == not_applied
    (journey.target.folder / "copy").unlink()
    journey.arrives(state="created")


@pytest.mark.fault("writing.no_extensions")
def test_without_posix_rename_the_old_file_comes_back_when_the_new_one_cannot_take_its_name(
    journey_to_failing_server: StartJourney,
) -> None:
    journey = journey_to_failing_server(without_posix_rename=1, renames_before=1, refuse_rename=1)
    journey.fails("publish_failed", role="destination", says="still there")
    journey.recovers()


@pytest.mark.fault("writing.rename_refused")
@pytest.mark.parametrize("without_posix_rename", [0, 1])
def test_a_rename_that_is_refused_leaves_the_old_file(
    journey_to_failing_server: StartJourney, without_posix_rename: int
) -> None:
    journey = journey_to_failing_server(refuse_rename=1, without_posix_rename=without_posix_rename)
    error = journey.fails("publish_failed", role="destination", says="still there", retries=2)
    assert error.details["refused"] == "permission_denied"
    journey.recovers()


@pytest.mark.fault("writing.rename_unanswered")
@pytest.mark.parametrize("without_posix_rename", [0, 1])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rename_without_an_answer_is_looked_up(
    journey_to_failing_server: StartJourney, when: str, without_posix_rename: int
) -> None:
    options = {f"drop_{when}_rename": 1, "without_posix_rename": without_posix_rename}
    outcome = journey_to_failing_server(**options).arrives(retries=2)
    assert outcome.attempts == 2
    assert outcome.changed


@pytest.mark.fault("writing.rename_unanswered")
def test_a_rename_without_an_answer_is_called_uncertain_without_a_retry(
    journey_to_failing_server: StartJourney,
) -> None:
    journey = journey_to_failing_server(drop_after_rename=1)
    (error,) = journey.run().results
    assert isinstance(error, BackhaulError)
    assert (error.code, error.details["may_be_published"]) == ("link_lost", True)
    journey.arrives(state="unchanged")


def _kept_partial_file(journey: Journey) -> Path:
    """Leave a partial file; return its path, which the next run computes too."""
    journey.target.proxy.upstream.cut_at(journey.size // 2)
    journey.fails("link_lost", role="destination", keeps=True)
    (partial,) = journey.target.partial_files()
    return partial


@pytest.mark.fault("writing.planted")
def test_a_temporary_file_is_nobody_elses_business(source: Place, placed: Placed, lab: SharedLab) -> None:
    """The mode is set when the file is created, and does not depend on the server's umask."""
    journey = Journey(source, placed(lab.openssh(sftp_options=("-u", "000"))))
    assert _kept_partial_file(journey).stat().st_mode & 0o777 == 0o600
    journey.recovers()


@pytest.mark.fault("writing.planted")
@pytest.mark.parametrize("planted", ["link", "dangling link", "file", "directory"])
def test_what_waits_under_the_temporary_name_is_never_written_to(journey: Journey, planted: str) -> None:
    partial = _kept_partial_file(journey)
    partial.unlink()
    victim = journey.target.folder.parent / f"victim-{os.getpid()}"
    if planted == "file":
        partial.write_bytes(b"another user's")
        partial.chmod(0o664)
    elif planted == "directory":
        partial.mkdir()
    else:
        partial.symlink_to(victim)
    if planted == "link":
        victim.write_bytes(b"another user's")
    (outcome,) = journey.run().outcomes
    assert outcome.bytes_resumed == 0
    assert journey.target.content() == journey.bytes
    assert partial.is_symlink() == ("link" in planted)
    assert partial.is_dir() or not partial.exists() or partial.read_bytes() == b"another user's"
    assert victim.exists() == (planted == "link")
    victim.unlink(missing_ok=True)


@pytest.mark.fault("writing.read_only")
def test_a_read_only_server_says_so_before_the_source_is_read(source: Place, placed: Placed, lab: SharedLab) -> None:
    journey = Journey(source, placed(lab.openssh(variant="readonly")), size=SMALL)
    report = journey.run(retries=2)
    assert report.bytes_read == 0
    journey.fails("permission_denied", role="destination")


@pytest.mark.fault("writing.lying_digest")
def test_a_server_that_lies_about_its_digest_is_found_by_reading_back(
    journey_to_failing_server: StartJourney, source: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server damages the copy and replies with the digest of the source."""
    liar = tmp_path / "sha256sum"
    liar.write_text(f"#!/bin/sh\nexec /usr/bin/sha256sum -b {source.folder}/backup\n", encoding="ascii")
    liar.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    journey = journey_to_failing_server(shell=True, damage=100)
    journey.fails("digest_mismatch", role="destination", verify="readback")
    assert journey.run(verify="server").outcomes[0].verified_by == "command"
    assert journey.target.content() != journey.bytes, "the server has not lied, and this test says nothing"


@pytest.mark.fault("writing.moved_away")
def test_a_server_that_takes_the_file_away_is_called_that(journey_to_failing_server: StartJourney) -> None:
    journey = journey_to_failing_server(
        remove_written=4
    )  # each task tries twice: at the first try another run may have removed it
    journey.fails("publish_failed", role="destination", says="moved or removed by the server")
    journey.fails("publish_failed", role="destination", verify="acknowledged")
    journey.recovers()
