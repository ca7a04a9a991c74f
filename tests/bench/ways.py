# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to do the work: ours, and each peer that is found on this machine."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

from .site import Place, Site

OURS = "ours"
OUR_TASK = "ours, by ansible-playbook"
OURS_UNPROVEN = "ours, verify: acknowledged"
OURS_BY_TIME = "ours, compare: size_mtime"
RCLONE = "rclone"
RCLONE_UNPROVEN = "rclone, without checksums"
RCLONE_TUNED = "rclone, chunks of 255 KiB"
RCLONE_BY_TIME = "rclone, by size and time"
SCP = "scp -3"
SCP_GCM = "scp -3, aes128-gcm"
SFTP = "sftp, ls -1t"
FETCH_COPY = "Ansible fetch + copy"
TEXTBOOK = "paramiko get, put"

_MODULES = "ansible_collections.backhaul.sftp.plugins.modules"
_TEXTBOOK = Path(__file__).with_name("textbook.py")
Arguments = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Way:
    """One way to do the work of a workload; ``absent`` says why it cannot run here."""

    name: str
    command: tuple[str, ...] = ()
    absent: str = ""


def our_endpoint(place: Place) -> Arguments:
    """Return the options that reach a server."""
    return {
        "host": place.server.host,
        "port": place.port,
        "user": place.server.user,
        "private_key_file": str(place.server.client_key.path),
        "host_keys": list(place.server.host_keys),
        "use_agent": False,
    }


def our_module(site: Site, name: str, module: str, arguments: Arguments) -> Way:
    """Return a run of a module as Ansible runs it, without Ansible around it."""
    path = _written(site, name, {"ANSIBLE_MODULE_ARGS": arguments})
    return Way(name, (sys.executable, "-m", f"{_MODULES}.{module}", path))


def our_relay(site: Site, name: str, file: str, **options: t.Any) -> Way:
    """Return a relay of one file to every destination of the site."""
    return our_module(site, name, "sftp_relay", _relay_arguments(site, file, options))


def our_task(site: Site, name: str, file: str, **options: t.Any) -> Way:
    """Return the same as a task of a playbook."""
    task = {"backhaul.sftp.sftp_relay": _relay_arguments(site, file, options)}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    return _playbook(site, name, [play])


def _relay_arguments(site: Site, file: str, options: Arguments) -> Arguments:
    return {
        "source": {**our_endpoint(site.source), "path": site.source.path(file)},
        "destinations": [{**our_endpoint(place), "path": place.path(file)} for place in site.destinations],
        **options,
    }


def fetch_and_copy(site: Site, file: str) -> Way:
    """Return the two tasks that Ansible's own modules need, by way of a file on the controller."""
    between = str(site.folder / f"fetched-{file}")
    fetch = {"ansible.builtin.fetch": {"src": site.source.path(file), "dest": between, "flat": True}}
    plays: list[Arguments] = [{"hosts": site.source.name, "gather_facts": False, "tasks": [fetch]}]
    for place in site.destinations:
        copy = {"ansible.builtin.copy": {"src": between, "dest": place.path(file)}}
        plays.append({"hosts": place.name, "gather_facts": False, "tasks": [copy]})
    return _playbook(site, FETCH_COPY, plays)


def _playbook(site: Site, name: str, plays: t.Sequence[Arguments]) -> Way:
    beside = Path(sys.executable).with_name("ansible-playbook")
    program = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if program is None:
        return Way(name, absent="ansible-playbook is not installed")
    return Way(name, (program, "-i", str(site.folder / "inventory.json"), _written(site, name, plays)))


def rclone(site: Site, name: str, *arguments: str) -> Way:
    """Return a run of rclone; a failure is not tried again."""
    if not shutil.which("rclone"):
        return Way(name, absent="rclone is not installed")
    return Way(name, ("rclone", "--config", str(site.folder / "rclone.conf"), "--retries", "1", *arguments))


def rclone_copy(site: Site, name: str, file: str, *options: str) -> Way:
    """Return rclone's copy of one file to the site's first destination."""
    first = site.destinations[0]
    ends = (f"{site.source.name}:{site.source.path(file)}", f"{first.name}:{first.path(file)}")
    return rclone(site, name, "copyto", *options, *ends)


def scp(site: Site, name: str, file: str, *options: str) -> Way:
    """Return OpenSSH's copy between two servers through this machine, to the site's first destination."""
    first = site.destinations[0]
    ends = (f"{site.source.name}:{site.source.path(file)}", f"{first.name}:{first.path(file)}")
    return _openssh(site, name, "scp", "-3", *options, *ends)


def sftp_batch(site: Site, name: str, *lines: str) -> Way:
    """Return OpenSSH's sftp doing what the lines say at the source."""
    batch = site.folder / f"{_plain(name)}.batch"
    batch.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return _openssh(site, name, "sftp", "-q", "-b", str(batch), site.source.name)


def _openssh(site: Site, name: str, program: str, *arguments: str) -> Way:
    if not shutil.which(program):
        return Way(name, absent=f"{program} is not installed")
    return Way(name, (program, "-F", str(site.folder / "ssh_config"), *arguments))


def textbook(site: Site, file: str) -> Way:
    """Return paramiko's get and put, to the site's first destination."""
    if importlib.util.find_spec("paramiko") is None:
        return Way(TEXTBOOK, absent="paramiko is not installed")
    arguments = [str(site.folder / "known_hosts"), site.source.server.user]
    for place in (site.source, site.destinations[0]):
        arguments += [str(place.server.client_key.path), f"{place.server.host}:{place.port}", place.path(file)]
    return Way(TEXTBOOK, (sys.executable, "-I", str(_TEXTBOOK), *arguments))


def _written(site: Site, name: str, content: t.Any) -> str:
    number = len(list(site.folder.glob(f"{_plain(name)}-*.json")))
    path = site.folder / f"{_plain(name)}-{number}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def _plain(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)
