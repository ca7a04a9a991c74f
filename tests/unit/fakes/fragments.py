# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of shared options in the form of an argument spec, to compare it with the spec factories."""

from __future__ import annotations

import importlib
import typing as t

import yaml

Options = t.Dict[str, t.Dict[str, t.Any]]


def documented(name: str, part: str = "DOCUMENTATION") -> Options:
    """Return the options of a part of the fragment ``name``, in the form of comparable()."""
    fragment = importlib.import_module(
        f"ansible_collections.backhaul.sftp.plugins.doc_fragments.{name}"
    ).ModuleDocFragment
    return _comparable(yaml.safe_load(getattr(fragment, part))["options"], inner="suboptions")


def comparable(spec: t.Mapping[str, t.Any]) -> Options:
    """Return what a spec and its documentation must both state of each option."""
    return _comparable(spec, inner="options")


def _comparable(options: t.Mapping[str, t.Any], *, inner: str) -> Options:
    found: Options = {}
    for name, option in options.items():
        found[name] = {
            "type": option["type"],
            "elements": option.get("elements"),
            "choices": sorted(option.get("choices", [])),
            "default": option.get("default"),
            "required": option.get("required", False),
            "options": _comparable(option.get(inner, {}), inner=inner),
        }
    return found
