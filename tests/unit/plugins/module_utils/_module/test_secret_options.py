# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of the wrong type are refused and not shown, wherever they are."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.handover import SECRET_SUBOPTIONS
from ansible_collections.backhaul.sftp.plugins.module_utils._module.secret_options import (
    HIDDEN,
    checked_secrets,
    spelled,
    spellings,
    without_unknown,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import destinations_spec, source_spec
from ansible_collections.backhaul.sftp.plugins.module_utils._options.paths import put_spec

RELAY = {**source_spec(), **destinations_spec()}
CANARY = "pä'ss\"word"


def refusal(params: dict[str, t.Any], spec: t.Mapping[str, t.Any] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        checked_secrets(params, spec or RELAY)
    error = caught.value
    assert error.code == "invalid_input"
    assert error.__suppress_context__ or error.__context__ is None
    shown = json.dumps(error.to_fail_json(), ensure_ascii=False)
    assert not any(spelling in shown for spelling in spelled(CANARY))
    return error


@pytest.mark.parametrize(
    ("value", "kind"),
    [([CANARY], "a list"), ({"pem": CANARY}, "a mapping"), (True, "a boolean"), (CANARY.encode(), "bytes")],
)
@pytest.mark.parametrize("option", sorted(SECRET_SUBOPTIONS))
def test_a_secret_of_the_wrong_type_is_refused_by_its_name(option: str, value: object, kind: str) -> None:
    for params, place in (
        ({"source": {"host": "h", option: value}}, f"source.{option}"),
        ({"source": {}, "destinations": [{"path": "/"}, {option: value}]}, f"destinations[1].{option}"),
        ({"source": {"jump": [{"host": "j", option: value}]}}, f"source.jump[0].{option}"),
    ):
        error = refusal(params)
        assert error.cause == f"{place} is {kind}, and must be a text; its value is not shown"
        assert error.details == {"option": place}


def test_content_is_a_secret_too() -> None:
    assert refusal({"content": [CANARY]}, put_spec()).details == {"option": "content"}


@pytest.mark.parametrize(
    "params",
    [
        {"source": [[{"password": CANARY}]]},
        {"source": [CANARY]},
        {"source": CANARY},
        {"source": {"jump": {"host": "j", "password": CANARY}}},
        {"source": {"jump": [[{"password": CANARY}]]}},
        {"destinations": {"password": CANARY}},
        {"destinations": [CANARY]},
        {"destinations": [[{"password": CANARY}]]},
    ],
)
def test_an_endpoint_of_the_wrong_shape_is_refused_and_not_shown(params: dict[str, t.Any]) -> None:
    assert "mapping" in refusal(params).cause


def test_what_is_right_stays_and_numbers_become_texts() -> None:
    right = {
        "source": {"password": " p ", "private_key": "", "private_key_passphrase": None, "other": [1]},
        "destinations": [{"password": 1234}, {"jump": [{"password": 1.5}]}, {"jump": ""}],
        "more": {"password": ["not ours"]},
        "_ansible_check_mode": True,
    }
    checked = checked_secrets(right, RELAY)
    assert checked == {
        **right,
        "destinations": [{"password": "1234"}, {"jump": [{"password": "1.5"}]}, {"jump": ""}],
    }
    assert checked_secrets({"source": "", "destinations": None}, RELAY) == {"source": "", "destinations": None}


def test_an_endpoint_may_be_a_text_as_on_the_command_line() -> None:
    given = {"source": '{"host": "h", "password": "p"}', "destinations": "host=a password=1"}
    assert checked_secrets(given, RELAY) == {
        "source": {"host": "h", "password": "p"},
        "destinations": [{"host": "a", "password": "1"}],
    }


def test_values_of_options_that_do_not_exist_are_hidden() -> None:
    """A misspelt option may well hold a secret, and Ansible shows all values when it names it."""
    given = {
        "source": {"host": "h", "pasword": CANARY, "jump": [{"privat_key": CANARY}]},
        "destinations": [{"pasword": CANARY, "path": "/"}],
        "pasword": CANARY,
        "_ansible_verbosity": 3,
    }
    assert without_unknown(given, RELAY) == {
        "source": {"host": "h", "pasword": HIDDEN, "jump": [{"privat_key": HIDDEN}]},
        "destinations": [{"pasword": HIDDEN, "path": "/"}],
        "pasword": HIDDEN,
        "_ansible_verbosity": 3,
    }


def test_every_spelling_of_a_secret_is_known() -> None:
    params = {"source": {"password": CANARY, "jump": [{"private_key": "a\nb"}, {"password": " "}]}, "destinations": ""}
    found = spellings(params, RELAY)
    assert found == spelled(CANARY) | {"a\nb", "a\\nb"}
    for text in (repr([CANARY]), json.dumps([CANARY]), json.dumps([CANARY], ensure_ascii=False)):
        assert any(spelling in text for spelling in found)
