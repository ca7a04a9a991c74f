# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the port about attributes, directories, removal and renaming."""

from __future__ import annotations

import contextlib
import os
import stat

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.tests.contract.subjects import Subject


def test_attributes_have_size_mode_owner_and_time(subject: Subject) -> None:
    path = subject.put(b"file", b"12345", mode=0o640)
    os.utime(subject.local(b"file"), (1_111_111_111, 1_222_222_222))
    attributes = subject.files.attributes(path, follow=True)
    owner = subject.folder.stat()
    assert attributes == Attributes(
        size=5,
        mode=stat.S_IFREG | 0o640,
        uid=owner.st_uid,
        gid=owner.st_gid,
        atime=1_111_111_111,
        mtime=1_222_222_222,
    )


def test_a_sparse_file_of_five_gigabytes_has_its_size(subject: Subject) -> None:
    path = subject.put(b"file")
    os.truncate(subject.local(b"file"), 5 * 2**30)
    assert subject.files.attributes(path, follow=True).size == 5 * 2**30


def test_links_are_followed_only_when_asked(following_subject: Subject) -> None:
    subject = following_subject
    subject.put(b"file", b"12345")
    link = subject.put_link(b"link", b"file")
    assert subject.files.attributes(link, follow=True).kind == "file"
    seen = "file" if subject.case.resolves_links else "link"
    assert subject.files.attributes(link, follow=False).kind == seen


def test_a_dangling_link_exists_and_its_target_does_not(following_subject: Subject) -> None:
    subject = following_subject
    link = subject.put_link(b"link", b"nowhere")
    assert subject.files.attributes(link, follow=False).kind == "link"
    with pytest.raises(RemoteError) as caught:
        subject.files.attributes(link, follow=True)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("follow", [True, False])
def test_a_missing_file_is_not_found_and_the_error_has_the_path(subject: Subject, follow: bool) -> None:
    with pytest.raises(RemoteError) as caught:
        subject.files.attributes(subject.path(b"missing"), follow=follow)
    assert caught.value.code == "not_found"
    assert caught.value.path == subject.path(b"missing")


def test_file_types_are_distinguished(subject: Subject) -> None:
    directory, file = subject.put_directory(b"directory"), subject.put(b"file")
    os.mkfifo(subject.local(b"fifo"))
    kinds = [subject.files.attributes(path, follow=False).kind for path in (directory, file, subject.path(b"fifo"))]
    assert kinds == ["directory", "file", "other"]


def test_mode_and_times_are_set_and_the_rest_stays(subject: Subject) -> None:
    path = subject.put(b"file", b"content", mode=0o600)
    if subject.denies("setstat"):
        with pytest.raises(RemoteError) as caught:
            subject.files.set_attributes(path, Attributes(mode=0o644), follow=True)
        assert caught.value.code == "permission_denied"
        return
    subject.files.set_attributes(path, Attributes(mode=0o644, atime=1_000_000_001, mtime=1_000_000_002), follow=True)
    status = os.stat(subject.local(b"file"))
    assert stat.S_IMODE(status.st_mode) == 0o644
    assert (int(status.st_atime), int(status.st_mtime)) == (1_000_000_001, 1_000_000_002)
    assert subject.content(b"file") == b"content"


def test_setting_the_modification_time_alone_works(subject: Subject) -> None:
    if subject.denies("setstat"):
        pytest.skip("the server is configured to refuse it")
    path = subject.put(b"file")
    subject.files.set_attributes(path, Attributes(mtime=1_000_000_002), follow=True)
    assert int(os.stat(subject.local(b"file")).st_mtime) == 1_000_000_002


def test_attributes_are_set_through_links(following_subject: Subject) -> None:
    subject = following_subject
    if subject.denies("setstat"):
        pytest.skip("the server is configured to refuse it")
    subject.put(b"file", mode=0o600)
    subject.files.set_attributes(subject.put_link(b"link", b"file"), Attributes(mode=0o640), follow=True)
    assert stat.S_IMODE(os.stat(subject.local(b"file")).st_mode) == 0o640
    assert os.path.islink(subject.local(b"link"))


def test_without_following_a_link_its_target_stays_as_it_is(following_subject: Subject) -> None:
    subject = following_subject
    if subject.case.resolves_links:
        pytest.skip("this server resolves links in every path")
    subject.put(b"file", mode=0o600)
    with contextlib.suppress(RemoteError):
        subject.files.set_attributes(
            subject.put_link(b"link", b"file"), Attributes(mode=0o640, mtime=1_000_000_002), follow=False
        )
    status = os.stat(subject.local(b"file"))
    assert (stat.S_IMODE(status.st_mode), status.st_mtime == 1_000_000_002) == (0o600, False)


