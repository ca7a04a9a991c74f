# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the port about features, digests and free space."""

from __future__ import annotations

import contextlib
import hashlib
import os

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, RemoteError
from ansible_collections.backhaul.sftp.tests.contract.subjects import Subject
from ansible_collections.backhaul.sftp.tests.contract.test_naming import AWKWARD_NAMES

CONTENT = bytes(range(256)) * 4000


def test_features_are_those_that_the_server_is_configured_with(subject: Subject) -> None:
    features = subject.files.features()
    assert features.can_sync is not subject.denies("fsync")
    assert features.can_replace is not subject.denies("posix-rename")
    announced = {name.split("@")[0] for name, _data in features.extensions}
    assert not announced & set(subject.case.denied)


def test_limits_are_usable(subject: Subject) -> None:
    limits = subject.files.features().limits
    assert 1024 <= limits.read_bytes <= 512 * 1024
    assert 1024 <= limits.write_bytes <= 512 * 1024


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("length", [None, 1, 32_768, 700_001, len(CONTENT)])
def test_a_digest_is_that_of_the_content_or_prefix_and_says_who_computed_it(
    subject: Subject, algorithm: str, length: int | None
) -> None:
    digest = subject.files.digest(subject.put(b"file", CONTENT), algorithm=algorithm, length=length)
    if subject.case.digest_method is None:
        assert digest is None
        return
    if digest is None:
        # ProFTPD 1.3.8 hashes to the end of the file if the length is more than 16 KiB and no multiple of 16 KiB.
        # None is right there.
        assert subject.case.digest_method == "check-file"
        assert length == 700_001
        return
    assert digest.hexdigest == hashlib.new(algorithm, CONTENT[:length]).hexdigest()
    assert (digest.algorithm, digest.method) == (algorithm, subject.case.digest_method)


def test_an_unknown_digest_is_an_input_error(subject: Subject) -> None:
    with pytest.raises(InputError):
        subject.files.digest(subject.put(b"file"), algorithm="md5")


def test_a_digest_of_an_empty_file_is_right_or_none(subject: Subject) -> None:
    digest = subject.files.digest(subject.put(b"file"), algorithm="sha256")
    assert digest is None or digest.hexdigest == hashlib.sha256(b"").hexdigest()


def test_a_digest_of_a_large_file(subject: Subject) -> None:
    content = os.urandom(20 * 1024 * 1024)
    digest = subject.files.digest(subject.put(b"file", content), algorithm="sha256")
    if subject.case.digest_method is not None:
        assert digest is not None
        assert digest.hexdigest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", AWKWARD_NAMES.values(), ids=AWKWARD_NAMES)
@pytest.mark.parametrize("length", [None, 500])
def test_a_digest_never_interprets_the_name(plain_subject: Subject, name: bytes, length: int | None) -> None:
    digest = plain_subject.files.digest(plain_subject.put(name, CONTENT), algorithm="sha256", length=length)
    assert plain_subject.names() == {name}
    if plain_subject.case.digest_method is not None:
        assert digest is not None
        assert digest.hexdigest == hashlib.sha256(CONTENT[:length]).hexdigest()


@pytest.mark.parametrize("name", AWKWARD_NAMES.values(), ids=AWKWARD_NAMES)
def test_a_digest_of_a_large_file_never_interprets_the_name(plain_subject: Subject, name: bytes) -> None:
    path = plain_subject.put(name)
    os.truncate(plain_subject.local(name), 16 * 1024 * 1024)
    digest = plain_subject.files.digest(path, algorithm="sha512")
    assert plain_subject.names() == {name}
    if plain_subject.case.digest_method is not None:
        assert digest is not None
        assert digest.hexdigest == hashlib.sha512(bytes(16 * 1024 * 1024)).hexdigest()


def test_a_digest_of_nothing_is_not_found(subject: Subject) -> None:
    try:
        digest = subject.files.digest(subject.path(b"missing"), algorithm="sha256")
    except RemoteError as exc:
        assert exc.code == "not_found"
    else:
        assert digest is None
        assert subject.case.digest_method is None


@pytest.mark.parametrize("failing", ["missing", "empty", "directory", "prefix-of-zero"])
def test_a_digest_that_failed_does_not_affect_the_next(subject: Subject, failing: str) -> None:
    make = {"empty": subject.put, "directory": subject.put_directory}
    path = make[failing](b"failing") if failing in make else subject.path(b"failing")
    with contextlib.suppress(RemoteError):
        subject.files.digest(path, algorithm="sha256", length=0 if failing == "prefix-of-zero" else None)
    digest = subject.files.digest(subject.put(b"file", CONTENT), algorithm="sha256")
    assert (digest.method if digest else None) == subject.case.digest_method


def test_space_is_that_of_the_file_system_or_none(subject: Subject) -> None:
    space = subject.files.space(subject.visible_folder)
    if subject.denies("statvfs"):
        assert space is None
        return
    assert space is not None
    total = os.statvfs(subject.folder)
    assert space.total_bytes == total.f_blocks * total.f_frsize
    assert 0 < space.free_bytes <= space.total_bytes
