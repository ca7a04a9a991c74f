# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the port about paths, names and listings."""

from __future__ import annotations

import os

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, RemoteError
from ansible_collections.backhaul.sftp.tests.contract.subjects import Subject

AWKWARD_NAMES = {
    "newline": b"new\nline",
    "carriage-return": b"a\rb",
    "escape": b"\x1b[31mred\x1b]0;title\x07",
    "control": b"\x01\x7f",
    "bidi": "abc\u202egpj.exe".encode(),
    "not-utf-8": b"caf\xe9-\xff\xfe\x80",
    "255-bytes": b"n" * 255,
    "255-bytes-of-utf-8": "\u00e9".encode() * 127 + b"n",
    "leading-dash": b"-rf",
    "two-dashes": b"--",
    "tilde": b"~",
    "tilde-root": b"~root",
    "glob": b"*[a-z]?{b,c}",
    "shell": b"a;touch b|c&d>e<f",
    "substitution": b"$(touch x)`touch y`${HOME}",
    "quotes": b"'\"'\"",
    "backslash": b"back\\slash\\n",
    "blanks": b" leading and trailing ",
    "tab": b"tab\tbed",
    "format": b"%s%n{0}",
    "template": b"{{ 7 * 7 }}",
    "three-dots": b"...",
    "hidden": b".hidden",
}


@pytest.mark.parametrize("name", AWKWARD_NAMES.values(), ids=AWKWARD_NAMES)
def test_a_name_is_never_interpreted(plain_subject: Subject, name: bytes) -> None:
    path, content = plain_subject.path(name), os.urandom(1000)
    with plain_subject.files.create(path, mode=0o600) as writer:
        writer.write(0, content)
        writer.close()
    assert plain_subject.names() == {name}
    assert [entry.name for entry in plain_subject.files.entries(plain_subject.visible_folder)] == [name]
    assert plain_subject.files.attributes(path, follow=False).size == 1000
    with plain_subject.files.open_reader(path) as reader:
        assert b"".join(map(bytes, reader.blocks())) == content
    plain_subject.files.rename(path, plain_subject.path(b"plain"))
    plain_subject.files.rename(plain_subject.path(b"plain"), path)
    assert plain_subject.names() == {name}
    plain_subject.files.remove(path)
    assert plain_subject.names() == set()


def test_a_name_of_256_bytes_is_refused(subject: Subject) -> None:
    with pytest.raises(RemoteError):
        subject.files.create(subject.path(b"n" * 256), mode=0o600)
    assert subject.names() == set()


def test_a_nul_byte_is_refused_and_the_session_stays_usable(subject: Subject) -> None:
    path = subject.put(b"file", b"12345")
    with pytest.raises(BackhaulError) as caught:
        subject.files.attributes(path + b"\0", follow=True)
    assert not isinstance(caught.value, LinkError)
    assert subject.files.attributes(path, follow=True).size == 5


def test_a_listing_has_every_entry_once_without_the_dots(subject: Subject) -> None:
    names = {b"file-%04d-%s" % (number, b"x" * 40) for number in range(3000)}
    for name in names:
        subject.put(name)
    listed = [entry.name for entry in subject.files.entries(subject.visible_folder)]
    assert len(listed) == len(names)
    assert set(listed) == names


def test_a_listing_has_the_attributes_of_its_entries_without_following_links(subject: Subject) -> None:
    subject.put(b"file", b"12345")
    subject.put_directory(b"directory")
    subject.put_link(b"link", b"nowhere")
    kinds = {entry.name: entry.attributes.kind for entry in subject.files.entries(subject.visible_folder)}
    sizes = {entry.name: entry.attributes.size for entry in subject.files.entries(subject.visible_folder)}
    assert kinds == {b"file": "file", b"directory": "directory", b"link": "link"}
    assert sizes[b"file"] == 5


def test_an_empty_directory_has_no_entries(subject: Subject) -> None:
    assert list(subject.files.entries(subject.visible_folder)) == []


def test_a_listing_can_be_stopped_in_the_middle_and_the_session_stays_usable(plain_subject: Subject) -> None:
    for number in range(500):
        plain_subject.put(b"file-%d" % number)
    for _attempt in range(3):
        listing = plain_subject.files.entries(plain_subject.visible_folder)
        next(listing)
        del listing
    assert len(list(plain_subject.files.entries(plain_subject.visible_folder))) == 500


def test_other_requests_are_answered_in_the_middle_of_a_listing(plain_subject: Subject) -> None:
    for number in range(300):
        plain_subject.put(b"file-%d" % number, b"x" * (number % 10))
    sizes = [
        (entry.attributes.size, plain_subject.files.attributes(plain_subject.path(entry.name), follow=False).size)
        for entry in plain_subject.files.entries(plain_subject.visible_folder)
    ]
    assert len(sizes) == 300
    assert all(listed == asked for listed, asked in sizes)


def test_a_listing_of_nothing_is_not_found_with_the_first_entry(subject: Subject) -> None:
    listing = subject.files.entries(subject.path(b"missing"))
    with pytest.raises(RemoteError) as caught:
        next(listing)
    assert caught.value.code == "not_found"
    assert caught.value.path == subject.path(b"missing")


def test_a_file_cannot_be_listed(subject: Subject) -> None:
    with pytest.raises(RemoteError):
        list(subject.files.entries(subject.put(b"file")))


def test_canonical_is_absolute_and_without_dots(subject: Subject) -> None:
    directory = subject.put_directory(b"directory")
    assert subject.files.canonical(b".").startswith(b"/")
    assert subject.files.canonical(directory + b"/../directory/.") == subject.files.canonical(directory)
    assert subject.files.attributes(subject.files.canonical(directory), follow=False).kind == "directory"


def test_a_relative_path_starts_in_the_initial_directory_of_the_account(subject: Subject) -> None:
    start = subject.files.canonical(b".")
    relative = os.path.relpath(subject.put(b"file", b"12345"), start)
    assert not relative.startswith(b"/")
    assert subject.files.attributes(relative, follow=False).size == 5
