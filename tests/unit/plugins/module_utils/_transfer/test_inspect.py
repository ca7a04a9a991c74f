# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking before acting: what is relayed, and where to."""

from __future__ import annotations

import stat
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, Digest, RelayOptions, Source, Step
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.checksum import SourceDigest
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.inspect import (
    DestinationInspector,
    blame,
    inspect_source,
    lstat_or_none,
)
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    DESTINATION,
    NOW,
    SOURCE,
    MemoryFiles,
    MemoryServer,
)

HERE = Source(path=b"/in/db.tar", size=2000, mtime=1_700_000_000, mode=0o640)


def code_of(ask: t.Callable[[], object]) -> str:
    with pytest.raises(BackhaulError) as caught:
        ask()
    return caught.value.code


def test_errors_are_located_at_their_end_and_keep_what_they_know() -> None:
    with pytest.raises(RemoteError) as caught, blame(DESTINATION):
        raise RemoteError("not_found", "no")
    assert (caught.value.role, caught.value.host) == ("destination", "destination")
    with pytest.raises(RemoteError) as caught, blame(SOURCE), blame(DESTINATION):
        raise RemoteError("not_found", "no", role="source")
    assert (caught.value.role, caught.value.host) == ("source", "source")


def test_the_source_is_a_regular_file_with_size_and_time() -> None:
    server = MemoryServer()
    server.put(HERE.path, bytes(2000), mode=stat.S_IFREG | 0o640)
    found = inspect_source(MemoryFiles(server), HERE.path, now=NOW)
    assert found == replace(HERE, seen=server.files[HERE.path].attributes())


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (stat.S_IFIFO | 0o600, "invalid_input"),
        (stat.S_IFCHR, "invalid_input"),
        (stat.S_IFSOCK, "invalid_input"),
        (0o644, "invalid_input"),
    ],
)
def test_anything_else_is_refused_as_a_source(mode: int, code: str) -> None:
    server = MemoryServer()
    server.put(HERE.path, b"x", mode=mode)
    assert code_of(lambda: inspect_source(MemoryFiles(server), HERE.path, now=NOW)) == code


@pytest.mark.parametrize("path", [b"/in", b"/in/link"])
def test_directories_and_links_are_refused_as_a_source_even_when_the_link_leads_to_a_file(path: bytes) -> None:
    server = MemoryServer(links={b"/in/link": b"/in/file"})
    server.put(b"/in/file", b"x")
    assert code_of(lambda: inspect_source(MemoryFiles(server), path, now=NOW)) == "invalid_input"


def test_a_missing_source_is_not_found() -> None:
    assert code_of(lambda: inspect_source(MemoryFiles(MemoryServer()), b"/in/x", now=NOW)) == "not_found"


@pytest.mark.parametrize("lacking", [Attributes(mode=stat.S_IFREG, mtime=1), Attributes(mode=stat.S_IFREG, size=1)])
def test_a_source_without_size_or_time_is_suspicious(lacking: Attributes, monkeypatch: pytest.MonkeyPatch) -> None:
    files = MemoryFiles(MemoryServer())
    monkeypatch.setattr(files, "attributes", lambda path, follow: lacking)
    assert code_of(lambda: inspect_source(files, b"/in/x", now=NOW)) == "suspicious"


def examined(server: MemoryServer, base: bytes, **options: t.Any) -> Step:
    digest = SourceDigest(lambda: Digest("sha256", "0" * 64, "check-file"), HERE.path)
    files = MemoryFiles(server)
    step = DestinationInspector(files, DESTINATION, HERE, digest, RelayOptions(**options)).inspect(base)
    assert {name for name, _path in server.calls} <= {"attributes", "digest", "space"}  # nothing was changed
    return step


@pytest.mark.parametrize("base", [b"/out/", b"/out/db.tar", b"/out//", b"/out/./db.tar"])
def test_a_trailing_slash_means_into_this_directory(base: bytes) -> None:
    step = examined(MemoryServer(), base)
    assert (step.action, step.path) == ("create", b"/out/db.tar")


def test_directories_that_are_missing_are_found_from_the_outside_in() -> None:
    step = examined(MemoryServer(), b"/out/a/b/c/", create_directories=True)
    assert step.missing_directories == (b"/out/a", b"/out/a/b", b"/out/a/b/c")


def test_a_missing_directory_is_said_before_anything_is_read() -> None:
    with pytest.raises(RemoteError, match="directory does not exist") as caught:
        examined(MemoryServer(), b"/out/a/b/")
    assert (caught.value.code, caught.value.path) == ("not_found", b"/out/a/b")


def test_a_relative_path_is_looked_up_where_the_account_starts() -> None:
    assert examined(MemoryServer(), b"db.tar").path == b"db.tar"


def test_links_to_directories_are_directories_on_the_way() -> None:
    assert examined(MemoryServer(links={b"/out/link": b"/in"}), b"/out/link/").path == b"/out/link/db.tar"


def test_a_file_on_the_way_is_no_directory() -> None:
    server = MemoryServer()
    server.put(b"/out/file", b"")
    assert code_of(lambda: examined(server, b"/out/file/")) == "invalid_input"


@pytest.mark.parametrize(
    ("base", "code"), [(b"/out", "invalid_input"), (b"/out/link", "unsafe_path"), (b"/out/..", "unsafe_path")]
)
def test_directories_and_links_are_refused_as_a_destination(base: bytes, code: str) -> None:
    server = MemoryServer(links={b"/out/link": b"/out/file"})
    server.put(b"/out/file", b"")
    assert code_of(lambda: examined(server, base)) == code


def test_a_full_file_system_is_said_before_anything_is_read() -> None:
    with pytest.raises(RemoteError) as caught:
        examined(MemoryServer(free_bytes=1999), b"/out/")
    assert (caught.value.code, caught.value.details) == ("no_space", {"needed_bytes": 2000, "free_bytes": 1999})
    assert examined(MemoryServer(free_bytes=2000), b"/out/").action == "create"


def test_space_is_asked_of_the_directory_that_exists() -> None:
    server = MemoryServer(free_bytes=10_000)
    examined(server, b"/out/a/b/", create_directories=True)
    assert [path for name, path in server.calls if name == "space"] == [b"/out"]


def test_space_that_cannot_be_asked_is_no_obstacle() -> None:
    server = MemoryServer()
    server.wrong["space"] = "permission_denied"
    assert examined(server, b"/out/").action == "create"


def test_looking_finds_nothing_or_raises() -> None:
    server = MemoryServer()
    assert lstat_or_none(MemoryFiles(server), b"/out/x") is None
    server.wrong["attributes"] = "permission_denied"
    assert code_of(lambda: lstat_or_none(MemoryFiles(server), b"/out/x")) == "permission_denied"
