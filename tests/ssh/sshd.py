# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An sshd with keys, certificates and settings that a test chooses. The lab's sshd is slower, since it makes keys."""

from __future__ import annotations

import contextlib
import os
import pwd
import typing as t

from ansible_collections.backhaul.sftp.tests.lab import ClientKey, Server
from ansible_collections.backhaul.sftp.tests.lab.processes import HOST
from ansible_collections.backhaul.sftp.tests.lab.server import running, server_folder
from ansible_collections.backhaul.sftp.tests.trust import oracle
from ansible_collections.backhaul.sftp.tests.trust.material import Certificate, Key, Workshop

_LINES = (
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "UseDNS no",
    "PubkeyAuthentication yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "LogLevel DEBUG1",
    "MaxStartups 100",
    "Subsystem sftp internal-sftp",
)


@contextlib.contextmanager
def sshd(
    workshop: Workshop,
    *lines: str,
    keys: t.Sequence[Key] = (),
    certificates: t.Sequence[Certificate] = (),
    client: Key | None = None,
) -> t.Iterator[Server]:
    """Run sshd as the current user and for that user's logins; ``lines`` of sshd_config(5) come before all others.

    Without ``keys`` it has one Ed25519 host key. ``client`` is the key that may log in.
    """
    keys = keys or [certificate.key for certificate in certificates] or [workshop.key("ed25519", "host")]
    client = client or workshop.key("ed25519", "client")
    user = pwd.getpwuid(os.geteuid()).pw_name
    with server_folder() as folder:
        (folder / "files").mkdir()
        (folder / "home").mkdir()
        (folder / "authorized_keys").write_text(f"{client.line}\n", encoding="ascii")
        settings = [
            *lines,
            *(f"HostKey {key.path}" for key in keys),
            *(f"HostCertificate {certificate.path}" for certificate in certificates),
            f"AuthorizedKeysFile {folder}/authorized_keys",
            f"SetEnv HOME={folder}/home",  # tests must not run the account's own start-up files
            *_LINES,
        ]

        def configure(port: int) -> list[str]:
            config = folder / "sshd_config"
            config.write_text("\n".join([f"ListenAddress {HOST}", f"Port {port}", *settings, ""]), encoding="utf-8")
            return [oracle.program("sshd"), "-D", "-e", "-f", str(config)]

        server = Server(
            kind="openssh",
            user=user,
            client_key=ClientKey(client.path, client.line),
            host_keys=tuple(key.line for key in keys),
            folder=folder,
            root=folder / "files",
            visible_root=os.fsencode(folder / "files"),
            configure=configure,
        )
        with running(server):
            yield server
