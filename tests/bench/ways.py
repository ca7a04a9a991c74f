# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's ways to do the work: modules as programs, and tasks of a playbook."""

from __future__ import annotations

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
OURS_TO_ONE = "ours, to one destination"
OURS_WITHOUT_SLOW = "ours, without the slow destination"
OURS_BY_SOURCE = "ours, route: source"
OURS_BY_DESTINATION = "ours, route: destination"
OURS_OF_A_TENTH = "ours, a tenth of the files"

_MODULES = "ansible_collections.backhaul.sftp.plugins.modules"
Arguments = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Way:
    """One way to do the work of a workload; ``absent`` is why it cannot run on this machine."""

    name: str
    command: tuple[str, ...] = ()
    absent: str = ""


def our_endpoint(place: Place) -> Arguments:
    """Return the connection options of a server."""
    return {
        "host": place.server.host,
        "port": place.port,
        "user": place.server.user,
        "private_key_file": str(place.server.client_key.path),
        "host_keys": list(place.server.host_keys),
        "use_agent": False,
    }


def our_module(site: Site, name: str, module: str, arguments: Arguments) -> Way:
    """Return a run of a module file without Ansible."""
    path = written(site, name, {"ANSIBLE_MODULE_ARGS": arguments})
    return Way(name, (sys.executable, "-m", f"{_MODULES}.{module}", path))


def our_relay(site: Site, name: str, file: str, *, to: t.Sequence[Place] | None = None, **options: t.Any) -> Way:
    """Return a relay of one file, by default to every destination of the site."""
    places = site.destinations if to is None else to
    ends = [{**our_endpoint(place), "path": place.path(file)} for place in places]
    source = {**our_endpoint(site.source), "path": site.source.path(file)}
    return our_module(site, name, "sftp_relay", {"source": source, "destinations": ends, **options})


def our_task(site: Site, name: str, file: str, **options: t.Any) -> Way:
    """Return a relay to every destination as a task of a playbook; ``route`` is where it runs."""
    source, *ends = ({**_end(place, options.get("route")), "path": place.path(file)} for place in site.places)
    task = {"backhaul.sftp.sftp_relay": {"source": source, "destinations": ends, **options}}
    return playbook(site, name, [{"hosts": "localhost", "connection": "local", "tasks": [task]}])


def _end(place: Place, route: str | None) -> Arguments:
    works_here = route is not None and place.name.startswith(route)
    return {"inventory_host": place.name} if works_here else our_endpoint(place)


def playbook(site: Site, name: str, plays: t.Sequence[Arguments]) -> Way:
    """Return a run of ansible-playbook, without facts."""
    beside = Path(sys.executable).with_name("ansible-playbook")
    program = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if program is None:
        return Way(name, absent="ansible-playbook is not installed")
    content = [{"gather_facts": False, **play} for play in plays]
    return Way(name, (program, "-i", str(site.folder / "inventory.json"), written(site, name, content)))


def written(site: Site, name: str, content: t.Any) -> str:
    """Write the input of a command as JSON and return the path."""
    number = len(list(site.folder.glob(f"{plain(name)}-*.json")))
    path = site.folder / f"{plain(name)}-{number}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def plain(name: str) -> str:
    """Return a way's name as a part of a file name."""
    return "".join(character if character.isalnum() else "_" for character in name)