@pytest.mark.parametrize("for_writing", [False, True])
def test_attributes_are_set_through_a_handle_and_the_content_stays(subject: Subject, for_writing: bool) -> None:
    path = subject.put(b"file", b"content", mode=0o600)
    with subject.files.open_attributes(path, for_writing=for_writing) as handle:
        assert handle.attributes().is_unchanged_in(subject.files.attributes(path, follow=False))
        if subject.denies("fsetstat"):
            with pytest.raises(RemoteError) as caught:
                handle.set_attributes(Attributes(mode=0o640))
            assert caught.value.code == "permission_denied"
            return
        handle.set_attributes(Attributes(mode=0o640, atime=1_000_000_001, mtime=1_000_000_002))
        assert (handle.attributes().permissions, handle.attributes().mtime) == (0o640, 1_000_000_002)
    status = os.stat(subject.local(b"file"))
    assert (stat.S_IMODE(status.st_mode), int(status.st_mtime)) == (0o640, 1_000_000_002)
    assert subject.content(b"file") == b"content"


@pytest.mark.parametrize("kind", ["directory", "fifo", "link", "nothing"])
def test_only_a_regular_file_is_opened_for_its_attributes(following_subject: Subject, kind: str) -> None:
    subject = following_subject
    if kind == "link" and subject.case.resolves_links:
        pytest.skip("this server resolves links in every path")
    if kind == "directory":
        subject.put_directory(b"it")
    elif kind == "fifo":
        os.mkfifo(subject.local(b"it"))
    elif kind == "link":
        subject.put(b"file")
        subject.put_link(b"it", b"file")
    with pytest.raises(RemoteError):
        subject.files.open_attributes(subject.path(b"it"))


def test_the_owner_can_be_set_if_the_account_is_allowed_to(subject: Subject) -> None:
    if subject.denies("setstat"):
        pytest.skip("the server is configured to refuse it")
    path = subject.put(b"file")
    owner = subject.folder.stat()
    uid, gid = (1234, 5678) if owner.st_uid == 0 else (owner.st_uid, owner.st_gid)
    subject.files.set_attributes(path, Attributes(uid=uid, gid=gid), follow=True)
    status = os.stat(subject.local(b"file"))
    assert (status.st_uid, status.st_gid) == (uid, gid)


def test_a_directory_is_created_with_its_mode_or_less_and_removed(subject: Subject) -> None:
    path = subject.path(b"new")
    subject.files.make_directory(path, mode=0o750)
    status = os.stat(subject.local(b"new"))
    assert stat.S_ISDIR(status.st_mode)
    assert stat.S_IMODE(status.st_mode) & ~0o750 == 0
    subject.files.remove_directory(path)
    assert subject.names() == set()


@pytest.mark.parametrize("by", ["file", "directory", "dangling-link"])
def test_make_directory_raises_already_exists(subject: Subject, by: str) -> None:
    make = {"file": subject.put, "directory": subject.put_directory}
    path = make[by](b"taken") if by in make else subject.put_link(b"taken", b"nowhere")
    with pytest.raises(RemoteError) as caught:
        subject.files.make_directory(path, mode=0o700)
    assert caught.value.code == "already_exists"
    assert caught.value.path == path


def test_make_directory_makes_only_one(subject: Subject) -> None:
    with pytest.raises(RemoteError) as caught:
        subject.files.make_directory(subject.path(b"missing/new"), mode=0o700)
    assert caught.value.code == "not_found"
    assert subject.names() == set()


def test_only_an_empty_directory_is_removed(subject: Subject) -> None:
    path = subject.put_directory(b"directory")
    subject.put(b"directory/file")
    with pytest.raises(RemoteError):
        subject.files.remove_directory(path)
    assert subject.names() == {b"directory"}


def test_remove_directory_refuses_files_and_a_missing_one_is_not_found(subject: Subject) -> None:
    with pytest.raises(RemoteError):
        subject.files.remove_directory(subject.put(b"file"))
    assert subject.names() == {b"file"}
    with pytest.raises(RemoteError) as caught:
        subject.files.remove_directory(subject.path(b"missing"))
    assert caught.value.code == "not_found"


def test_remove_removes_a_file(subject: Subject) -> None:
    subject.put(b"other")
    subject.files.remove(subject.put(b"file"))
    assert subject.names() == {b"other"}


def test_remove_removes_a_link_and_not_its_target(subject: Subject) -> None:
    subject.put(b"file")
    subject.files.remove(subject.put_link(b"link", b"file"))
    subject.files.remove(subject.put_link(b"dangling", b"nowhere"))
    assert subject.names() == {b"file"}


