# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of every server of the lab."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import tempfile
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint, Trust

from . import guardian
from .processes import HOST, Guarded, start_on_free_port, start_on_port

AnyPath = t.Union[str, bytes, "os.PathLike[str]"]


class UnavailableError(Exception):
    """The server cannot run on this machine; the text is the reason."""


@dataclass(frozen=True)
class ClientKey:
    """A private key that a server accepts, with its path and its text."""

    path: Path
    public_line: str

    @property
    def text(self) -> str:
        """The private key itself."""
        return self.path.read_text(encoding="ascii")


@dataclass
class Server:
    """A running SFTP server.

    ``root`` is the local folder for the account's files. The account sees it as ``visible_root``, which differs from
    it in a chroot. ``log`` is what the server wrote.
    """

    kind: str
    user: str
    client_key: ClientKey
    host_keys: tuple[str, ...]
    folder: Path
    root: Path
    visible_root: bytes
    configure: t.Callable[[int], t.Sequence[str]] = field(repr=False)
    password: str | None = field(default=None, repr=False)
    host: str = HOST
    port: int = 0
    _process: Guarded | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        """The file with the server's messages."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """The process id of the listening server."""
        return self._running.pid

    @property
    def _folders(self) -> list[Path]:
        """The folders to remove with the server: its own, and that of its files if it is another (a chroot)."""
        return [self.folder] if self.folder in self.root.parents else [self.folder, self.root.parent]

    @property
    def _running(self) -> Guarded:
        if self._process is None:
            raise RuntimeError("the server is stopped")
        return self._process

    def start(self) -> None:
        """Start the server; a second start uses the port of the first."""
        if self._process is not None:
            return
        if self.port:
            self._process = start_on_port(self.configure(self.port), self.log, self.port, folders=self._folders)
        else:
            self._process, self.port = start_on_free_port(self.configure, self.log, folders=self._folders)

    def stop(self) -> None:
        """End the server and every session; files and keys stay for the next start."""
        if self._process is not None:
            process, self._process = self._process, None
            process.stop()

    def known_hosts_line(self, *, key_type: str = "ssh-ed25519") -> str:
        """Return the known_hosts line for the host key of this type."""
        line = next(line for line in self.host_keys if line.startswith(f"{key_type} "))
        return f"[{self.host}]:{self.port} {line}"

    def known_hosts(self) -> str:
        """Return known_hosts text with every host key of the server."""
        return "".join(f"[{self.host}]:{self.port} {line}\n" for line in self.host_keys)

    def remote_bytes(self, local: AnyPath) -> bytes:
        """Return the path under which the account sees a local path below ``root``."""
        inside = os.path.relpath(os.fsencode(local), os.fsencode(self.root))
        if inside == b"..":
            raise ValueError(f"{local!r} is not below {self.root}")
        return self.visible_root if inside == b"." else os.path.join(self.visible_root, inside)

    def remote_path(self, local: AnyPath) -> str:
        """Return the account's view of a local path as text (bytes that are not UTF-8 as surrogates)."""
        return os.fsdecode(self.remote_bytes(local))

    def limit_files(self, size_bytes: int) -> None:
        """Limit the size of files that new sessions write (RLIMIT_FSIZE; Linux)."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))

    def session_pids(self) -> list[int]:
        """Return the processes of the open sessions, nearest to the server first (Linux)."""
        return guardian.descendants(self.pid)

    def pause_sessions(self) -> None:
        """Stop every session (SIGSTOP): connections stay open without replies."""
        self._signal_sessions(signal.SIGSTOP)

    def resume_sessions(self) -> None:
        """Continue paused sessions (SIGCONT)."""
        self._signal_sessions(signal.SIGCONT)

    def kill_sessions(self) -> None:
        """Kill every session (SIGKILL); the server keeps running."""
        self._signal_sessions(signal.SIGKILL)

    def _signal_sessions(self, number: signal.Signals) -> None:
        for pid in self.session_pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def endpoint(self, role: str = "endpoint") -> Endpoint:
        """Return this server as an endpoint of the collection: its host keys pinned, its client key as text."""
        return Endpoint(
            role=role,
            host=self.host,
            port=self.port,
            trust=Trust(host_keys=self.host_keys),
            credentials=Credentials(user=self.user, private_key=self.client_key.text, use_agent=False),
        )


@contextmanager
def server_folder(parent: Path | None = None) -> t.Iterator[Path]:
    """Make a folder for one server; remove it at the end.

    Other accounts may traverse it, because a server may change its user.
    """
    folder = Path(tempfile.mkdtemp(prefix="backhaul-lab-", dir=parent))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(os.fsencode(folder), ignore_errors=True)


@contextmanager
def running(server: Server) -> t.Iterator[Server]:
    """Run a server until the block ends."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
