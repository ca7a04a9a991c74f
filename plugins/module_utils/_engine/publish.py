# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""From a temporary name to the final one, or to nothing at all."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import BackhaulError, IntegrityError, LinkError, RemoteError
from .._filesystem import FileSystem, Writer
from .._rules.names import temporary_name
from .._rules.paths import join, split

TEMPORARY_MODE = 0o600
_TRIES = 3


class Draft:
    """A file that is being written beside its final name; a context manager that leaves no draft behind.

    ``create`` opens it exclusively, ``publish`` gives it the final name. ``publishing`` is true from the moment the
    server was asked to rename: after a lost connection nobody knows, then, which name it has.
    """

    def __init__(self, files: FileSystem, final: bytes, *, token: t.Callable[[], str]) -> None:
        self._files = files
        self._final = final
        self._token = token
        self._path: bytes | None = None
        self.publishing = False

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        if self._path is not None:
            with contextlib.suppress(BackhaulError):  # the error on its way says more, and a lost link says the same
                self._files.remove(self._path)

    @property
    def path(self) -> bytes:
        """The temporary path; only after ``create``."""
        if self._path is None:
            raise RuntimeError("the draft was not created")
        return self._path

    def create(self) -> Writer:
        """Create the draft in the directory of the final name, so that renaming it is one step on one file system."""
        directory, name = split(self._final)
        for attempt in range(_TRIES):
            path = join(directory, temporary_name(name, self._token()))
            try:
                writer = self._files.create(path, mode=TEMPORARY_MODE)
            except RemoteError as exc:
                if exc.code != "already_exists" or attempt == _TRIES - 1:
                    raise
            else:
                self._path = path
                return writer
        raise RuntimeError("unreachable")

    def publish(self, *, replacing: bool) -> None:
        """Rename to the final name; ``publish_failed`` leaves what was there before under that name."""
        self.publishing = True
        try:
            if not replacing:
                self._files.rename(self.path, self._final)
            elif self._files.features().can_replace:
                self._files.replace(self.path, self._final)
            else:
                self._swap()
        except RemoteError as exc:
            self.publishing = False
            raise _not_published(exc, self._final) from exc
        self._path = None

    def _swap(self) -> None:
        """Replace without posix-rename: move the old file aside, and back if the new one cannot take its place."""
        directory, name = split(self._final)
        aside = join(directory, temporary_name(name, self._token()))
        self._files.rename(self._final, aside)
        try:
            self._files.rename(self.path, self._final)
        except LinkError:
            raise
        except BackhaulError:
            self._files.rename(aside, self._final)
            raise
        self._files.remove(aside)


def _not_published(error: RemoteError, final: bytes) -> BackhaulError:
    if error.code == "already_exists":
        return error.located(path=final)
    return IntegrityError(
        "publish_failed",
        f"the verified copy could not be renamed to its final name: {error.cause}",
        remedy="What was there before is still there. Check the directory's permissions on the server.",
        role="destination",
        path=final,
        details={"refused": error.code},
    )
