# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of the benchmark, with files in memory, and the settings of each client."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, start_openssh

_DELAYING = Path(__file__).with_name("delaying.py")
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Place:
    """A server with its name in all clients' settings and the port to connect to."""

    name: str
    server: Server
    port: int

    def path(self, name: str) -> str:
        """Return the server's path of a file."""
        return self.server.remote_path(self.local(name))

    def local(self, name: str) -> Path:
        """Return the local path of a file."""
        return self.server.root / name

    @property
    def logins(self) -> int:
        """The number of logins so far."""
        return self.server.log.read_bytes().count(b"Accepted publickey for ")


@dataclass(frozen=True)
class Site:
    """One source, its destinations, and a folder with the clients' settings."""

    folder: Path
    source: Place
    destinations: tuple[Place, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Every server."""
        return (self.source, *self.destinations)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands: without the user's settings, with temporary files in memory."""
        return {
            "TMPDIR": str(self.folder),
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "SSH_AUTH_SOCK": "",
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_REMOTE_TMP": str(self.folder / "ansible" / "tmp"),
            "ANSIBLE_NOCOLOR": "true",
            "PYTHONWARNINGS": "ignore",
        }

    def logins(self) -> int:
        """Return the number of logins on all servers so far."""
        return sum(place.logins for place in self.places)


@contextlib.contextmanager
def _temporary_files_in_memory() -> t.Iterator[None]:
    """Let the lab make its folders in memory, if the machine has a tmpfs."""
    before = tempfile.tempdir
    tempfile.tempdir = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def open_site(*, round_trip_seconds: float, destinations: int, slow_bytes_per_second: int = 0) -> t.Iterator[Site]:
    """Start the servers, with an optional delay before each and an optional rate limit on the last."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_temporary_files_in_memory())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backhaul-bench-")))
        names = ["source", *(f"destination{number}" for number in range(1, destinations + 1))]
        servers = [stack.enter_context(start_openssh()) for _name in names]
        ports = [server.port for server in servers]
        if round_trip_seconds:
            ports = stack.enter_context(_delayed(round_trip_seconds / 2, servers))
        if slow_bytes_per_second:
            slow = stack.enter_context(Proxy(servers[-1]))
            slow.upstream.throttle(slow_bytes_per_second)
            ports = [*ports[:-1], slow.port]
        source, *others = map(Place, names, servers, ports)
        site = Site(folder, source, tuple(others))
        _write_settings(site)
        yield site


@contextlib.contextmanager
def _delayed(seconds: float, servers: t.Sequence[Server]) -> t.Iterator[list[int]]:
    """Start the delaying proxy for each server and return its ports."""
    addresses = [f"{server.host}:{server.port}" for server in servers]
    command = [sys.executable, "-I", "-S", str(_DELAYING), str(seconds), *addresses]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as proxy:
        assert proxy.stdin is not None and proxy.stdout is not None
        try:
            yield [int(proxy.stdout.readline()) for _address in addresses]
        finally:
            proxy.stdin.close()


def _write_settings(site: Site) -> None:
    """Write the settings of OpenSSH, rclone, Ansible and the paramiko script: the same trust and key for all."""
    places, folder = site.places, site.folder
    lines = [f"[{p.server.host}]:{p.port} {key}\n" for p in places for key in p.server.host_keys]
    (folder / "known_hosts").write_text("".join(lines), encoding="ascii")
    (folder / "ssh_config").write_text("".join(_ssh_lines(place, folder) for place in places), encoding="utf-8")
    (folder / "rclone.conf").write_text("".join(_rclone_lines(place, folder) for place in places), encoding="utf-8")
    (folder / "ansible.cfg").write_text("[defaults]\nhost_key_checking = true\n", encoding="ascii")
    variables = {
        "ansible_ssh_common_args": f"-F {folder / 'ssh_config'}",
        "ansible_python_interpreter": sys.executable,
    }
    inventory = {"all": {"hosts": {place.name: variables for place in places}}}
    (folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")


def _ssh_lines(place: Place, folder: Path) -> str:
    server = place.server
    return "\n".join(
        [
            f"Host {place.name}",
            f"  HostName {server.host}",
            f"  Port {place.port}",
            f"  User {server.user}",
            f"  IdentityFile {server.client_key.path}",
            "  IdentitiesOnly yes",
            "  IdentityAgent none",
            f"  UserKnownHostsFile {folder / 'known_hosts'}",
            "  GlobalKnownHostsFile /dev/null",
            "  StrictHostKeyChecking yes",
            "  BatchMode yes",
            "",
        ]
    )


def _rclone_lines(place: Place, folder: Path) -> str:
    # The shell type and the hash commands, which rclone would detect and write here after its first run.
    server = place.server
    return "\n".join(
        [
            f"[{place.name}]",
            "type = sftp",
            f"host = {server.host}",
            f"port = {place.port}",
            f"user = {server.user}",
            f"key_file = {server.client_key.path}",
            f"known_hosts_file = {folder / 'known_hosts'}",
            "shell_type = unix",
            "md5sum_command = md5sum",
            "sha1sum_command = sha1sum",
            "",
        ]
    )
