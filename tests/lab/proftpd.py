# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ProFTPD with mod_sftp, which has check-file and password logins."""

from __future__ import annotations

import ctypes
import ctypes.util
import grp
import os
import pwd
import shutil
import typing as t
from contextlib import contextmanager
from pathlib import Path

from .keys import make_host_keys, make_key, new_password, rfc4716
from .processes import HOST
from .server import ClientKey, Server, UnavailableError, running, server_folder

_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
_MODULE_FOLDERS = ("/usr/lib/proftpd", "/usr/libexec/proftpd", "/usr/lib64/proftpd", "/usr/local/libexec")
_USER = "backup"


@contextmanager
def start_proftpd(*, chroot: bool = False, extra: t.Sequence[str] = ()) -> t.Iterator[Server]:
    """Run ProFTPD with one virtual user that logs in by key or password.

    The files belong to the current user. With ``chroot`` the user's folder is its ``/`` (needs root). ``extra`` are
    more lines for the configuration.
    """
    program = shutil.which("proftpd") or shutil.which("proftpd", path=_SBIN)
    if not program:
        raise UnavailableError("ProFTPD is not installed (Debian: proftpd-core)")
    if chroot and os.geteuid() != 0:
        raise UnavailableError("ProFTPD can only chroot its sessions when it runs as root")
    modules = _module_folder()
    password = new_password()
    crypted = _crypt(password)
    with server_folder() as folder:
        root = folder / "files"
        root.mkdir()
        host_keys = make_host_keys(folder, pem=True)
        client_key = ClientKey(folder / "client_key", make_key(folder / "client_key", "ed25519"))
        (folder / "authorized_keys").write_text(rfc4716(client_key.public_line), encoding="ascii")
        _write_private(folder / "passwd", f"{_USER}:{crypted}:{os.geteuid()}:{os.getegid()}::{root}:/bin/sh\n")
        lines = [*_lines(folder, modules, host_keys), *extra]
        if chroot:
            lines.append("DefaultRoot ~")

        def configure(port: int) -> list[str]:
            config = folder / "proftpd.conf"
            config.write_text("\n".join([*lines, f"Port {port}", ""]), encoding="utf-8")
            return [str(program), "--nodaemon", "--quiet", "--config", str(config)]

        server = Server(
            kind="proftpd",
            user=_USER,
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


def _module_folder() -> Path:
    for folder in map(Path, _MODULE_FOLDERS):
        if (folder / "mod_sftp.so").exists():
            return folder
    raise UnavailableError("ProFTPD's mod_sftp is not installed (Debian: proftpd-mod-crypto)")


def _crypt(password: str) -> str:
    # Python 3.13 has no crypt module; this is the library function that ProFTPD calls.
    library = ctypes.util.find_library("crypt")
    if library is None:
        raise UnavailableError("the library libcrypt is not installed")
    function = ctypes.CDLL(library).crypt
    function.restype = ctypes.c_char_p
    salt = b"$6$" + os.urandom(8).hex().encode("ascii") + b"$"
    crypted: bytes | None = function(password.encode("ascii"), salt)
    if not crypted or not crypted.startswith(b"$6$"):
        raise UnavailableError("libcrypt knows no SHA-512 passwords")
    return crypted.decode("ascii")


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")


def _lines(folder: Path, modules: Path, host_keys: t.Iterable[Path]) -> list[str]:
    return [
        f"ModulePath {modules}",
        "LoadModule mod_sftp.c",
        "ServerName lab",
        "ServerType standalone",
        f"DefaultAddress {HOST}",
        "UseIPv6 off",
        "UseReverseDNS off",
        f"User {pwd.getpwuid(os.geteuid()).pw_name}",
        f"Group {grp.getgrgid(os.getegid()).gr_name}",
        f"PidFile {folder}/proftpd.pid",
        f"ScoreboardFile {folder}/scoreboard",
        f"SystemLog {folder}/server.log",
        f"DelayTable {folder}/delay",
        "DelayEngine off",
        "WtmpLog off",
        "TransferLog none",
        "AllowOverwrite on",
        "AuthOrder mod_auth_file.c",
        f"AuthUserFile {folder}/passwd",
        "RequireValidShell off",
        "RootLogin on",
        "SFTPEngine on",
        f"SFTPLog {folder}/sftp.log",
        *(f"SFTPHostKey {path}" for path in host_keys),
        f"SFTPAuthorizedUserKeys file:{folder}/authorized_keys",
        "SFTPAuthMethods publickey password",
    ]
