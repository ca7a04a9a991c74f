# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pattern that takes exponential time on a name is ended, whatever a server calls its files."""

from __future__ import annotations

import signal
import threading
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Attributes, RemoteFile
from ansible_collections.backhaul.sftp.plugins.module_utils._module import pattern_time
from ansible_collections.backhaul.sftp.plugins.module_utils._module.pattern_time import BoundedSelector
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.model import Selection
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.selector import Selector

FILE = Attributes(size=3, mode=0o100644, mtime=5)


def selector(*patterns: str) -> Selector:
    return Selector(Selection(patterns=patterns, use_regex=True, when_none="ok"), now=10)


def offer(bounded: BoundedSelector, name: bytes) -> None:
    file = RemoteFile(b"/b/" + name, FILE)
    bounded.missing_attributes(file)
    bounded.offer(file)


def test_a_name_that_a_pattern_would_take_for_ever_on_is_an_error_that_names_it() -> None:
    name = b"a" * 200 + b"!"
    with pytest.raises(BackhaulError) as caught, BoundedSelector(selector("(a+)+")) as bounded:
        offer(bounded, name)
    assert (caught.value.code, caught.value.path) == ("invalid_input", b"/b/" + name)
    assert caught.value.details["option"] == "patterns"


def test_many_names_that_each_take_long_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_time, "SECONDS_AT_ALL", 0.0)
    monkeypatch.setattr(pattern_time, "SECONDS_MORE_PER_NAME", 0.0)
    with pytest.raises(BackhaulError) as caught, BoundedSelector(selector("(a|aa)+")) as bounded:
        for _name in range(1000):
            offer(bounded, b"a" * 18 + b"!")
    assert caught.value.code == "invalid_input"


def test_usual_patterns_are_judged_as_ever_and_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    judged = selector(r"db-\d+\.tar")
    with BoundedSelector(judged) as bounded:
        for number in range(1000):
            offer(bounded, b"db-%d.tar" % number)
        bounded.skip(b"/b/x", "suspicious_name", "odd")
    assert judged.result().qualified == 1000
    assert judged.result().skipped_counts == {"suspicious_name": 1}
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_another_thread_has_no_signals_and_judges_all_the_same() -> None:
    judged = selector("a")

    def work() -> None:
        with BoundedSelector(judged) as bounded:
            offer(bounded, b"a")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert judged.result().qualified == 1


def test_what_a_selector_raises_comes_through_with_the_timer_off() -> None:
    class Broken:
        def missing_attributes(self, file: RemoteFile) -> t.Sequence[str]:
            raise ValueError

        def offer(self, file: RemoteFile) -> None: ...

        def skip(self, path: bytes, reason: str, text: str) -> None: ...

    with pytest.raises(ValueError), BoundedSelector(Broken()) as bounded:
        offer(bounded, b"a")
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
