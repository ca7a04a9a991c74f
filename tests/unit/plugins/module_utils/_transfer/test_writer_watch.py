# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for another run ends when that run finishes, when it is dead, and after the timeout."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import IntegrityError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.writer_watch import OtherRunFinished, WriterWatch
from ansible_collections.backhaul.sftp.tests.unit.fakes.memory import DESTINATION, MemoryPool, MemoryServer

PATH = b"/out/.partial"
MIB = 1024 * 1024


class Scene:
    """A partial file, its changes in each second, and the time that was waited."""

    def __init__(self, *, sizes: list[int | None]) -> None:
        self.server = MemoryServer()
        self.sizes = sizes
        self.seconds = 0.0
        self._show(self.sizes[0])

    def _show(self, size: int | None) -> None:
        if size is None:
            self.server.files.pop(PATH, None)
        else:
            self.server.put(PATH, bytes(size))

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self._show(self.sizes[min(int(self.seconds), len(self.sizes) - 1)])

    def wait(self, *, timeout_seconds: float = 60, complete_bytes: int = 100 * MIB) -> Attributes:
        files: FileSystem = MemoryPool(source=self.server, destination=self.server).file_system(DESTINATION)
        found = files.attributes(PATH, follow=False)
        writer_watch = WriterWatch(timeout_seconds=timeout_seconds, sleep=self.sleep)
        return writer_watch.wait_until_idle(files, PATH, found, complete_bytes=complete_bytes)


def test_a_file_that_stays_the_same_for_two_seconds_has_no_writer() -> None:
    scene = Scene(sizes=[100])
    assert scene.wait().size == 100
    assert scene.seconds == 2


def test_a_file_that_grows_is_waited_for() -> None:
    scene = Scene(sizes=[100, 100, 200, 200, 300, 300, 300])
    assert scene.wait().size == 300
    assert scene.seconds == 6


def test_a_file_that_disappears_was_finished() -> None:
    scene = Scene(sizes=[100, 200, 300, None])
    with pytest.raises(OtherRunFinished):
        scene.wait()
    assert scene.seconds == 3


def test_a_file_that_keeps_growing_is_locked_in_the_end() -> None:
    scene = Scene(sizes=list(range(100)))
    with pytest.raises(IntegrityError, match="another run") as caught:
        scene.wait(timeout_seconds=7)
    assert caught.value.code == "locked"
    assert scene.seconds == 7


def test_with_a_timeout_of_zero_a_dead_run_is_distinguished_from_a_running_one() -> None:
    assert Scene(sizes=[100]).wait(timeout_seconds=0).size == 100
    scene = Scene(sizes=list(range(100)))
    with pytest.raises(IntegrityError):
        scene.wait(timeout_seconds=0)
    assert scene.seconds == 1


def test_a_complete_one_is_given_time_to_be_verified() -> None:
    scene = Scene(sizes=[3 * MIB])
    scene.wait(complete_bytes=3 * MIB)
    assert scene.seconds == 3
    scene = Scene(sizes=[3 * MIB, 3 * MIB, 3 * MIB, None])
    with pytest.raises(OtherRunFinished):
        scene.wait(complete_bytes=3 * MIB)


def test_a_complete_one_of_a_dead_run_is_given_no_more_time_than_there_is() -> None:
    scene = Scene(sizes=[300 * MIB])
    scene.wait(timeout_seconds=4, complete_bytes=300 * MIB)
    assert scene.seconds == 4
