# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the operating system become errors of the collection."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.os_errors import translate, translated


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOENT, "not_found"),
        (errno.ENOTDIR, "not_found"),
        (errno.ELOOP, "not_found"),
        (errno.EACCES, "permission_denied"),
        (errno.EPERM, "permission_denied"),
        (errno.EROFS, "permission_denied"),
        (errno.EEXIST, "already_exists"),
        (errno.ENOSPC, "no_space"),
        (errno.EDQUOT, "no_space"),
        (errno.ENOSYS, "unsupported"),
        (errno.EIO, "remote_failure"),
        (errno.ENOTEMPTY, "remote_failure"),
    ],
)
def test_each_reason_has_its_code(number: int, code: str) -> None:
    error = translate("read /a/b", b"/a/b", OSError(number, os.strerror(number)))
    assert isinstance(error, RemoteError)
    assert (error.code, error.path) == (code, b"/a/b")
    assert error.cause == f"cannot read /a/b: {os.strerror(number)}"
    assert error.details == {"errno": errno.errorcode[number]}


def test_an_error_without_a_number_still_says_what_it_is() -> None:
    error = translate("read /a", b"/a", OSError())
    assert error.cause == "cannot read /a: OSError"
    assert error.code == "remote_failure"


def test_an_error_with_a_known_remedy_names_it() -> None:
    assert translate("write /a", b"/a", OSError(errno.ENOSPC, "full")).remedy
    assert not translate("write /a", b"/a", OSError(errno.EIO, "broken")).remedy


def test_paths_in_the_cause_are_made_printable() -> None:
    with pytest.raises(RemoteError) as caught, translated("rename", b"/\x1b[31m\xff", target=b"/b\n"):
        raise OSError(errno.EIO, "broken")
    assert caught.value.cause == "cannot rename /\\x1b[31m\\xff to /b\\n: broken"


def test_the_context_keeps_the_original_as_cause() -> None:
    original = OSError(errno.ENOENT, "gone")
    with pytest.raises(RemoteError) as caught, translated("list", b"/a"):
        raise original
    assert caught.value.__cause__ is original


def test_a_nul_byte_is_an_input_error() -> None:
    with pytest.raises(InputError) as caught, translated("look at", b"/a\0b"):
        os.stat(b"/a\0b")
    assert (caught.value.code, caught.value.path) == ("unsafe_path", b"/a\0b")


def test_other_exceptions_are_not_translated() -> None:
    with pytest.raises(ValueError, match="a bug"), translated("look at", b"/a"):
        raise ValueError("a bug")
