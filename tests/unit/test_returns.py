# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RETURN of the modules: its shared parts come from one file, and it has every key that a module returns."""

from __future__ import annotations

import importlib
import os
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.backhaul.sftp.plugins.module_utils import _model
from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.plugins.module_utils._module import file_reports
from ansible_collections.backhaul.sftp.plugins.module_utils._module.find import FIND
from ansible_collections.backhaul.sftp.plugins.module_utils._module.get import GET
from ansible_collections.backhaul.sftp.plugins.module_utils._module.info import INFO
from ansible_collections.backhaul.sftp.plugins.module_utils._module.put import PUT
from ansible_collections.backhaul.sftp.plugins.module_utils._module.relay import RELAY
from ansible_collections.backhaul.sftp.plugins.module_utils._module.request import (
    Module,
    Request,
    perform,
    result_fields,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._options.attributes import log_spec
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.tools import returns
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of, parameters

# Every Ansible module may return these.
STANDARD = {"changed", "msg", "invocation"}
# Data of which RETURN lists no keys: they differ by the error, the server or the configuration.
OPEN = {"details", "extensions", "counts", "skipped_counts"}
# Entries that RETURN explains in the form of another key.
SAME_FORM = {"retried": {"code", "role", "message"}, "diff": {"before", "after", "before_header", "after_header"}}
# Keys that RETURN describes as those of another key of the module; the others are those of the same name at the top.
FORM_OF = {"latest": "files", "connections": "connection"}
LOCAL = {"local": True}


def documented(module: Module) -> dict[str, t.Any]:
    name = module.name.rpartition(".")[2]
    module_file = importlib.import_module(f"ansible_collections.backhaul.sftp.plugins.modules.{name}")
    return t.cast("dict[str, t.Any]", yaml.safe_load(module_file.RETURN))


def missing(result: t.Mapping[str, t.Any], returned: t.Mapping[str, t.Any], top: t.Mapping[str, t.Any]) -> set[str]:
    """Return the dotted names of a result's keys that RETURN lacks: neither described nor in a sample."""
    found = set()
    for key, value in result.items():
        if key not in returned:
            found.add(key)
            continue
        if key in OPEN:
            continue
        inner = value if isinstance(value, list) else [value]
        for entry in inner:
            if isinstance(entry, dict):
                found |= {f"{key}.{name}" for name in missing(entry, _inside(key, returned[key], top), top)}
    return found


def _inside(key: str, entry: t.Mapping[str, t.Any], top: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what RETURN says of the keys inside of a key."""
    if key in SAME_FORM:
        return dict.fromkeys(SAME_FORM[key])
    if "description" not in entry:
        return dict(entry)  # inside of a sample
    if key == "latest" or not {"contains", "sample"} & set(entry):
        entry = top[FORM_OF.get(key, key)]
    sample = entry.get("sample")
    sample = sample[0] if isinstance(sample, list) and sample else sample
    sample = sample if isinstance(sample, dict) else {}
    nested = {key: value for key, value in sample.items() if isinstance(value, dict)}
    return {**sample, **entry.get("contains", {}), **nested}


def run(module: Module, given: t.Mapping[str, t.Any], *, check_mode: bool) -> dict[str, t.Any]:
    params = parameters({**module.argument_spec, **log_spec()}, **given)
    request = Request(params=params, check_mode=check_mode, diff_mode=True)
    return result_fields(perform(module.body, request, limit_seconds=0), params)


def undocumented(module: Module, given: t.Mapping[str, t.Any], *, check_mode: bool = False) -> set[str]:
    """Return the keys of a run's result that the module's RETURN lacks."""
    result = run(module, given, check_mode=check_mode)
    returned = documented(module)
    return missing({key: value for key, value in result.items() if key not in STANDARD}, returned, returned)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a directory with a file, a name that is not UTF-8, a link and a directory."""
    top = tmp_path / "in"
    (top / "sub").mkdir(parents=True)
    (top / "a.txt").write_bytes(b"content")
    (top / "sub" / "b.txt").write_bytes(b"content")
    (top / "link").symlink_to("a.txt")
    Path(os.fsdecode(os.fsencode(top) + b"/\xff")).write_bytes(b"content")
    return top


def test_the_shared_parts_are_those_of_the_one_file() -> None:
    assert [path.name for path in returns.outdated()] == [], "run: .venv/bin/python tests/tools/returns.py --write"


def test_a_part_that_was_changed_in_a_module_is_noticed() -> None:
    parts = {"one": "a: $word\n"}
    changed = "  # begin shared: one word='x y'\n  a: z\n  # end shared: one\n"
    assert returns.module_text(changed, parts) == changed.replace("a: z", "a: x y")


def test_a_part_may_include_another() -> None:
    parts = returns.read_parts("one:\n  a:\n    # include: two\n\ntwo:\n  b: $word\n")
    assert returns.part_text(parts, "one", {"word": "c"}) == "a:\n  b: c\n"


@pytest.mark.parametrize("module", [FIND, GET, INFO, PUT, RELAY], ids=lambda module: module.name)
def test_every_part_that_a_module_names_is_generated(module: Module) -> None:
    text = (returns.MODULES / f"{module.name.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    assert text.count("# begin shared:") == text.count("# end shared:") == len(returns.placed_names(text))


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("name", ["a.txt", "", "\udcff", "missing"])
def test_get_and_put_document_every_key(source: Path, tmp_path: Path, name: str, check_mode: bool) -> None:
    given = {"endpoint": LOCAL, "src": f"{source}/{name}", "dest": f"{tmp_path}/out/", "create_directories": True}
    for module in (GET, PUT):
        assert undocumented(module, given, check_mode=check_mode) == set()


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("name", ["a.txt", "", "\udcff", "missing"])
def test_relay_documents_every_key(source: Path, tmp_path: Path, name: str, check_mode: bool) -> None:
    (tmp_path / "file").write_bytes(b"")
    given = {
        "source": {**LOCAL, "path": f"{source}/{name}"},
        "destinations": [{**LOCAL, "path": f"{tmp_path}/{out}/"} for out in ("one", "file")],
        "create_directories": True,
    }
    assert undocumented(RELAY, given, check_mode=check_mode) == set()


def test_relay_of_a_list_documents_every_key(source: Path, tmp_path: Path) -> None:
    given = {
        "source": {**LOCAL, "paths": [f"{source}/a.txt", f"{source}/missing"]},
        "destinations": [{**LOCAL, "path": f"{tmp_path}/"}],
    }
    assert undocumented(RELAY, given) == set()


def test_find_documents_every_key(source: Path) -> None:
    given = {"endpoint": LOCAL, "path": str(source), "checksum": "sha256"}
    assert undocumented(FIND, given) == set()
    assert undocumented(FIND, {**given, "patterns": "nothing-has-this-name"}) == set()


def test_info_and_find_document_every_key_of_a_server(lab: SharedLab) -> None:
    server = lab.openssh()
    folder = server.root / "returns"
    folder.mkdir(exist_ok=True)
    (folder / "a").write_bytes(b"content")
    given = {"endpoint": endpoint_of(server), "path": server.remote_path(folder)}
    for module in (INFO, FIND):
        assert undocumented(module, given) == set()
        assert undocumented(module, {**given, "path": "/missing"}) == set()


def test_a_retried_attempt_has_the_keys_that_return_names() -> None:
    failed_attempt = _model.FailedAttempt("link_lost", "source", "the connection ended")
    assert set(vars(failed_attempt)) == SAME_FORM["retried"]


def test_nothing_that_is_returned_for_a_copy_is_left_out() -> None:
    outcome = documented(RELAY)["destinations"]["contains"]
    assert set(file_reports.NOTHING_DONE) <= set(outcome)
    error = LinkError("link_lost", "it ended", path=b"\xff").to_dict()
    assert set(error) == set(documented(RELAY)["error"]["contains"])
