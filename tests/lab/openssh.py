# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSH's sshd for one account, in the foreground, with its own configuration; /etc/ssh is not read."""

from __future__ import annotations

import os
import pwd
import shutil
import typing as t
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .keys import make_host_keys, make_key
from .processes import HOST
from .server import ClientKey, Server, UnavailableError, running, server_folder

VARIANTS = ("normal", "internal", "chroot", "readonly")
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin:/opt/homebrew/sbin"
_SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
)
_CHROOT_PARENTS = ("/var/lib", "/srv", "/run")


@contextmanager
def start_openssh(
    *,
    variant: str = "normal",
    denied: t.Sequence[str] = (),
    account: str = "",
    sftp_options: t.Sequence[str] = (),
    extra: t.Sequence[str] = (),
) -> t.Iterator[Server]:
    """Run sshd with one account that logs in by key.

    ``variant``: ``normal`` (SFTP and a shell), ``internal`` (SFTP without a shell), ``chroot`` (the same, and the
    account's folder is its ``/``; needs root), ``readonly`` (refuses every change). ``denied`` are SFTP requests that
    the server neither announces nor answers (sftp-server -P). ``account`` is another system account (needs root),
    the default is the current user. ``sftp_options`` are more options of sftp-server(8), ``extra`` more lines of
    sshd_config(5).
    """
    if variant not in VARIANTS:
        raise ValueError(f"{variant!r} is not one of {VARIANTS}")
    program = _sshd()
    user = _user(account)
    if variant == "chroot" and os.geteuid() != 0:
        raise UnavailableError("sshd can only chroot its sessions when it runs as root")
    with ExitStack() as stack:
        folder = stack.enter_context(server_folder())
        root, visible_root = _root(stack, folder, variant, user)
        host_keys = make_host_keys(folder)
        client_key = ClientKey(folder / "client_key", make_key(folder / "client_key", "ed25519"))
        (folder / "authorized_keys").write_text(f"{client_key.public_line}\n", encoding="ascii")
        lines = [
            *extra,
            *_common_lines(folder, host_keys, user),
            *_sftp_lines(variant, [*_refusals(variant, denied), *sftp_options], root),
        ]

        def configure(port: int) -> list[str]:
            config = folder / "sshd_config"
            config.write_text("\n".join([f"ListenAddress {HOST}", f"Port {port}", *lines, ""]), encoding="utf-8")
            return [program, "-D", "-e", "-f", str(config)]

        server = Server(
            kind="openssh",
            user=user.pw_name,
            client_key=client_key,
            host_keys=tuple(host_keys.values()),
            folder=folder,
            root=root,
            visible_root=visible_root,
            configure=configure,
        )
        yield stack.enter_context(running(server))


def _sshd() -> str:
    program = shutil.which("sshd") or shutil.which("sshd", path=_SBIN)
    if not program:
        raise UnavailableError("OpenSSH's sshd is not installed (Debian: openssh-server)")
    if os.geteuid() == 0:
        _make_privilege_separation_folder()
    return str(Path(program).absolute())


def _make_privilege_separation_folder() -> None:
    # sshd needs this folder when it starts as root; only the package's own service makes it on a machine like a
    # container. It belongs to the system, is empty, and stays.
    try:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    except OSError as exc:
        raise UnavailableError(f"sshd needs the folder /run/sshd when it runs as root: {exc}") from exc


def _user(account: str) -> pwd.struct_passwd:
    if not account:
        return pwd.getpwuid(os.geteuid())
    if os.geteuid() != 0:
        raise UnavailableError("sshd can only let another account in when it runs as root")
    try:
        return pwd.getpwnam(account)
    except KeyError:
        raise UnavailableError(f"there is no account {account!r} on this machine") from None


def _root(stack: ExitStack, folder: Path, variant: str, user: pwd.struct_passwd) -> tuple[Path, bytes]:
    if variant == "chroot":
        jail = stack.enter_context(server_folder(_chroot_parent()))
        root, visible_root = jail / "files", b"/files"
    else:
        root = folder / "files"
        visible_root = os.fsencode(root)
    root.mkdir()
    os.chown(root, user.pw_uid, user.pw_gid)
    return root, visible_root


def _chroot_parent() -> Path:
    # sshd_config(5): every component of ChrootDirectory must be root's and not writable by others, so not in /tmp.
    for parent in map(Path, _CHROOT_PARENTS):
        if parent.is_dir() and all(_is_safe(component) for component in (parent, *parent.parents)):
            return parent
    raise UnavailableError(f"none of {', '.join(_CHROOT_PARENTS)} is a folder that only root can write, for the chroot")


def _is_safe(folder: Path) -> bool:
    status = folder.stat()
    return status.st_uid == 0 and not status.st_mode & 0o022


def _common_lines(folder: Path, host_keys: t.Iterable[Path], user: pwd.struct_passwd) -> list[str]:
    lines = [f"HostKey {path}" for path in host_keys]
    if user.pw_uid == 0:
        lines.append("PermitRootLogin prohibit-password")
    return [
        *lines,
        "PidFile none",
        # Without the account's own start-up files, which can take seconds or wait for a lock.
        f"SetEnv HOME={_home(folder, user)}",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "UseDNS no",
        "PubkeyAuthentication yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "AllowTcpForwarding local",
        "PrintMotd no",
        "PrintLastLog no",
        f"AllowUsers {user.pw_name}",
    ]


def _home(folder: Path, user: pwd.struct_passwd) -> Path:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(home, user.pw_uid, user.pw_gid)
    return home


def _refusals(variant: str, denied: t.Sequence[str]) -> list[str]:
    options = ["-R"] if variant == "readonly" else []
    return [*options, "-P", ",".join(denied)] if denied else options


def _sftp_lines(variant: str, options: t.Sequence[str], root: Path) -> list[str]:
    arguments = " ".join(["-e", *options])
    if variant == "normal":
        return [f"Subsystem sftp {sftp_server()} {arguments}"]
    lines = [f"Subsystem sftp internal-sftp {arguments}", f"ForceCommand internal-sftp {arguments}"]
    if variant == "chroot":
        lines.append(f"ChrootDirectory {root.parent}")
    return lines


def sftp_server() -> str:
    """Return the program that speaks SFTP, or what sshd runs in its place."""
    for path in _SFTP_SERVERS:
        if os.access(path, os.X_OK):
            return path
    return "internal-sftp"
