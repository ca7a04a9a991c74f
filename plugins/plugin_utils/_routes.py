# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Plan a routed relay: the hosts that run the module, and the part of the task for each of them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..module_utils._errors import InputError
from ._endpoints import EndpointResolver, is_local
from ._portable import portable

Params = t.Dict[str, t.Any]
ROUTES = ("source", "destination")


@dataclass(frozen=True)
class Leg:
    """One run of the module on ``host``; an empty ``host`` is the controller.

    ``indexes`` are the positions of its destinations in the task's list.
    """

    host: str
    arguments: Params
    indexes: tuple[int, ...]


def is_routed(arguments: t.Mapping[str, t.Any]) -> bool:
    """Return whether the module runs on an end of the relay. False for invalid arguments, which the module refuses."""
    destinations = arguments.get("destinations")
    entries = destinations if isinstance(destinations, list) else []
    ends = [arguments.get("source"), *entries]
    return arguments.get("route") in ROUTES and bool(entries) and all(isinstance(end, t.Mapping) for end in ends)


def plan_legs(arguments: t.Mapping[str, t.Any], resolver: EndpointResolver) -> list[Leg]:
    """Return the runs of a task. Raises InputError when an end cannot run the module or cannot be reached from it."""
    source, entries = arguments["source"], list(arguments["destinations"])
    if arguments["route"] == "source":
        host = _host_of(source, resolver, role="source", route="source")
        far = [_remote_end(entry, resolver, host, role="destination") for entry in entries]
        near = _local_end(source, host, resolver, role="source")
        return [Leg(host, {**arguments, "source": near, "destinations": far}, tuple(range(len(entries))))]
    hosts = [_host_of(entry, resolver, role="destination", route="destination") for entry in entries]
    legs = []
    for host in dict.fromkeys(hosts):
        indexes = tuple(index for index, its_host in enumerate(hosts) if its_host == host)
        local_ends = [_local_end(entries[index], host, resolver, role="destination") for index in indexes]
        remote_end = _remote_end(source, resolver, host, role="source")
        legs.append(Leg(host, {**arguments, "source": remote_end, "destinations": local_ends}, indexes))
    return legs


def _host_of(end: t.Mapping[str, t.Any], resolver: EndpointResolver, *, role: str, route: str) -> str:
    """Return the inventory name of the end that runs the module; an empty text for the controller."""
    if is_local(end):
        return ""
    named, address = (str(end.get(name) or "").strip() for name in ("inventory_host", "host"))
    if address and not named:
        raise InputError(
            "invalid_input",
            f"with 'route: {route}' the module runs there, and Ansible has no way to a server that 'host' spells out",
            remedy="Name it by 'inventory_host', or leave out the route: the controller then carries the data.",
            role=role,
            host=address,
        )
    return "" if resolver.is_this_machine(named, role=role) else named or resolver.play_host()


def _local_end(end: t.Mapping[str, t.Any], host: str, resolver: EndpointResolver, *, role: str) -> object:
    """Return the end whose files are local to the module, without the suboptions to log in there."""
    if not host:
        return resolver.resolve(end, role=role)
    kept = {key: value for key, value in end.items() if key in ("path", "paths")}
    return {**kept, "inventory_host": host, "local": True}


def _remote_end(end: t.Mapping[str, t.Any], resolver: EndpointResolver, host: str, *, role: str) -> object:
    """Return an end with everything that the module on ``host`` needs to connect to it."""
    resolved = resolver.resolve(end, role=role)
    if not host or not isinstance(resolved, t.Mapping):
        return resolved
    if is_local(resolved):
        raise InputError(
            "invalid_input",
            f"it is the controller's own file system, which is out of reach for {host}",
            remedy="Leave out the route, or take the route to the other end.",
            role=role,
        )
    return portable(resolved, role=role)
