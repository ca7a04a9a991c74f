# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The partial file: created, kept or removed, and renamed to the final name."""

from __future__ import annotations

import hashlib
import stat

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import (
    BackhaulError,
    IntegrityError,
    LinkError,
    RemoteError,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.partial_file import (
    Orphan,
    PartialFile,
    remove_orphan,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.writer_watch import OtherRunFinished
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import (
    UNANSWERED,
    UNHEARD,
    MemoryFiles,
    MemoryServer,
    MemoryWriter,
    runtime,
)

FINAL = b"/out/db.tar"


class Scene:
    """A server, a partial file on it, and its orphans."""

    def __init__(self, **server: object) -> None:
        self.server = MemoryServer(**server)  # type: ignore[arg-type]
        self.left: list[Orphan] = []

    def partial(self) -> PartialFile:
        return PartialFile(MemoryFiles(self.server), FINAL, token=runtime().token, left_behind=self.left)

    def publish(self, *, replacing: bool) -> PartialFile:
        with self.partial() as partial:
            with partial.create() as writer:
                writer.write(0, b"new")
                partial.seen = writer.attributes()
            partial.publish(replacing=replacing)
        return partial


def test_a_partial_file_is_hidden_private_and_beside_its_final_name() -> None:
    here = Scene()
    with here.partial() as partial:
        partial.create()
        assert partial.path.startswith(b"/out/.backhaul-")
        assert stat.S_IMODE(here.server.files[partial.path].mode) == 0o600
        assert partial.publishing is False
    assert here.server.files == {}


def test_a_name_that_is_taken_is_left_alone_and_another_is_tried() -> None:
    here = Scene()
    taken = b"/out/.backhaul-0000000000000000-db.tar.part"
    here.server.links[taken] = b"/etc/passwd"
    with here.partial() as partial:
        partial.create()
        assert partial.path != taken
    assert taken in here.server.links


def test_names_that_are_always_taken_are_an_error() -> None:
    here = Scene(wrong={"create": "already_exists"})
    with pytest.raises(RemoteError) as caught, here.partial() as partial:
        partial.create()
    assert caught.value.code == "already_exists"
    assert len(here.server.calls) == 3
    assert here.left == []


@pytest.mark.parametrize("can_replace", [True, False])
@pytest.mark.parametrize("old", [None, b"old"])
def test_publishing_leaves_the_new_file_alone_under_the_final_name(old: bytes | None, can_replace: bool) -> None:
    here = Scene(can_replace=can_replace)
    if old is not None:
        here.server.put(FINAL, old)
    partial = here.publish(replacing=old is not None)
    assert {path: here.server.content(path) for path in here.server.files} == {FINAL: b"new"}
    assert partial.publishing is True
    assert here.left == []


@pytest.mark.parametrize("call", ["rename", "replace"])
@pytest.mark.parametrize("can_replace", [True, False])
def test_a_rename_that_is_refused_leaves_what_was_there(call: str, can_replace: bool) -> None:
    here = Scene(can_replace=can_replace, wrong={call: "permission_denied"})
    here.server.put(FINAL, b"old")
    if (call == "replace") is not can_replace:
        return
    with pytest.raises(BackhaulError) as caught:
        here.publish(replacing=True)
    assert (caught.value.code, caught.value.details["refused"]) == ("publish_failed", "permission_denied")
    assert {path: here.server.content(path) for path in here.server.files} == {FINAL: b"old"}


def test_a_file_that_appeared_meanwhile_is_not_overwritten() -> None:
    here = Scene()
    with pytest.raises(RemoteError) as caught, here.partial() as partial:
        partial.create()
        here.server.put(FINAL, b"theirs")
        partial.publish(replacing=False)
    assert (caught.value.code, caught.value.path) == ("already_exists", FINAL)
    assert here.server.content(FINAL) == b"theirs"
    assert here.server.ours() == []


def test_without_replace_a_refused_second_rename_restores_the_old_file() -> None:
    here = Scene(can_replace=False)
    here.server.put(FINAL, b"old")
    seen = 0

    def refuse_the_second(name: str, path: bytes) -> None:
        nonlocal seen
        seen += name == "rename"
        if seen == 2 and name == "rename":
            raise RemoteError("permission_denied", "no", path=path)

    here.server.on_call = refuse_the_second
    with pytest.raises(BackhaulError) as caught:
        here.publish(replacing=True)
    assert caught.value.code == "publish_failed"
    assert {path: here.server.content(path) for path in here.server.files} == {FINAL: b"old"}


@pytest.mark.parametrize("failure", [UNHEARD, UNANSWERED])
def test_after_a_lost_connection_the_files_that_may_remain_are_listed(failure: str) -> None:
    here = Scene()
    here.server.fault(1, failure)
    with pytest.raises(LinkError), here.partial() as partial:
        partial.create()
    assert here.left == [Orphan(b"/out/.backhaul-0000000000000000-db.tar.part", only_if_empty=True)]
    remove_orphan(MemoryFiles(here.server), here.left[0])
    assert here.server.files == {}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({b"/backup": b"old"}, {b"/f": b"old"}),
        ({b"/f": b"new"}, {b"/f": b"new"}),
        ({}, {}),
    ],
)
def test_a_backup_is_restored_unless_the_final_name_is_taken(
    files: dict[bytes, bytes], expected: dict[bytes, bytes]
) -> None:
    server = MemoryServer()
    for path, content in files.items():
        server.put(path, content)
    remove_orphan(MemoryFiles(server), Orphan(b"/backup", restore_to=b"/f"))
    assert {path: server.content(path) for path in server.files} == expected


