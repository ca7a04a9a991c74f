# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An asyncssh server in a process of its own. It needs no server program, and its SFTP server can be a subclass."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import sys
import typing as t
from contextlib import contextmanager
from pathlib import Path

from .keys import make_host_keys, make_key, new_password
from .processes import HOST
from .server import ClientKey, Server, UnavailableError, running, server_folder

_PROGRAM = Path(__file__).with_name("asyncssh_program.py")
AUTHENTICATIONS = ("publickey", "password", "keyboard-interactive")


@contextmanager
def start_asyncssh(
    *,
    chroot: bool = False,
    shell: bool = False,
    authentications: t.Sequence[str] = ("publickey", "password"),
    sftp_class: str = "",
    options: t.Mapping[str, t.Any] | None = None,
) -> t.Iterator[Server]:
    """Run asyncssh with one user, who is the user of this process.

    ``chroot`` shows the user's folder as ``/`` (for SFTP; no root needed). ``shell`` runs commands by ``/bin/sh -c``.
    ``sftp_class`` is ``FILE.py:CLASS``, a subclass of ``asyncssh.SFTPServer`` (see ``tests/actors``); ``options``
    becomes its class attribute of that name.
    """
    if importlib.util.find_spec("asyncssh") is None:
        raise UnavailableError("the Python package asyncssh is not installed")
    if not set(authentications) <= set(AUTHENTICATIONS):
        raise ValueError(f"{authentications!r} are not all of {AUTHENTICATIONS}")
    with server_folder() as folder:
        root = folder / "files"
        root.mkdir()
        host_keys = make_host_keys(folder)
        client_key = ClientKey(folder / "client_key", make_key(folder / "client_key", "ed25519"))
        user, password = pwd.getpwuid(os.geteuid()).pw_name, new_password()
        settings = {
            "host": HOST,
            "host_keys": [str(path) for path in host_keys],
            "user": user,
            "password": password,
            "authorized_key": client_key.public_line,
            "authentications": list(authentications),
            "root": str(root),
            "chroot": chroot,
            "shell": shell,
            "sftp_class": sftp_class,
            "options": dict(options or {}),
        }

        def configure(port: int) -> list[str]:
            file = folder / "settings.json"
            file.touch(mode=0o600)
            file.write_text(json.dumps({**settings, "port": port}), encoding="utf-8")
            return [sys.executable, str(_PROGRAM), str(file)]

        server = Server(
            kind="asyncssh",
            user=user,
            password=password,
            client_key=client_key,
            host_keys=tuple(host_keys.values()),
            folder=folder,
            root=root,
            visible_root=b"/" if chroot else os.fsencode(root),
            configure=configure,
        )
        with running(server):
            yield server
