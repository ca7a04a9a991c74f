# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the role's variables to the modules' options: what one learns, the other must learn too."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml

from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import endpoint_suboptions
from ansible_collections.backhaul.sftp.plugins.module_utils._options.selection import selection_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.transfer import transfer_spec

ROLE = pathlib.Path(__file__).resolve().parents[2] / "roles" / "backup_relay"
Spec = t.Dict[str, t.Any]
# The modules have the defaults; the role hands on only what it was given.
ABOUT_TYPES = ("type", "elements", "choices", "no_log", "options", "required")


def _read(name: str) -> t.Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def _options() -> Spec:
    return t.cast(Spec, _read("meta/argument_specs.yml")["argument_specs"]["main"]["options"])


def _types(spec: Spec) -> Spec:
    """Return what a spec says about types, at every level."""
    return {
        name: {key: _types(value) if key == "options" else value for key, value in option.items() if key in ABOUT_TYPES}
        for name, option in spec.items()
    }


@pytest.mark.parametrize("variable", ["backup_relay_source", "backup_relay_destinations"])
def test_an_endpoint_has_the_suboptions_that_the_modules_know(variable: str) -> None:
    path = {"path": {"type": "str", "required": True}}
    assert _types(_options()[variable]["options"]) == _types({**endpoint_suboptions(), **path})


def test_choices_are_those_of_the_modules() -> None:
    options = _options()
    assert options["backup_relay_order_by"]["choices"] == selection_spec()["order_by"]["choices"]
    assert sorted(options["backup_relay_verify"]["choices"]) == sorted(transfer_spec()["verify"]["choices"])
    digests = options["backup_relay_source_digest"]["choices"]
    assert sorted(digests) == sorted(transfer_spec()["source_digest"]["choices"])


def test_documented_defaults_are_the_real_ones() -> None:
    documented = {name: option["default"] for name, option in _options().items() if "default" in option}
    assert documented == _read("defaults/main.yml")