def test_remove_never_removes_a_directory(subject: Subject) -> None:
    path = subject.put_directory(b"directory")
    with pytest.raises(RemoteError):
        subject.files.remove(path)
    assert subject.names() == {b"directory"}


def test_remove_of_nothing_is_not_found_and_carries_the_path(subject: Subject) -> None:
    with pytest.raises(RemoteError) as caught:
        subject.files.remove(subject.path(b"missing"))
    assert caught.value.code == "not_found"
    assert caught.value.path == subject.path(b"missing")


def test_rename_moves_a_file(subject: Subject) -> None:
    subject.files.rename(subject.put(b"old", b"content"), subject.path(b"new"))
    assert subject.names() == {b"new"}
    assert subject.content(b"new") == b"content"


def test_rename_moves_into_another_directory(subject: Subject) -> None:
    subject.put_directory(b"directory")
    subject.files.rename(subject.put(b"old", b"content"), subject.path(b"directory/new"))
    assert subject.names() == {b"directory"}
    assert subject.content(b"directory/new") == b"content"


def test_rename_moves_a_directory(subject: Subject) -> None:
    path = subject.put_directory(b"old")
    subject.put(b"old/file")
    subject.files.rename(path, subject.path(b"new"))
    assert subject.names() == {b"new"}
    assert os.path.exists(subject.local(b"new/file"))


def test_rename_moves_a_link_and_not_its_target(subject: Subject) -> None:
    if subject.case.resolves_links:
        pytest.skip("this server resolves links before it renames")
    subject.put(b"file")
    subject.files.rename(subject.put_link(b"link", b"file"), subject.path(b"new"))
    assert os.readlink(subject.local(b"new")) == b"file"
    assert subject.names() == {b"file", b"new"}


@pytest.mark.parametrize("by", ["file", "directory", "dangling-link", "itself"])
def test_rename_refuses_when_something_is_at_the_target(subject: Subject, by: str) -> None:
    source = subject.put(b"source", b"new")
    make = {"file": lambda: subject.put(b"taken", b"old"), "directory": lambda: subject.put_directory(b"taken")}
    make["dangling-link"] = lambda: subject.put_link(b"taken", b"nowhere")
    make["itself"] = lambda: source
    target = make[by]()
    names = subject.names()
    with pytest.raises(RemoteError) as caught:
        subject.files.rename(source, target)
    assert caught.value.code == "already_exists"
    assert subject.names() == names
    assert subject.content(b"source") == b"new"
    if by == "file":
        assert subject.content(b"taken") == b"old"


def test_rename_of_nothing_is_not_found(subject: Subject) -> None:
    with pytest.raises(RemoteError) as caught:
        subject.files.rename(subject.path(b"missing"), subject.path(b"new"))
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("taken", [True, False])
def test_replace_renames_in_one_step_or_is_unsupported(subject: Subject, taken: bool) -> None:
    source = subject.put(b"source", b"new")
    if taken:
        subject.put(b"target", b"old")
    if not subject.files.features().can_replace:
        with pytest.raises(RemoteError) as caught:
            subject.files.replace(source, subject.path(b"target"))
        assert caught.value.code == "unsupported"
        assert subject.content(b"source") == b"new"
        return
    subject.files.replace(source, subject.path(b"target"))
    assert subject.names() == {b"target"}
    assert subject.content(b"target") == b"new"


def test_replace_replaces_a_link_and_not_its_target(subject: Subject) -> None:
    if subject.case.resolves_links or subject.denies("posix-rename"):
        pytest.skip("this server resolves links before it renames, or is configured to refuse it")
    subject.put(b"file", b"untouched")
    target = subject.put_link(b"link", b"file")
    subject.files.replace(subject.put(b"source", b"new"), target)
    assert not os.path.islink(subject.local(b"link"))
    assert (subject.content(b"link"), subject.content(b"file")) == (b"new", b"untouched")


def test_replace_never_replaces_a_directory(subject: Subject) -> None:
    target = subject.put_directory(b"directory")
    with pytest.raises(RemoteError):
        subject.files.replace(subject.put(b"source", b"new"), target)
    assert os.path.isdir(subject.local(b"directory"))
    assert subject.content(b"source") == b"new"


def test_replace_of_nothing_is_not_found(subject: Subject) -> None:
    if not subject.files.features().can_replace:
        pytest.skip("the server is configured to refuse it")
    with pytest.raises(RemoteError) as caught:
        subject.files.replace(subject.path(b"missing"), subject.put(b"target", b"old"))
    assert caught.value.code == "not_found"
    assert subject.content(b"target") == b"old"
