# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Temporary plain text files on the controller: decrypted Ansible Vault files, and the option ``content``.

The files have mode 0600, in a directory that is removed when the block ends. Signals cancel the block (_worker.py).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

from ansible import constants
from ansible.parsing.vault import is_encrypted_file

from ..module_utils._cancellation import shielded
from ..module_utils._errors import InputError
from ..module_utils._module.request import SubstituteFiles
from ..module_utils._paths import encode, normalise

# Its attributes are created at import, so type checkers do not know them.
_constants: t.Any = constants


class PlainText:
    """The temporary files of one task, as a context manager. ``loader`` holds the vault passwords.

    With ``detached`` (a background job) nothing is written, and ``invalid_input`` is raised instead.
    """

    def __init__(self, loader: t.Any, *, detached: bool) -> None:  # noqa: ANN401 - a DataLoader
        self._loader = loader
        self._detached = detached
        self._folder = ""
        self._files: dict[bytes, bytes] = {}
        self._content = b""

    def __enter__(self) -> PlainText:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def substitutes(self) -> SubstituteFiles:
        """The files that were written, by the path of the file that each of them replaces."""
        return SubstituteFiles(self._files, self._content)

    def decrypt(self, paths: t.Iterable[str]) -> None:
        """Write the plain text of each file that Ansible Vault encrypted; a directory means all files below it."""
        for path in paths:
            if not os.path.isdir(path):
                self._decrypt_file(path, follow=True)
            for folder, _folders, names in os.walk(path):
                for name in names:
                    self._decrypt_file(os.path.join(folder, name), follow=False)

    def write_content(self, content: bytes) -> str:
        """Write the content to a file and return its path."""
        path = self._write(content)
        self._content = os.fsencode(path)
        return path

    def _decrypt_file(self, path: str, *, follow: bool) -> None:
        if not _is_encrypted(path, follow=follow):
            return
        try:
            content, _show = self._loader._get_file_contents(path)
        except Exception as exc:  # Ansible's loader raises several types when the password of a vault is missing
            raise InputError(
                "invalid_input",
                f"{path} cannot be decrypted: {str(exc).splitlines()[0] if str(exc) else type(exc).__name__}",
                remedy="Give the vault's password, or say 'decrypt: false' to send the file as it is.",
                role="source",
            ) from exc
        plain = self._write(content)
        status = os.stat(path)
        os.utime(plain, ns=(status.st_atime_ns, status.st_mtime_ns))
        self._files[normalise(encode(path, option="src"))] = os.fsencode(plain)

    def _write(self, content: bytes) -> str:
        if self._detached:
            raise InputError(
                "invalid_input",
                "plain text is not left behind for a job that outlives its task",
                remedy="Run it without 'poll: 0', or with 'decrypt: false' and without 'content'.",
                role="source",
            )
        self._make_folder()
        path = os.path.join(self._folder, str(len(self._files)))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        return path

    def _make_folder(self) -> None:
        if not self._folder:
            with shielded():  # a cancellation must not come between making the directory and recording it
                self._folder = tempfile.mkdtemp(prefix="backhaul-plain-", dir=_constants.DEFAULT_LOCAL_TMP)


def _is_encrypted(path: str, *, follow: bool) -> bool:
    """Return whether a file starts with the header of Ansible Vault. The module reports files that cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
        with open(descriptor, "rb") as file:
            return bool(is_encrypted_file(file))
    except (OSError, ValueError):  # also for a file without seek, such as a pipe
        return False
