# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress becomes records, not too many of them, and costs little where no sink takes them."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._module import progress
from ansible_collections.backhaul.sftp.plugins.module_utils._module.progress import ProgressLog, Record


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    monkeypatch.setattr(progress, "_RECORD_SECONDS", 0)
    return []


def test_bytes_add_up_over_the_records(records: list[Record]) -> None:
    count = ProgressLog(records.append).follow("h", b"/a\x1b", total_bytes=lambda: 30)
    count(10)
    count(20)
    assert [(each["done_bytes"], each["total_bytes"], each["doing"]) for each in records] == [
        (10, 30, "sent"),
        (30, 30, "sent"),
    ]
    assert (records[0]["host"], records[0]["path"]) == ("h", "/a\\x1b")


def test_what_was_there_before_is_no_part_of_the_rate(records: list[Record]) -> None:
    count = ProgressLog(records.append).follow("h", b"/a", total_bytes=lambda: 30)
    count.begin_at(20)
    count(5)
    assert (records[-1]["done_bytes"], records[-1]["begun_bytes"]) == (25, 20)


def test_reading_to_hash_is_called_checked(records: list[Record]) -> None:
    ProgressLog(records.append).checked(Endpoint(role="destination", host="h"), b"/a")(5)
    assert (records[0]["doing"], records[0]["total_bytes"], records[0]["host"]) == ("checked", 0, "h")


def test_records_are_throttled(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_RECORD_SECONDS", 3600)
    count = ProgressLog(records.append).follow("h", b"/a", total_bytes=lambda: 30)
    for _block in range(1000):
        count(1)
    assert records == []


def test_without_a_sink_bytes_are_only_counted() -> None:
    ProgressLog().follow("h", b"/a", total_bytes=lambda: 1)(1)


def test_waiting_for_a_servers_digest_is_recorded_as_no_bytes(records: list[Record]) -> None:
    followed = ProgressLog(records.append).checked(Endpoint(role="source", host="h"), b"/a")
    followed(0)
    followed(0)
    followed(5)
    assert [record["done_bytes"] for record in records] == [0, 0, 5]
