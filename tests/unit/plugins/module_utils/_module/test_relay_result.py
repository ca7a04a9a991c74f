# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides whether a relay failed."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.relay_result import read_needed, relay_result


def _error(host: str) -> RemoteError:
    return RemoteError("not_found", "it is gone", remedy="Look for it.", role="destination", host=host)


@pytest.mark.parametrize(("given", "needed"), [(None, 3), (1, 1), (3, 3)])
def test_all_must_succeed_unless_it_says_otherwise(given: int | None, needed: int) -> None:
    assert read_needed(given, 3) == needed


@pytest.mark.parametrize("given", [0, -1, 4])
def test_a_number_that_cannot_be(given: int) -> None:
    with pytest.raises(InputError, match="min_success"):
        read_needed(given, 3)


def test_enough_successes_make_the_failures_warnings_of_one_line() -> None:
    answer = relay_result({}, [_error("b")], count=2, needed=1, warnings=["before"])
    assert answer.error is None
    assert answer.warnings == ("before", "destination b: it is gone Look for it.")


def test_too_few_fail_with_the_first_error_and_the_numbers() -> None:
    errors = [_error("a"), _error("b")]
    answer = relay_result({"changed": True}, errors, count=3, needed=2, warnings=[])
    assert answer.error is errors[0]
    assert answer.error.details == {"failed": 2, "succeeded": 1}
    assert answer.result == {"changed": True}
