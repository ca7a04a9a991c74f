# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subjects of the conformance suite: each implementation of the port, on each server of the lab."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab

_AREAS = ("changing", "naming", "offering", "reading", "writing")
_DENIABLE = ("posix-rename", "fsync", "setstat", "fsetstat", "limits", "statvfs")


@dataclass(frozen=True)
class Case:
    """A file system to test, and its properties by its documentation or configuration.

    ``start`` is None for the local file system. ``digest_method`` is how the server hashes, None when it cannot.
    ``is_plain`` marks one case of each program. ``resolves_links``: mod_sftp follows links in every path, even for
    LSTAT and RENAME (seen with ProFTPD 1.3.8); only its listings and dangling links show a link. With ``is_confined``
    no link below the folder of the test is followed. ``areas`` names the test files, such as "naming" for
    test_naming.py, in which a variant of a server may differ from the plain one; None means all files.
    """

    name: str
    start: t.Callable[[SharedLab], Server] | None
    digest_method: str | None
    denied: tuple[str, ...] = ()
    is_plain: bool = False
    resolves_links: bool = False
    is_confined: bool = False
    areas: tuple[str, ...] | None = None

    def differs_in(self, area: str) -> bool:
        """Return whether tests of an area may have another result here than with the plain case of the program."""
        return self.areas is None or area in self.areas or area not in _AREAS


@dataclass(frozen=True)
class Subject:
    """An open file system, and a folder for one test with its paths on the server and on this machine."""

    case: Case
    files: FileSystem
    folder: Path
    visible_folder: bytes

    def path(self, name: bytes) -> bytes:
        """Return the path of a name in the folder, for the file system under test."""
        return self.visible_folder + b"/" + name

    def local(self, name: bytes) -> bytes:
        """Return the path of a name in the folder, for this machine."""
        return os.fsencode(self.folder) + b"/" + name

    def put(self, name: bytes, content: bytes = b"", *, mode: int = 0o644) -> bytes:
        """Create a file directly on this machine, owned by the server's account; return its path."""
        with open(self.local(name), "wb") as file:
            file.write(content)
        os.chmod(self.local(name), mode)
        self._give(name)
        return self.path(name)

    def put_directory(self, name: bytes) -> bytes:
        """Create a directory directly on this machine; return its path."""
        os.mkdir(self.local(name), 0o755)
        self._give(name)
        return self.path(name)

    def put_link(self, name: bytes, target: bytes) -> bytes:
        """Create a symlink directly on this machine; return its path."""
        os.symlink(target, self.local(name))
        self._give(name)
        return self.path(name)

    def content(self, name: bytes) -> bytes:
        """Return the content of a file, read directly on this machine."""
        with open(self.local(name), "rb") as file:
            return file.read()

    def names(self) -> set[bytes]:
        """Return the names in the folder, listed directly on this machine."""
        return set(os.listdir(os.fsencode(self.folder)))

    def denies(self, request: str) -> bool:
        """Return whether the server is configured to refuse this request."""
        return request in self.case.denied

    def _give(self, name: bytes) -> None:
        owner = self.folder.stat()
        os.chown(self.local(name), owner.st_uid, owner.st_gid, follow_symlinks=False)


def endpoint_of(server: Server) -> Endpoint:
    """Return the endpoint through which the collection reaches a server of the lab."""
    return server.endpoint()


def _openssh(**knobs: t.Any) -> t.Callable[[SharedLab], Server]:
    return lambda lab: lab.openssh(**knobs)


def _denying(*denied: str, areas: tuple[str, ...]) -> Case:
    name = "openssh-without-" + ("any" if denied == _DENIABLE else "-".join(denied))
    return Case(name, _openssh(denied=denied), "command", denied=denied, areas=areas)


_BULK = ("naming", "reading", "writing")  # the areas that transfer more than a megabyte
_PATHS = ("changing", "naming", "offering")  # the areas in which paths and the account matter
CASES = (
    Case("local", None, "local", is_plain=True),
    Case("local-confined", None, "local", is_plain=True, is_confined=True),
    # Without a umask, so that new files have exactly the requested mode.
    Case("openssh", _openssh(sftp_options=("-u", "000")), "command", is_plain=True),
    # The umask of most servers, and no shell.
    Case("openssh-internal", _openssh(variant="internal"), None, areas=("changing", "offering", "writing")),
    Case("openssh-chroot", _openssh(variant="chroot"), None, areas=_PATHS),
    Case(
        "openssh-other-account",
        _openssh(variant="internal", account="nobody"),
        None,
        areas=("changing", "offering", "writing"),
    ),
    _denying("posix-rename", areas=("changing", "offering")),
    _denying("fsync", areas=("offering", "writing")),
    _denying("setstat", "fsetstat", areas=("changing", "offering", "writing")),
    _denying("limits", areas=("offering", "reading", "writing")),
    _denying("statvfs", areas=("offering",)),
    _denying(*_DENIABLE, areas=("changing", "offering", "reading", "writing")),
    Case("openssh-rekeying", _openssh(extra=("RekeyLimit 1M",)), "command", areas=_BULK),
    # One session leaves no channel for a command or a second stream.
    Case("openssh-one-session", _openssh(extra=("MaxSessions 1",)), None, areas=("offering", "writing")),
    Case("proftpd", lambda lab: lab.proftpd(extra=("Umask 000",)), "check-file", is_plain=True, resolves_links=True),
    Case("proftpd-chroot", lambda lab: lab.proftpd(chroot=True), "check-file", resolves_links=True, areas=_PATHS),
    Case("asyncssh", lambda lab: lab.asyncssh(shell=True), "command", is_plain=True),
    Case("asyncssh-chroot", lambda lab: lab.asyncssh(chroot=True), None, areas=_PATHS),
)
