# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging the results of several runs."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, LinkError
from ansible_collections.backhaul.sftp.plugins.plugin_utils._merge import merge, required_successes
from ansible_collections.backhaul.sftp.plugins.plugin_utils._routes import Leg

Vars = t.Dict[str, t.Any]


def _leg(host: str, *indexes: int) -> Leg:
    return Leg(host, {"destinations": [{"path": f"/{index}"} for index in indexes]}, indexes)


def _entry(index: int, *, changed: bool = True, error: Vars | None = None) -> Vars:
    return {"host": "h", "path": f"/{index}", "state": "x", "changed": changed, "error": error}


def _result(*entries: Vars, **more: t.Any) -> Vars:
    return {"changed": True, "source": {"host": "s"}, "destinations": list(entries), "bytes_read": 5, **more}


GONE: Vars = {"failed": True, **LinkError("connect_failed", "it is gone", host="b", role="destination").to_fail_json()}


def test_destinations_keep_the_order_of_the_task() -> None:
    runs = [
        (_leg("a", 0, 2), _result(_entry(0), _entry(2), connections=[1], diff=[1], warnings=["w"])),
        (_leg("b", 1), _result(_entry(1, changed=False), connections=[2], diff=[2])),
    ]
    merged = merge(runs, required=3)
    assert [entry["path"] for entry in merged["destinations"]] == ["/0", "/1", "/2"]
    assert (merged["changed"], merged["bytes_read"], merged["source"]) == (True, 10, {"host": "s"})
    assert (merged["connections"], merged["diff"], merged["warnings"]) == ([1, 2], [1, 2], ["w"])
    assert "failed" not in merged


def test_a_failed_run_fails_its_own_destinations_only() -> None:
    merged = merge([(_leg("a", 0), _result(_entry(0))), (_leg("b", 1, 2), GONE)], required=3)
    assert merged["failed"]
    assert merged["msg"] == GONE["msg"]
    assert merged["error"]["code"] == "connect_failed"
    assert (merged["error"]["details"]["failed"], merged["error"]["details"]["succeeded"]) == (2, 1)
    assert [entry["state"] for entry in merged["destinations"]] == ["x", "failed", "failed"]
    assert [entry["host"] for entry in merged["destinations"]][1:] == ["b", "b"]
    assert merged["changed"]


def test_enough_successes_make_a_success_with_a_warning() -> None:
    merged = merge([(_leg("a", 0), _result(_entry(0))), (_leg("b", 1), GONE)], required=1)
    assert "failed" not in merged
    assert merged["warnings"] == ["b: it is gone"]


def test_ansibles_error_of_a_run_is_the_error_of_its_destinations() -> None:
    merged = merge([(_leg("a", 0), {"failed": True, "msg": "no such option"})], required=1)
    assert merged["destinations"][0]["error"]["message"] == "no such option"
    assert (merged["changed"], merged["bytes_read"], merged["connections"]) == (False, 0, [])


def test_a_destination_that_failed_within_a_run_counts() -> None:
    error = GONE["error"]
    runs = [(_leg("a", 0, 1), _result(_entry(0), _entry(1, error=error), failed=True, msg="one", error=error))]
    assert merge(runs, required=2)["msg"] == "one"
    assert "msg" not in merge(runs, required=1)


@pytest.mark.parametrize(("given", "required"), [(None, 2), ("", 2), (1, 1), ("2", 2)])
def test_all_must_succeed_without_min_success(given: object, required: int) -> None:
    assert required_successes({"min_success": given, "destinations": [1, 2]}) == required


@pytest.mark.parametrize("given", [0, 3, "-1", "many"])
def test_min_success_above_the_number_of_destinations_is_refused(given: object) -> None:
    with pytest.raises(InputError):
        required_successes({"min_success": given, "destinations": [1, 2]})


def _file(name: str, *entries: Vars) -> Vars:
    return {"source": {"path": name}, "changed": False, "destinations": list(entries)}


def test_files_have_the_destinations_of_all_runs() -> None:
    runs = [
        (_leg("a", 0, 2), _result(_entry(0), _entry(2), files=[_file("f", _entry(0), _entry(2))], passed_over=["p"])),
        (_leg("b", 1), _result(_entry(1), files=[_file("f", _entry(1)), _file("new", _entry(1))], passed_over=["p"])),
        (_leg("c", 3), GONE),
    ]
    merged = merge(runs, required=3)
    assert [file["source"]["path"] for file in merged["files"]] == ["f", "new"]
    assert [entry["path"] for entry in merged["files"][0]["destinations"]] == ["/0", "/1", "/2", "/3"]
    assert merged["files"][0]["destinations"][3]["state"] == "failed"
    assert merged["files"][0]["changed"]
    assert merged["passed_over"] == ["p"]


def test_an_incomplete_source_fails_although_all_destinations_succeeded() -> None:
    error = GONE["error"]
    runs = [(_leg("a", 0), _result(_entry(0), failed=True, msg="unreadable", error=error, files=[]))]
    merged = merge(runs, required=1)
    assert (merged["failed"], merged["msg"], merged["error"]) == (True, "unreadable", error)
