# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server process of :mod:`asyncssh_server`.

Usage: asyncssh_program.py SETTINGS.json
"""

from __future__ import annotations

import asyncio
import hmac
import importlib.util
import json
import subprocess
import sys
import typing as t
from pathlib import Path

import asyncssh


class _Login(asyncssh.SSHServer):
    """Accept one user by the authentication methods of the settings."""

    def __init__(self, settings: dict[str, t.Any]) -> None:
        self._settings = settings
        self._key = asyncssh.import_public_key(settings["authorized_key"])

    def _allows(self, method: str) -> bool:
        return method in self._settings["authentications"]

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return self._allows("publickey")

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return bool(username == self._settings["user"] and key.public_data == self._key.public_data)

    def password_auth_supported(self) -> bool:
        return self._allows("password")

    def validate_password(self, username: str, password: str) -> bool:
        same = hmac.compare_digest(password.encode(), self._settings["password"].encode())
        return bool(username == self._settings["user"] and same)

    def kbdint_auth_supported(self) -> bool:
        return self._allows("keyboard-interactive")

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> tuple[str, str, str, list[tuple[str, bool]]]:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: t.Sequence[str]) -> bool:
        return len(responses) == 1 and self.validate_password(username, responses[0])


def _sftp_factory(settings: dict[str, t.Any]) -> t.Callable[[asyncssh.SSHServerChannel[bytes]], asyncssh.SFTPServer]:
    base = _load_class(settings["sftp_class"]) if settings["sftp_class"] else asyncssh.SFTPServer
    kind = type(base.__name__, (base,), {"options": settings["options"]})
    chroot = settings["root"].encode() if settings["chroot"] else None
    return lambda channel: kind(channel, chroot)


def _load_class(where: str) -> type[asyncssh.SFTPServer]:
    file, name = where.rsplit(":", 1)
    spec = importlib.util.spec_from_file_location("lab_sftp_class", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return t.cast("type[asyncssh.SFTPServer]", getattr(module, name))


async def _run_command(process: asyncssh.SSHServerProcess[bytes]) -> None:
    if process.command is None:
        process.stderr.write(b"This account has no interactive shell.\n")
        process.exit(1)
        return
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", process.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    try:
        process.exit(await child.wait())
    finally:
        if child.returncode is None:
            child.kill()
    await process.wait_closed()


async def _main(settings: dict[str, t.Any]) -> None:
    await asyncssh.listen(
        settings["host"],
        settings["port"],
        server_host_keys=settings["host_keys"],
        server_factory=lambda: _Login(settings),
        process_factory=_run_command if settings["shell"] else None,
        sftp_factory=_sftp_factory(settings),
        sftp_version=3,
        encoding=None,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
