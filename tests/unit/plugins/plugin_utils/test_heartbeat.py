# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress records become a limited number of readable lines."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.plugin_utils._heartbeat import Heartbeat, progress_line

_RECORD = {"host": "store", "path": "/b/a.tar", "done_bytes": 524288, "total_bytes": 1048576, "seconds": 2.0}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "  store:  50% of 1.0 MiB, 512.0 KiB sent, 256.0 KiB/s, 0:02 left  /b/a.tar"),
        ({"done_bytes": 1048576}, "  store: 100% of 1.0 MiB, 1.0 MiB sent, 512.0 KiB/s  /b/a.tar"),
        ({"total_bytes": 0}, "  store: 512.0 KiB sent, 256.0 KiB/s  /b/a.tar"),
        ({"seconds": 0.0}, "  store:  50% of 1.0 MiB, 512.0 KiB sent, 0 B/s  /b/a.tar"),
        (
            {"done_bytes": 0, "total_bytes": 0, "seconds": 65.0, "doing": "checked"},
            "  hashing on store for 1:05  /b/a.tar",
        ),
        (
            {"done_bytes": 1024**3, "total_bytes": 5 * 1024**4, "seconds": 1.0, "doing": "read"},
            "  store:   0% of 5.0 TiB, 1.0 GiB read, 1.0 GiB/s, 1:25:19 left  /b/a.tar",
        ),
    ],
)
def test_a_line_has_percent_rate_and_remaining_time(changes: dict[str, float], expected: str) -> None:
    assert progress_line({**_RECORD, **changes}) == expected


def _shown(interval_seconds: float, capsys: pytest.CaptureFixture[str], *seconds: float) -> list[str]:
    """Return the lines for records that were made these seconds after the start of their transfer."""
    heartbeat = Heartbeat(interval_seconds)
    for value in seconds:
        heartbeat({**_RECORD, "seconds": value})
    return [line for line in capsys.readouterr().out.splitlines() if "store" in line]


def test_a_transfer_shorter_than_the_interval_shows_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(10, capsys, 0.5, 9.0) == []


def test_at_most_one_line_is_shown_per_interval(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(_shown(10, capsys, 10.5, 10.6, 10.7)) == 1


def test_each_transfer_has_its_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    heartbeat = Heartbeat(10)
    for path in ("/a", "/b"):
        heartbeat({**_RECORD, "path": path, "seconds": 11.0})
    assert capsys.readouterr().out.count("store") == 2


def test_an_exited_controller_does_not_end_a_transfer() -> None:
    heartbeat: t.Any = Heartbeat(10)

    class Gone:
        def display(self, _line: str) -> None:
            raise BrokenPipeError

    heartbeat._display = Gone()
    heartbeat({**_RECORD, "seconds": 11.0})
