# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result says about one file at one destination."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    Attributes,
    Comparison,
    Digest,
    Outcome,
    Source,
    Step,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_reports import (
    NOTHING_DONE,
    done,
    failed,
    planned,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import DESTINATION

PLACE = Destination(DESTINATION, b"/out/x")
SOURCE = Source(b"/in/x", size=5, mtime=0)
BEFORE = Attributes(size=3, mode=0o100644, mtime=0)
SAME = Comparison(same=True, compared_by="local", digest=Digest("sha256", "ab", "local"))


@pytest.mark.parametrize(
    ("action", "state", "changed"),
    [
        ("create", "planned", True),
        ("adjust", "planned", True),
        ("keep", "unchanged", False),
        ("skip", "skipped", False),
    ],
)
def test_a_plan_says_what_would_be_done(action: str, state: str, changed: bool) -> None:
    report = planned(PLACE, Step(action, b"/out/x", SAME, BEFORE), SOURCE)
    entry = report.entry
    assert (entry["state"], entry["changed"], entry["action"], entry["sha256"]) == (state, changed, action, "ab")
    assert (report.diff is not None) is changed


def test_what_was_done_has_a_difference_only_if_something_changed() -> None:
    step = Step("replace", b"/out/x", SAME, BEFORE, adjust=Attributes(mode=0o600))
    changed = done(PLACE, step, Outcome("replaced", b"/out/x", changed=True), SOURCE)
    assert changed.diff is not None
    assert (changed.diff["before"], changed.diff["after"]) == (
        "size: 3\nmtime: 1970-01-01T00:00:00Z\nmode: 0644\n",
        "size: 5\nmtime: 1970-01-01T00:00:00Z\nmode: 0600\n",
    )
    assert done(PLACE, step, Outcome("unchanged", b"/out/x"), SOURCE).diff is None


def test_a_failure_has_all_keys_and_tells_what_it_took() -> None:
    error = LinkError("link_lost", "it broke", details={"attempts": 3, "bytes_sent": 7, "seconds": 1.5})
    entry = failed(PLACE, error).entry
    assert set(NOTHING_DONE) | {"host", "path", "state"} == set(entry)
    assert (entry["state"], entry["attempts"], entry["bytes_sent"], entry["seconds"]) == ("failed", 3, 7, 1.5)