def test_a_backup_that_was_never_made_is_no_error() -> None:
    """The rename never arrived. asyncssh checks the target before the source, and so reports that it exists."""
    server = MemoryServer()
    server.put(b"/f", b"old")

    def look_at_the_target_first(name: str, path: bytes) -> None:
        if name == "rename":
            raise RemoteError("already_exists", "there is something of that name already", path=b"/f")

    server.on_call = look_at_the_target_first
    remove_orphan(MemoryFiles(server), Orphan(b"/backup", restore_to=b"/f", sha256=hashlib.sha256(b"new").hexdigest()))
    assert server.content(b"/f") == b"old"


@pytest.mark.parametrize(("there", "removed"), [(b"new", True), (b"half of another upload", False)])
def test_a_backup_is_removed_only_when_this_runs_copy_has_the_final_name(there: bytes, removed: bool) -> None:
    server = MemoryServer()
    server.put(b"/backup", b"old")
    server.put(b"/f", there)
    left = Orphan(b"/backup", restore_to=b"/f", sha256=hashlib.sha256(b"new").hexdigest())
    if removed:
        remove_orphan(MemoryFiles(server), left)
    else:
        with pytest.raises(RemoteError) as caught:
            remove_orphan(MemoryFiles(server), left)
        assert caught.value.code == "already_exists"
    assert (b"/backup" in server.files) is not removed
    assert server.content(b"/f") == there


class _Garbling(MemoryFiles):
    """Does each request and sends a reply that breaks the protocol."""

    def create(self, path: bytes, *, mode: int) -> MemoryWriter:
        super().create(path, mode=mode)
        raise RemoteError("protocol_violation", "what was that?")

    def replace(self, source: bytes, target: bytes) -> None:
        super().replace(source, target)
        raise RemoteError("protocol_violation", "what was that?")


def test_a_partial_file_that_may_exist_after_a_garbled_reply_is_listed() -> None:
    left: list[Orphan] = []
    with PartialFile(_Garbling(MemoryServer()), FINAL, token=runtime().token, left_behind=left) as partial:
        with pytest.raises(RemoteError, match="what was that"):
            partial.create_to_be_found("0123456789abcdef")
        assert left == [Orphan(partial.path_for("0123456789abcdef"), only_if_empty=True)]


