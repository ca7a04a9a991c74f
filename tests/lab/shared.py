# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that tests share; each is started at its first use."""

from __future__ import annotations

import contextlib
import typing as t

from .asyncssh_server import start_asyncssh
from .openssh import start_openssh
from .proftpd import start_proftpd
from .server import Server, UnavailableError


class SharedLab:
    """Context manager: start each kind of server once and keep it until the block ends.

    ``on_unavailable`` is called with the reason if a server cannot run, and must not return.
    """

    def __init__(self, on_unavailable: t.Callable[[str], t.NoReturn]) -> None:
        self._on_unavailable = on_unavailable
        self._servers: dict[str, Server] = {}
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> SharedLab:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._closing.close()

    def openssh(self, **options: t.Any) -> Server:
        """Return the sshd with these options of :func:`start_openssh`."""
        return self._get(start_openssh, options)

    def proftpd(self, **options: t.Any) -> Server:
        """Return the ProFTPD with these options of :func:`start_proftpd`."""
        return self._get(start_proftpd, options)

    def asyncssh(self, **options: t.Any) -> Server:
        """Return the asyncssh server with these options of :func:`start_asyncssh`."""
        return self._get(start_asyncssh, options)

    def _get(self, start: t.Callable[..., t.ContextManager[Server]], options: t.Mapping[str, t.Any]) -> Server:
        name = f"{start.__name__} {sorted(options.items())!r}"
        if name not in self._servers:
            try:
                self._servers[name] = self._closing.enter_context(start(**options))
            except UnavailableError as exc:
                self._on_unavailable(str(exc))
        return self._servers[name]
