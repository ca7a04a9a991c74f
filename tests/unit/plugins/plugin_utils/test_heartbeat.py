# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of progress become lines that a person can read, not too many of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
            {"done_bytes": 1024**3, "total_bytes": 5 * 1024**4, "seconds": 1.0, "doing": "read"},
            "  store:   0% of 5.0 TiB, 1.0 GiB read, 1.0 GiB/s, 1:25:19 left  /b/a.tar",
        ),
    ],
)
def test_a_line_says_how_far_how_fast_and_how_long(changes: dict[str, float], expected: str) -> None:
    assert progress_line({**_RECORD, **changes}) == expected


def _shown(interval_seconds: float, capsys: pytest.CaptureFixture[str], *seconds: float) -> list[str]:
    """Return what is shown of records that were written this long after the start of their transfer."""
    with Heartbeat(interval_seconds).following() as file_name:
        with open(file_name, "a", encoding="utf-8") as file:
            file.writelines(json.dumps({**_RECORD, "seconds": value}) + "\n" for value in seconds)
        time.sleep(0.6)  # two looks of the follower
    return [line for line in capsys.readouterr().out.splitlines() if "store" in line]


def test_a_transfer_shorter_than_the_interval_stays_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(10, capsys, 0.5, 9.0) == []


def test_at_most_one_line_comes_in_each_interval(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(_shown(10, capsys, 10.5, 10.6, 10.7)) == 1


def test_an_interval_of_zero_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(0, capsys, 5.0, 500.0) == []


def test_a_line_that_is_only_half_written_waits_for_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    text = json.dumps({**_RECORD, "seconds": 100.0}) + "\n"
    with Heartbeat(10).following() as file_name, open(file_name, "a", encoding="utf-8", buffering=1) as file:
        file.write(text[:20])
        file.flush()
        time.sleep(0.4)
        file.write(text[20:])
        file.flush()
        time.sleep(0.4)
    assert capsys.readouterr().out.count("store") == 1


def test_the_file_is_gone_afterwards() -> None:
    with Heartbeat(10).following() as file_name:
        assert os.stat(file_name).st_mode & 0o077 == 0
    assert not Path(file_name).exists()


def test_a_task_that_is_cancelled_ends_its_module() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as module:
        with pytest.raises(KeyboardInterrupt), Heartbeat(10).following() as file_name:
            Path(file_name).write_text(json.dumps({"pid": module.pid}) + "\n", encoding="utf-8")
            time.sleep(0.6)
            raise KeyboardInterrupt
        assert module.wait(30) == -signal.SIGTERM