def test_a_rename_with_a_garbled_reply_may_have_been_done() -> None:
    server = MemoryServer()
    partial = PartialFile(_Garbling(server), FINAL, token=runtime().token, left_behind=[])
    MemoryFiles(server).create(partial.path_for("0123456789abcdef"), mode=0o600)
    with pytest.raises(RemoteError, match="what was that"), partial:
        partial.reopen("0123456789abcdef")
        partial.publish(replacing=True)
    assert partial.publishing is True
    assert list(server.files) == [FINAL]


def test_a_replace_that_turns_out_to_be_unsupported_makes_a_backup() -> None:
    here = Scene(wrong={"replace": "unsupported"})
    here.server.put(FINAL, b"old")
    here.publish(replacing=True)
    assert {path: bytes(node.content) for path, node in here.server.files.items()} == {FINAL: b"new"}
    assert here.left == []


def written(here: Scene, partial: PartialFile) -> None:
    with partial.create_to_be_found("0123456789abcdef") as writer:
        writer.write(0, b"new")
        partial.seen = writer.attributes()


@pytest.mark.parametrize(
    ("content", "uid", "error"),
    [
        (b"new", 1, None),
        (b"other", 1, OtherRunFinished),  # another run's of this account
        (b"new", 7, IntegrityError),
        (None, 0, OtherRunFinished),
    ],
)
def test_the_file_of_the_temporary_name_must_be_the_one_that_was_written(
    content: bytes | None, uid: int, error: type[Exception] | None
) -> None:
    here = Scene()
    with here.partial() as partial:
        written(here, partial)
        path = partial.path
        if content is None:
            del here.server.files[path]
        else:
            here.server.put(path, content, uid=uid, mode=stat.S_IFREG | 0o600)
        if error is None:
            assert partial.named().size == 3
            return
        with pytest.raises(error):
            partial.named()
    assert here.server.content(path) == content, "what is not ours was removed"


def test_a_link_of_the_temporary_name_is_not_published() -> None:
    here = Scene()
    with pytest.raises(IntegrityError) as caught, here.partial() as partial:
        written(here, partial)
        here.server.links[partial.path] = b"/out/elsewhere"
        partial.named()
    assert caught.value.code == "publish_failed"


@pytest.mark.parametrize("replacing", [True, False])
def test_another_users_file_that_was_published_is_detected(replacing: bool) -> None:
    here = Scene()
    if replacing:
        here.server.put(FINAL, b"old")

    def swap(name: str, path: bytes) -> None:
        if name in ("rename", "replace"):
            here.server.put(path, b"new", uid=7)

    here.server.on_call = swap
    with pytest.raises(IntegrityError) as caught:
        here.publish(replacing=replacing)
    assert (caught.value.code, caught.value.path) == ("publish_failed", FINAL)


def test_a_refused_lstat_after_the_rename_is_no_failure() -> None:
    here = Scene()

    def refuse(name: str, path: bytes) -> None:
        if name == "attributes" and path == FINAL:
            raise RemoteError("permission_denied", "no")

    here.server.on_call = refuse
    assert here.publish(replacing=False).publishing is True


def test_a_garbled_lstat_after_the_rename_leaves_in_doubt_what_was_published() -> None:
    here = Scene()

    def garble(name: str, path: bytes) -> None:
        if name == "attributes" and path == FINAL:
            raise RemoteError("protocol_violation", "what was that?")

    here.server.on_call = garble
    with pytest.raises(RemoteError, match="what was that"):
        here.publish(replacing=False)
    assert list(here.server.files) == [FINAL]


def test_a_backup_that_was_exchanged_is_not_restored() -> None:
    here = Scene(can_replace=False)
    here.server.put(FINAL, b"old")
    planted: list[bytes] = []

    def plant(name: str, path: bytes) -> None:
        if name == "rename" and path != FINAL:
            planted.extend(other for other in here.server.files if other not in (path, FINAL))
            here.server.put(planted[0], b"planted", uid=7)
            raise RemoteError("permission_denied", "no")

    here.server.on_call = plant
    with pytest.raises(BackhaulError):
        here.publish(replacing=True)
    assert FINAL not in here.server.files
    assert [left.path for left in here.left] == planted[:1]
