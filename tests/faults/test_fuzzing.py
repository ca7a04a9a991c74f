# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any reply in any state: no success with wrong bytes, no hang, no traceback, no unbounded memory."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import typing as t
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Outcome
from ansible_collections.backhaul.sftp.plugins.module_utils._selection.selector import Selection, Selector
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.walk import walk
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import File
from ansible_collections.backhaul.sftp.tests.faults.fuzzing import (
    CALM,
    HASTY,
    Change,
    Changed,
    FakePool,
    changes,
    endpoint,
    relay,
)

CONTENT = bytes(range(256)) * 12 + b"the end"
OLD = b"what was there before"
# The smallest possible blocks, so that a session has many states.
LIMITS = (262144, 1024, 1024, 0)
WITHOUT_RENAME = {b"limits@openssh.com": b"1", b"fsync@openssh.com": b"1"}
EXTENSIONS = {**WITHOUT_RENAME, b"posix-rename@openssh.com": b"1"}
LONGEST_SECONDS = 15
MOST_MEMORY_BYTES = 64 * 1024 * 1024
# Without shrinking: examples that hang would take too long, and all are small already.
FUZZ = settings(max_examples=200, phases=(Phase.explicit, Phase.generate))


@contextlib.contextmanager
def in_time() -> t.Iterator[None]:
    """Fail an example that takes longer than ``LONGEST_SECONDS``, before the deadline of the whole test."""

    def expired(_number: int, _frame: object) -> None:
        raise AssertionError(f"it hangs: not done after {LONGEST_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, expired)
    left, _interval = signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module", autouse=True)
def memory() -> t.Iterator[None]:
    """Check that memory grows by no more than ``MOST_MEMORY_BYTES``; the peak is reset before the test (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _peak_bytes()
    yield
    assert _peak_bytes() - before < MOST_MEMORY_BYTES


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def server(files: t.Mapping[bytes, bytes], extensions: t.Mapping[bytes, bytes] | None = None) -> Changed:
    return Changed(files, extensions=dict(EXTENSIONS if extensions is None else extensions), limits=LIMITS)


def replies(extensions: t.Mapping[bytes, bytes]) -> tuple[int, int]:
    """Return the number of replies of each server in an unchanged relay."""
    source, target = server({b"/backup": CONTENT}), server({b"/copy": OLD}, extensions)
    assert isinstance(relay(source, target, timeouts=CALM), Outcome)
    return len(source.log.replies), len(target.log.replies)


AT_SOURCE, AT_TARGET = replies(EXTENSIONS)
AT_TARGET_WITHOUT_RENAME = replies(WITHOUT_RENAME)[1]


def left_behind(result: Outcome | BackhaulError) -> set[bytes]:
    """Return the paths in ``left_behind`` of a failed relay."""
    listed = t.cast("list[str]", result.details.get("left_behind", [])) if isinstance(result, BackhaulError) else []
    return {path.encode() for path in listed}


def was_renamed_unheard(target: Changed, error: BackhaulError) -> bool:
    """Return whether a failed relay may have published: the error says so, or the reply to a rename was changed."""
    return bool(error.details.get("may_be_published")) or bool({sftp.EXTENDED, sftp.RENAME} & target.log.touched)


def next_run_is_right(source: Changed, target: Changed, allowed: set[bytes]) -> None:
    """Relay with unchanged replies; the copy is right, and only files in ``allowed`` are left beside it."""
    source.log.changes = target.log.changes = ()
    outcome = relay(source, target, timeouts=CALM)
    assert isinstance(outcome, Outcome), outcome
    assert bytes(target.files[b"/copy"].content) == bytes(source.files[b"/backup"].content)
    assert set(target.files) - {b"/copy"} <= allowed


@pytest.mark.fault("protocol.anything")
@given(changed=changes(AT_SOURCE), retries=st.integers(0, 2))
@FUZZ
def test_any_reply_of_the_source(changed: list[Change], retries: int) -> None:
    source, target = server({b"/backup": CONTENT}), server({b"/copy": OLD})
    source.log.changes = changed
    with in_time():
        result = relay(source, target, timeouts=HASTY, retries=retries)
    copy = bytes(target.files[b"/copy"].content)
    if isinstance(result, Outcome):
        assert result.sha256 == hashlib.sha256(copy).hexdigest()
        # Only the source's own digest could show that the source sent other content.
        assert copy == CONTENT or sftp.READ in source.log.touched
    else:
        assert copy == OLD
    next_run_is_right(source, target, left_behind(result))


@pytest.mark.fault("protocol.anything")
@given(changed=changes(AT_TARGET), retries=st.integers(0, 2))
@FUZZ
def test_any_reply_of_the_destination(changed: list[Change], retries: int) -> None:
    source, target = server({b"/backup": CONTENT}), server({b"/copy": OLD})
    target.log.changes = changed
    with in_time():
        result = relay(source, target, timeouts=HASTY, retries=retries)
    copy = bytes(target.files[b"/copy"].content) if b"/copy" in target.files else None
    if isinstance(result, Outcome):
        assert copy == CONTENT
    elif copy is None:  # moved to its backup: the changed greeting hides posix-rename
        assert OLD in {bytes(target.files[path].content) for path in left_behind(result)}
    else:
        assert copy == OLD or (copy == CONTENT and was_renamed_unheard(target, result))
    next_run_is_right(source, target, left_behind(result))


@pytest.mark.fault("protocol.anything")
@given(changed=changes(AT_TARGET_WITHOUT_RENAME), retries=st.integers(0, 2))
@FUZZ
def test_any_reply_of_a_destination_that_cannot_replace(changed: list[Change], retries: int) -> None:
    source, target = server({b"/backup": CONTENT}), server({b"/copy": OLD}, WITHOUT_RENAME)
    target.log.changes = changed
    with in_time():
        result = relay(source, target, timeouts=HASTY, retries=retries)
    held = {path: bytes(file.content) for path, file in target.files.items()}
    if isinstance(result, Outcome):
        assert held[b"/copy"] == CONTENT
    elif b"/copy" not in held:
        assert OLD in {held.get(path) for path in left_behind(result)}
    else:
        assert held[b"/copy"] == OLD or (held[b"/copy"] == CONTENT and was_renamed_unheard(target, result))
    next_run_is_right(source, target, left_behind(result))


@pytest.mark.fault("protocol.anything")
@given(changed=changes(12))
@FUZZ
def test_any_reply_to_a_search(changed: list[Change]) -> None:
    fake = server({})
    fake.listing_block = 4
    for number in range(20):
        fake.files[b"/in/%d" % number] = File(bytearray(10), mtime=1_600_000_000 + number)
    fake.log.changes = changed
    selector = Selector(Selection(), now=1_700_000_001)
    with in_time():
        try:
            walk(FakePool(fake).file_system(endpoint("endpoint", 0, HASTY)), b"/in", selector, depth=1)
            selected = selector.result()
        except BackhaulError:
            return
    assert selected.latest is not None
    assert all(file.path == b"/in/" + file.name and b"/" not in file.name for file in selected.files)
    assert selected.latest.name == b"19" or sftp.READDIR in fake.log.touched
