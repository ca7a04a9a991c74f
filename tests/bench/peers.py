# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs for the same work, if they are installed."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path

from .site import Place, Site
from .ways import Arguments, Way, plain, playbook

RCLONE = "rclone"
RCLONE_UNPROVEN = "rclone, without checksums"
RCLONE_TUNED = "rclone, chunks of 255 KiB"
RCLONE_BY_TIME = "rclone, by size and time"
RCLONE_IN_TURN = "rclone, to one after the other"
SCP = "scp"
SCP_GCM = "scp, aes128-gcm"
SCP_3 = "scp -3"
SCP_3_GCM = "scp -3, aes128-gcm"
SCP_DIRECT_GCM = "scp on the source, aes128-gcm"
SFTP = "sftp"
SFTP_GCM = "sftp, aes128-gcm"
SFTP_LIST = "sftp, ls -1t"
RSYNC_DIRECT = "rsync on the source"
RSYNC_DIRECT_GCM = "rsync on the source, aes128-gcm"
FETCH_COPY = "Ansible fetch + copy"
FETCH = "Ansible fetch"
COPY = "Ansible copy"
TEXTBOOK = "paramiko get, put"

GCM = ("-c", "aes128-gcm@openssh.com")
_TEXTBOOK = Path(__file__).with_name("textbook.py")


def fetched(site: Site, file: str) -> Path:
    """Return the path on the controller to which ``fetch`` writes a file."""
    return site.folder / f"fetched-{file}"


def fetch_and_copy(site: Site, file: str) -> Way:
    """Return the two tasks that Ansible's own modules need, by way of a file on the controller."""
    between = str(fetched(site, file))
    copies = [_copy(between, place, file) for place in site.destinations]
    return playbook(site, FETCH_COPY, [_fetch(site.source, file, between), *copies])


def fetch(site: Site, file: str, local: Path) -> Way:
    """Return Ansible's own download of one file."""
    return playbook(site, FETCH, [_fetch(site.source, file, str(local))])


def copy(site: Site, local: Path, file: str) -> Way:
    """Return Ansible's own upload of one file, to the site's first destination."""
    return playbook(site, COPY, [_copy(str(local), site.destinations[0], file)])


def _fetch(source: Place, file: str, local: str) -> Arguments:
    task = {"ansible.builtin.fetch": {"src": source.path(file), "dest": local, "flat": True}}
    return {"hosts": source.name, "tasks": [task]}


def _copy(local: str, place: Place, file: str) -> Arguments:
    task = {"ansible.builtin.copy": {"src": local, "dest": place.path(file)}}
    return {"hosts": place.name, "tasks": [task]}


def there(place: Place, name: str) -> str:
    """Return a path on a server as rclone and scp write it."""
    return f"{place.name}:{place.path(name)}"


def rclone(site: Site, name: str, *arguments: str) -> Way:
    """Return a run of rclone; a failure is not tried again."""
    if not shutil.which("rclone"):
        return Way(name, absent="rclone is not installed")
    return Way(name, ("rclone", "--config", str(site.folder / "rclone.conf"), "--retries", "1", *arguments))


def rclone_copy(site: Site, name: str, file: str, *options: str) -> Way:
    """Return rclone's copy of one file to the site's first destination."""
    return rclone(site, name, "copyto", *options, there(site.source, file), there(site.destinations[0], file))


def in_turn(name: str, steps: list[Way]) -> Way:
    """Return one way that runs several, one after the other."""
    absent = next((step.absent for step in steps if step.absent), "")
    return Way(name, ("sh", "-c", " && ".join(shlex.join(step.command) for step in steps)), absent)


def scp(site: Site, name: str, *arguments: str) -> Way:
    """Return a run of OpenSSH's scp."""
    return _openssh(site, name, "scp", "-q", *arguments)


def scp_relay(site: Site, name: str, file: str, *options: str) -> Way:
    """Return OpenSSH's copy between two servers through this machine, to the site's first destination."""
    return scp(site, name, "-3", *options, there(site.source, file), there(site.destinations[0], file))


def sftp(site: Site, name: str, place: Place, *lines: str, options: tuple[str, ...] = ()) -> Way:
    """Return a run of OpenSSH's sftp with these batch lines."""
    batch = site.folder / f"{plain(name)}.batch"
    batch.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return _openssh(site, name, "sftp", "-q", *options, "-b", str(batch), place.name)


def _openssh(site: Site, name: str, program: str, *arguments: str) -> Way:
    if not shutil.which(program):
        return Way(name, absent=f"{program} is not installed")
    return Way(name, (program, "-F", str(site.folder / "ssh_config"), *arguments))


def rsync_direct(site: Site, name: str, file: str, *options: str) -> Way:
    """Return rsync on the source's server, over ssh straight to the site's first destination."""
    if not shutil.which("rsync"):
        return Way(name, absent="rsync is not installed")
    tunnel = shlex.join(["ssh", "-F", str(site.folder / "ssh_config"), *options])
    ends = [site.source.path(file), there(site.destinations[0], file)]
    return _on_source(site, name, ["rsync", "--whole-file", "--times", "-e", tunnel, *ends])


def scp_direct(site: Site, name: str, file: str, *options: str) -> Way:
    """Return scp on the source's server, straight to the site's first destination."""
    ends = [site.source.path(file), there(site.destinations[0], file)]
    return _on_source(site, name, ["scp", "-q", "-F", str(site.folder / "ssh_config"), *options, *ends])


def _on_source(site: Site, name: str, command: list[str]) -> Way:
    return _openssh(site, name, "ssh", site.source.name, shlex.join(command))


def textbook(site: Site, file: str) -> Way:
    """Return paramiko's get and put, to the site's first destination."""
    if importlib.util.find_spec("paramiko") is None:
        return Way(TEXTBOOK, absent="paramiko is not installed")
    arguments = [str(site.folder / "known_hosts"), site.source.server.user]
    for place in (site.source, site.destinations[0]):
        arguments += [str(place.server.client_key.path), f"{place.server.host}:{place.port}", place.path(file)]
    return Way(TEXTBOOK, (sys.executable, "-I", str(_TEXTBOOK), *arguments))
