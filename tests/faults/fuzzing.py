# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random changes of the fake server's replies, and relays between such fakes without SSH."""

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
    """A change of the reply ``number``, counted over all sessions of a server.

    For the change ``another``, a packet of the type ``kind`` with ``body`` after the id replaces the reply.
    """

    number: int
    how: str
    where: int = 0
    kind: int = 0
    body: bytes = b""

    def apply(self, reply: bytes, earlier: t.Sequence[bytes]) -> list[bytes]:
        """Return the replies that are sent in place of ``reply``."""
        at = self.where % len(reply)
        if self.how == "flip":
            return [reply[:at] + bytes([reply[at] ^ (1 + self.kind % 255)]) + reply[at + 1 :]]
        if self.how == "cut":
            return [reply[:at]]
        if self.how == "shorten":
            return [packet(reply[4], reply[5 : max(5, at)])]
        if self.how == "lengthen":
            return [packet(reply[4], reply[5:] + self.body)]
        if self.how == "insert":
            return [reply[:at] + self.body + reply[at:]]
        if self.how == "garbage":
            return [self.body]
        if self.how == "repeat":
            return [reply, reply]
        if self.how == "replay":
            return [earlier[self.where % len(earlier)] if earlier else reply]
        if self.how == "drop":
            return []
        return [packet(self.kind, reply[5:9] + self.body)]  # "another"


_HOWS = ("flip", "cut", "shorten", "lengthen", "insert", "garbage", "repeat", "replay", "drop")


def changes(replies: int) -> st.SearchStrategy[list[Change]]:
    """Draw changes of a session with about this many replies."""
    where = st.integers(0, 300)
    crude = st.builds(
        Change,
        number=st.integers(0, replies),
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
        lambda number, reply: Change(number, "another", kind=reply[0], body=reply[1]),
        st.integers(0, replies),
        replies_in_full,
    )
    return st.lists(st.one_of(crude, refined), min_size=1, max_size=4, unique_by=lambda change: change.number)


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
    """A fake whose replies are changed. ``log.touched`` has the types of the requests with changed replies."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.log = _ReplyLog()

    def _answer(self, whole: bytes) -> list[bytes]:
        try:
            honest = super()._answer(whole)
        except TypeError:  # the client used a changed handle
            honest = [sftp.status(int.from_bytes(whole[1:5], "big"), sftp.FAILURE, b"no such handle")]
        replies = []
        for reply in honest:
            replies += self.log.rewritten(whole[0], reply)
        return replies


@dataclass
class _ReplyLog:
    """The changes and the replies of all sessions of a changed server."""

    changes: t.Sequence[Change] = ()
    touched: set[int] = field(default_factory=set)
    replies: list[bytes] = field(default_factory=list)

    def rewritten(self, kind: int, reply: bytes) -> list[bytes]:
        number, now = len(self.replies), [reply]
        for change in self.changes:
            if change.number == number and now:
                now = [*change.apply(now[0], self.replies), *now[1:]] if now[0] else now
                self.touched.add(kind)
        self.replies.append(reply)
        return now


class FakePool:
    """The connection pool of a relay between fakes; an endpoint's port is the number of its fake."""

    def __init__(self, *fakes: FakeSftp) -> None:
        self._fakes = fakes
        self._open: dict[tuple[Endpoint, int], Session] = {}
        self._files: dict[tuple[Endpoint, int], SftpFileSystem] = {}

    def file_system(self, endpoint: Endpoint, number: int = 0) -> FileSystem:
        """Return the file system of a fake; open its session at the first call."""
        if (endpoint, number) not in self._files:
            session = Session(MemoryDuplex(self._fakes[endpoint.port].session()), timeouts=endpoint.timeouts)
            session.open()
            self._open[endpoint, number] = session
            self._files[endpoint, number] = SftpFileSystem(session, timeouts=endpoint.timeouts)
        return self._files[endpoint, number]

    def forget(self, endpoint: Endpoint, number: int = 0) -> None:
        """Close the session."""
        self._files.pop((endpoint, number), None)
        if (session := self._open.pop((endpoint, number), None)) is not None:
            session.close()

    def job_key(self, *endpoints: Endpoint) -> bytes:
        """Return an empty key: the fakes have no credentials."""
        return b""


def endpoint(role: str, port: int, timeouts: Timeouts) -> Endpoint:
    """Return the endpoint of the fake with this number."""
    return Endpoint(role=role, host="fake", port=port, credentials=Credentials(user="x"), timeouts=timeouts)


def relay(source: FakeSftp, target: FakeSftp, *, timeouts: Timeouts, retries: int = 0) -> Outcome | BackhaulError:
    """Relay ``/backup`` to ``/copy``; return the outcome or the error."""
    counter = itertools.count(1)
    runtime = Runtime(token=lambda: f"{next(counter):016x}", random=lambda: 0.0, sleep=lambda _seconds: None)
    policy = RetryPolicy(retries=retries, base_seconds=0, cap_seconds=0)
    job = Relay(
        FakePool(source, target),
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
