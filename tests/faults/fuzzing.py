# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies of the fake server changed at random, and the engine on it without SSH in between."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, field

from hypothesis import strategies as st

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._filesystem import FileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    Credentials,
    Endpoint,
    Outcome,
    RelayOptions,
    Timeouts,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.filesystem import SftpFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination, Runtime
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp, MemoryDuplex, packet, text, u32, u64

HASTY = Timeouts(connect_seconds=1, operation_seconds=0.05, stall_seconds=0.05)
CALM = Timeouts(connect_seconds=20, operation_seconds=20, stall_seconds=20)
_STATUSES = st.sampled_from([*range(17), 77, 0xFFFFFFFF])
_NUMBERS = st.one_of(st.integers(0, 5000), st.sampled_from([2**31, 2**32 - 1]))
_FLAGS = st.one_of(st.integers(0, 15), st.sampled_from([0x80000000, 0x8000000F, 0xFFFFFFFF]))


@dataclass(frozen=True)
class Change:
    """What happens to the reply of number ``at``, counted over all sessions of a server: to its bytes, or in its place.

    ``body`` is what is behind the id of a reply of the type ``kind``, for a reply that is another one altogether.
    """

    at: int
    how: str
    where: int = 0
    kind: int = 0
    body: bytes = b""

    def apply(self, said: bytes, earlier: t.Sequence[bytes]) -> list[bytes]:
        """Return what is said instead of ``said``."""
        at = self.where % len(said)
        if self.how == "flip":
            return [said[:at] + bytes([said[at] ^ (1 + self.kind % 255)]) + said[at + 1 :]]
        if self.how == "cut":
            return [said[:at]]
        if self.how == "shorten":
            return [packet(said[4], said[5 : max(5, at)])]
        if self.how == "lengthen":
            return [packet(said[4], said[5:] + self.body)]
        if self.how == "insert":
            return [said[:at] + self.body + said[at:]]
        if self.how == "garbage":
            return [self.body]
        if self.how == "repeat":
            return [said, said]
        if self.how == "replay":
            return [earlier[self.where % len(earlier)] if earlier else said]
        if self.how == "drop":
            return []
        return [packet(self.kind, said[5:9] + self.body)]  # "another"


_HOWS = ("flip", "cut", "shorten", "lengthen", "insert", "garbage", "repeat", "replay", "drop")


def changes(replies: int) -> st.SearchStrategy[list[Change]]:
    """Draw changes of a conversation that has about so many replies."""
    where = st.integers(0, 300)
    crude = st.builds(
        Change,
        at=st.integers(0, replies),
        how=st.sampled_from(_HOWS),
        where=where,
        kind=st.integers(0, 255),
        body=st.binary(max_size=40),
    )
    replies_in_full = st.one_of(
        st.tuples(st.just(sftp.STATUS), st.builds(lambda code: u32(code) + text(b"why") + text(b""), _STATUSES)),
        st.tuples(st.just(sftp.STATUS), st.builds(u32, _STATUSES)),
        st.tuples(st.just(sftp.HANDLE), st.builds(text, st.binary(max_size=300))),
        st.tuples(st.just(sftp.DATA), st.builds(text, st.binary(max_size=2000))),
        st.tuples(st.just(sftp.ATTRS), _attributes()),
        st.tuples(st.just(sftp.NAME), st.builds(_names, st.lists(st.binary(max_size=20), max_size=5), _attributes())),
        st.tuples(st.just(sftp.EXTENDED_REPLY), st.binary(max_size=100)),
        st.tuples(st.integers(0, 255), st.binary(max_size=60)),
    )
    refined = st.builds(
        lambda at, reply: Change(at, "another", kind=reply[0], body=reply[1]), st.integers(0, replies), replies_in_full
    )
    return st.lists(st.one_of(crude, refined), min_size=1, max_size=4, unique_by=lambda change: change.at)


