# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Checking secrets before Ansible does: each is a text, or is refused without being shown.

Ansible converts any value to text and shows values in its refusals. It masks a secret only where the same letters
occur: not a key inside a list, and not a secret whose quotes or line breaks were escaped.
"""

from __future__ import annotations

import json
import typing as t

from ansible.module_utils.common.validation import check_type_dict, check_type_list

from .._errors import InputError

Params = t.Dict[str, t.Any]
Spec = t.Mapping[str, t.Any]
# Parameters, or a part of them: any value of YAML.
Value = t.Any

_KINDS: t.Mapping[type, str] = {bool: "a boolean", bytes: "bytes", dict: "a mapping", list: "a list"}
HIDDEN = "VALUE_NOT_SHOWN"
_AS_TEXT = (
    "Put a password in quotes. A private key is one text with line breaks, as in a block that begins with '|' or from"
    " lookup('ansible.builtin.file', ...)."
)


def checked_arguments(arguments: t.Mapping[str, Value], spec: Spec) -> tuple[Params, set[str]]:
    """Return the arguments of a task as Ansible may look at them, and what must be masked in all output.

    Secrets are texts, and values of options that do not exist are hidden. Raises InputError, see ``checked_secrets``.
    """
    checked = without_unknown(checked_secrets(arguments, spec), spec)
    return checked, spellings(checked, spec)


def checked_secrets(params: t.Mapping[str, Value], spec: Spec, *, within: str = "") -> Params:
    """Return parameters in which every option that the spec calls secret is a text or None.

    Numbers become texts, as YAML makes them of passwords without quotes. ``invalid_input`` for anything else names the
    option and its type, and never the value; likewise for an option with suboptions that is no mapping, or no list of
    them. ``within`` is the option that these are suboptions of.
    """
    checked = dict(params)
    for name, option in spec.items():
        value, place = checked.get(name), f"{within}.{name}" if within else name
        if value is None or (isinstance(value, str) and not value.strip()):  # a field that was left empty in AWX
            continue
        if option.get("no_log"):
            checked[name] = _text(value, place)
        elif "options" in option:
            checked[name] = _checked_suboptions(value, option, place)
    return checked


def _checked_suboptions(value: Value, option: Spec, place: str) -> Value:
    if option["type"] == "dict":
        return checked_secrets(_mapping(value, place), option["options"], within=place)
    try:
        entries = check_type_list(value)
    except TypeError:
        raise _wrong_type(place, value, "a list of mappings") from None
    return [
        checked_secrets(_mapping(entry, f"{place}[{index}]"), option["options"], within=f"{place}[{index}]")
        for index, entry in enumerate(entries)
    ]


def _mapping(value: Value, place: str) -> t.Mapping[str, Value]:
    """Return a mapping; a text may hold one, as on the command line of ``ansible``."""
    if isinstance(value, t.Mapping):
        return value
    try:
        return t.cast("t.Mapping[str, Value]", check_type_dict(value))
    except Exception:  # noqa: BLE001 - the text of any error may show the value
        raise _wrong_type(place, value, "a mapping") from None


def _text(value: Value, place: str) -> str:
    if isinstance(value, (bool, bytes, list, tuple, set, t.Mapping)):
        raise _wrong_type(place, value, "a text")
    return str(value)


def _wrong_type(place: str, value: Value, expected: str) -> InputError:
    kind = next((said for kind, said in _KINDS.items() if isinstance(value, kind)), f"of type {type(value).__name__}")
    return InputError(
        "invalid_input",
        f"{place} is {kind}, and must be {expected}; its value is not shown",
        remedy=_AS_TEXT if expected == "a text" else "",
        details={"option": place},
    )


def without_unknown(params: t.Mapping[str, Value], spec: Spec) -> Params:
    """Return parameters without the values of options that do not exist; a misspelt one may be a secret."""
    return {
        name: _known(value, spec[name]) if name in spec else value if name.startswith("_ansible_") else HIDDEN
        for name, value in params.items()
    }


def _known(value: Value, option: Spec) -> Value:
    if "options" not in option:
        return value
    if isinstance(value, list):
        return [without_unknown(entry, option["options"]) for entry in value]
    return without_unknown(value, option["options"]) if isinstance(value, t.Mapping) else value


def spellings(params: t.Mapping[str, Value], spec: Spec) -> set[str]:
    """Return every secret in checked parameters in all its spellings."""
    found: set[str] = set()
    for name, option in spec.items():
        value = params.get(name) or ()
        if option.get("no_log"):
            found |= spelled(value) if value else set()
        elif "options" in option:
            entries = value if isinstance(value, list) else [value]
            found.update(*(spellings(entry, option["options"]) for entry in entries if isinstance(entry, t.Mapping)))
    return found


def spelled(secret: str) -> set[str]:
    """Return a secret as it is, and as Python and JSON write it between quotes; nothing for a blank one."""
    texts = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {text for text in texts if text.strip()}
