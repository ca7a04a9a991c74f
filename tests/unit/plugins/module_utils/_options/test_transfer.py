# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the options of a transfer are read."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._options.transfer import (
    read_relay_options,
    read_retries,
    route_spec,
    transfer_spec,
)
from ansible_collections.backhaul.sftp.tests.unit.fakes.fragments import comparable, documented
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import parameters


def why(read: t.Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code in ("invalid_input", "unsafe_path")
    return caught.value.cause


@pytest.mark.parametrize(
    ("mode", "bits", "preserve"),
    [
        (None, None, False),
        ("", None, False),
        ("0640", 0o640, False),
        ("640", 0o640, False),
        ("0o640", 0o640, False),
        (0o640, 0o640, False),
        ("preserve", None, True),
        ("7777", 0o7777, False),
        ("0", 0, False),
    ],
)
def test_modes(mode: object, bits: int | None, preserve: bool) -> None:
    read = read_relay_options(parameters(transfer_spec(), mode=mode))
    assert (read.mode, read.preserve_mode) == (bits, preserve)


@pytest.mark.parametrize("mode", ["0888", "rw", "u=rw", "-1", "10000", -1, 0o10000, True, 0.5, [], "0640 "])
def test_an_invalid_mode_is_refused(mode: object) -> None:
    if mode == "0640 ":
        assert read_relay_options(parameters(transfer_spec(), mode=mode)).mode == 0o640
        return
    assert "mode" in why(lambda: read_relay_options(parameters(transfer_spec(), mode=mode)))


def test_retries() -> None:
    read = read_retries(parameters(transfer_spec(), retries=5, retry_delay="2s"))
    assert (read.retries, read.base_seconds) == (5, 2)
    assert "retries" in why(lambda: read_retries(parameters(transfer_spec(), retries=-1)))


def test_the_fragment_documents_these_specs() -> None:
    assert comparable(transfer_spec()) == documented("_transfer")
    assert comparable(route_spec()) == documented("_transfer", "ROUTE")
