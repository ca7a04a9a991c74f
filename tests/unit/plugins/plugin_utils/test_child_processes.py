# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker has started is ended with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.plugin_utils._child_processes import end_children, ending_children


@pytest.fixture
def child() -> t.Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_an_exception_ends_the_children(child: subprocess.Popen[bytes]) -> None:
    with pytest.raises(KeyError), ending_children():
        raise KeyError
    assert child.wait(timeout=20) == -signal.SIGTERM


def test_a_block_that_ends_well_leaves_them_alone(child: subprocess.Popen[bytes]) -> None:
    with ending_children():
        pass
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.2)


def test_without_children_there_is_nothing_to_end() -> None:
    end_children()


def test_a_run_that_is_gone_ends_the_children(child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent of a worker whose run was killed is another process."""
    parents = iter([1])
    monkeypatch.setattr("os.getppid", lambda: next(parents, 2))
    with ending_children():
        assert child.wait(timeout=20) == -signal.SIGTERM
