# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths as options, and which options of all specs are secrets."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._options import paths
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import (
    destinations_spec,
    endpoint_spec,
    source_spec,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._options.selection import selection_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.transfer import transfer_spec


def why(read: t.Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code in ("invalid_input", "unsafe_path")
    return caught.value.cause


@pytest.mark.parametrize(
    ("text", "path"), [("/a b", b"/a b"), ("/ü", "/ü".encode()), ("/\udcff", b"/\xff"), ("{{ x }}", b"{{ x }}")]
)
def test_a_path_is_bytes(text: str, path: bytes) -> None:
    assert paths.read_path(text, option="path") == path


@pytest.mark.parametrize("text", ["", "/a\0b", "/\ud800"])
def test_an_invalid_path_is_refused(text: str) -> None:
    assert "path" in why(lambda: paths.read_path(text, option="path"))


def walk(spec: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, t.Mapping[str, t.Any]]]:
    for name, option in spec.items():
        yield name, option
        yield from walk(option.get("options", {}))


def test_every_secret_has_no_log_and_every_similar_name_states_it() -> None:
    spec = {**source_spec(), **destinations_spec(), **endpoint_spec()}
    hidden = {name for name, option in walk(spec) if option.get("no_log")}
    assert hidden == {"password", "private_key", "private_key_passphrase"}
    for name, option in walk({**spec, **transfer_spec(), **selection_spec()}):
        if any(part in name for part in ("key", "pass", "secret", "token")) and option["type"] not in ("bool", "float"):
            assert "no_log" in option, name