def _attributes() -> st.SearchStrategy[bytes]:
    fields = st.builds(
        lambda size, mode, mtime: u64(size) + u32(1) * 2 + u32(mode) + u32(mtime) * 2,
        _NUMBERS,
        st.sampled_from([0o100644, 0o040755, 0o120777, 0o010644, 0]),
        st.sampled_from([0, 1_700_000_000, 2**32 - 1]),
    )
    return st.builds(lambda flags, rest: u32(flags) + rest, _FLAGS, fields)


def _names(names: list[bytes], attributes: bytes) -> bytes:
    return u32(len(names)) + b"".join(text(name) + text(name) + attributes for name in names)


class Changed(FakeSftp):
    """A fake whose replies are changed; ``touched`` are the types of the requests that were not answered honestly."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.book = _Book()

    def _answer(self, whole: bytes) -> list[bytes]:
        try:
            honest = super()._answer(whole)
        except TypeError:  # a handle that was changed comes back
            honest = [sftp.status(int.from_bytes(whole[1:5], "big"), sftp.FAILURE, b"no such handle")]
        said = []
        for reply in honest:
            said += self.book.rewritten(whole[0], reply)
        return said


@dataclass
class _Book:
    """What all sessions of a changed server share."""

    changes: t.Sequence[Change] = ()
    touched: set[int] = field(default_factory=set)
    said: list[bytes] = field(default_factory=list)

    def rewritten(self, kind: int, reply: bytes) -> list[bytes]:
        number, now = len(self.said), [reply]
        for change in self.changes:
            if change.at == number and now:
                now = [*change.apply(now[0], self.said), *now[1:]] if now[0] else now
                self.touched.add(kind)
        self.said.append(reply)
        return now


class MemoryEnds:
    """Fakes as the ends of a relay: the engine's ``Ends``, by the port numbers of the endpoints."""

    def __init__(self, *fakes: FakeSftp) -> None:
        self._fakes = fakes
        self._open: dict[tuple[Endpoint, int], Session] = {}
        self._files: dict[tuple[Endpoint, int], SftpFileSystem] = {}

    def file_system(self, endpoint: Endpoint, lane: int = 0) -> FileSystem:
        """Return the file system of a fake, on a session that is opened where there is none."""
        if (endpoint, lane) not in self._files:
            session = Session(MemoryDuplex(self._fakes[endpoint.port].session()), timeouts=endpoint.timeouts)
            session.open()
            self._open[endpoint, lane] = session
            self._files[endpoint, lane] = SftpFileSystem(session, timeouts=endpoint.timeouts)
        return self._files[endpoint, lane]

    def forget(self, endpoint: Endpoint, lane: int = 0) -> None:
        """Close the session."""
        self._files.pop((endpoint, lane), None)
        if (session := self._open.pop((endpoint, lane), None)) is not None:
            session.close()

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return no key: the fakes have no credentials."""
        return b""


def endpoint(role: str, port: int, timeouts: Timeouts) -> Endpoint:
    """Return the endpoint of the fake with this number."""
    return Endpoint(role=role, host="fake", port=port, credentials=Credentials(user="x"), timeouts=timeouts)


def relay(source: FakeSftp, target: FakeSftp, *, timeouts: Timeouts, retries: int = 0) -> Outcome | BackhaulError:
    """Relay ``/backup`` to ``/copy`` and return what came of it."""
    counter = itertools.count(1)
    runtime = Runtime(token=lambda: f"{next(counter):016x}", random=lambda: 0.0, sleep=lambda _seconds: None)
    policy = RetryPolicy(retries=retries, base_seconds=0, cap_seconds=0)
    job = Relay(
        MemoryEnds(source, target),
        endpoint("source", 0, timeouts),
        b"/backup",
        options=RelayOptions(),
        retries=policy,
        runtime=runtime,
    )
    try:
        _step, outcome = job.copy_to(
            Destination(endpoint("destination", 1, timeouts), b"/copy"), progress=lambda _count: None
        )
    except BackhaulError as exc:
        return exc
    return outcome
