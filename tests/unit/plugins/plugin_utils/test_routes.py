# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning the hosts that run the parts of a relay."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._endpoints import EndpointResolver
from ansible_collections.backhaul.sftp.plugins.plugin_utils._routes import Leg, is_routed, plan_legs

Vars = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Hosts(EndpointResolver):
    """An inventory in which ``here`` is the controller, and the play runs on ``play``."""

    def resolve(self, given: object, *, role: str, is_jump: bool = False) -> object:
        end = t.cast(Vars, given)
        if self.is_this_machine(end.get("inventory_host", ""), role=role) or end.get("local"):
            return {**end, "local": True}
        return {"host": "address", "known_hosts_files": [], **end}

    def is_this_machine(self, named: str, *, role: str) -> bool:
        return named == "here"

    def play_host(self) -> str:
        return "play"


def _end(name: str, **more: t.Any) -> Vars:
    return {"inventory_host": name, "path": f"/{name}", **more}


def _legs(route: str, source: Vars, *destinations: Vars) -> list[Leg]:
    nothing: t.Any = None
    hosts = Hosts(nothing, nothing, nothing, nothing, nothing, {})
    return plan_legs({"route": route, "source": source, "destinations": list(destinations)}, hosts)


def test_the_source_runs_the_module_once_with_its_own_files() -> None:
    (leg,) = _legs("source", _end("a", password="x", port=22), _end("b"), {"path": "/p"})
    assert (leg.host, leg.indexes) == ("a", (0, 1))
    assert leg.arguments["source"] == {"inventory_host": "a", "path": "/a", "local": True}
    assert [end["use_agent"] for end in leg.arguments["destinations"]] == [False, False]
    assert leg.arguments["route"] == "source"


def test_a_list_of_paths_goes_with_the_source() -> None:
    (leg,) = _legs("source", {"inventory_host": "a", "paths": ["/a", "/b"]}, _end("b"))
    assert leg.arguments["source"] == {"inventory_host": "a", "paths": ["/a", "/b"], "local": True}


def test_each_destination_host_runs_the_module_once() -> None:
    legs = _legs("destination", _end("a"), _end("b"), {"path": "/p"}, _end("b"), _end("play"))
    assert [(leg.host, leg.indexes) for leg in legs] == [("b", (0, 2)), ("play", (1, 3))]
    assert [end["path"] for end in legs[1].arguments["destinations"]] == ["/p", "/play"]
    assert all(end["local"] for leg in legs for end in leg.arguments["destinations"])
    assert {leg.arguments["source"]["host"] for leg in legs} == {"address"}


@pytest.mark.parametrize("end", [_end("here"), {"local": True, "path": "/x"}])
def test_an_end_on_the_controller_runs_on_the_controller(end: Vars) -> None:
    (leg,) = _legs("source", end, _end("b"))
    assert leg.host == ""
    assert "use_agent" not in leg.arguments["destinations"][0]
    assert [leg.host for leg in _legs("destination", _end("a"), end, _end("b"))] == ["", "b"]


@pytest.mark.parametrize("end", [_end("here"), {"local": True, "path": "/x"}])
def test_the_controllers_files_are_refused_for_other_hosts(end: Vars) -> None:
    """With ``local`` the module would use files of its own host as if they were those of the controller."""
    for route, ends in (("source", (_end("a"), end)), ("destination", (end, _end("b")))):
        with pytest.raises(InputError, match="controller's own file system"):
            _legs(route, *ends)


def test_a_host_outside_the_inventory_cannot_run_the_module() -> None:
    spelled = {"host": "192.0.2.1", "path": "/x"}
    for route, ends in (("source", (spelled, _end("b"))), ("destination", (_end("a"), spelled))):
        with pytest.raises(InputError, match="inventory_host"):
            _legs(route, *ends)
    (leg,) = _legs("source", _end("a", host="192.0.2.1"), spelled)
    assert leg.host == "a"


@pytest.mark.parametrize(
    "changed",
    [
        {"route": "controller"},
        {"route": "sauce"},
        {"source": "x"},
        {"destinations": "x"},
        {"destinations": []},
        {"destinations": ["x"]},
    ],
)
def test_an_invalid_route_is_left_to_the_module(changed: Vars) -> None:
    arguments: Vars = {"route": "source", "source": {}, "destinations": [{}]}
    assert is_routed(arguments)
    assert not is_routed({**arguments, **changed})
    assert not is_routed({})
