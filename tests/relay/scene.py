# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers for relays between real servers without Ansible."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    USUAL_RESOURCES,
    Outcome,
    RelayOptions,
    Resources,
    Timeouts,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import ConnectionPool
from ansible_collections.backhaul.sftp.plugins.module_utils._module.file_reports import RUNTIME
from ansible_collections.backhaul.sftp.plugins.module_utils._retry import RetryPolicy
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.destination import Destination, ProgressSink
from ansible_collections.backhaul.sftp.plugins.module_utils._transfer.relay import Relay
from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server

MIB = 1024 * 1024
_RELAY_PROCESS = "ansible_collections.backhaul.sftp.tests.actors.relay_process"
LONG_TIMEOUTS = Timeouts(connect_seconds=20, operation_seconds=20, stall_seconds=20)
Result = t.Union[Outcome, BackhaulError]


@dataclass
class Place:
    """A folder on a server that is reached through a proxy."""

    server: Server
    proxy: Proxy
    folder: Path
    timeouts: Timeouts = LONG_TIMEOUTS

    def destination(self, name: str = "copy") -> Destination:
        """Return the destination of a copy, reached through the proxy."""
        endpoint = replace(self.proxy.endpoint("destination"), timeouts=self.timeouts)
        return Destination(endpoint, self.server.remote_bytes(self.folder / name))

    def content(self, name: str = "copy") -> bytes | None:
        """Return the copy's content; None when there is none."""
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    def partial_files(self) -> list[Path]:
        """Return the files with a temporary name of the collection."""
        return sorted(self.folder.glob(".backhaul-*"))

    def partial_bytes(self) -> int:
        """Return the size of the partial file; 0 without one."""
        return sum(path.stat().st_size for path in self.partial_files())


@dataclass
class Report:
    """The results of a run by destination, the bytes read and the number of connections."""

    results: list[Result]
    bytes_read: int
    connections: int
    finished: list[int] = field(default_factory=list)

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes, of which each must be a success."""
        for result in self.results:
            assert isinstance(result, Outcome), result
        return t.cast("list[Outcome]", self.results)


def run(
    source: Place,
    *places: Place,
    retries: int = 0,
    resources: Resources = USUAL_RESOURCES,
    name: str = "backup",
    **options: t.Any,
) -> Report:
    """Relay a file of the source's folder once."""
    endpoint = replace(source.proxy.endpoint("source"), timeouts=source.timeouts)
    found: dict[int, Result] = {}
    finished: list[int] = []
    policy = RetryPolicy(retries=retries, base_seconds=0.1)
    with ConnectionPool(resources=resources) as pool:
        path = source.server.remote_bytes(source.folder / name)
        relay = Relay(pool, endpoint, path, options=RelayOptions(**options), retries=policy, runtime=RUNTIME)

        def done(number: int, result: t.Any) -> None:
            finished.append(number)
            found[number] = result if isinstance(result, BackhaulError) else result[1]

        try:
            relay.copy_to_all([place.destination() for place in places], [ProgressSink()] * len(places), done)
        except BackhaulError as exc:
            if len(places) > 1:
                raise
            done(0, exc)
        return Report([found[n] for n in range(len(places))], relay.bytes_read, len(pool.reports), finished)


def random_content(size: int) -> bytes:
    """Return bytes that no two runs share and that compress to nothing."""
    return random.Random(os.urandom(8)).randbytes(size)


def put(place: Place, content: bytes, name: str = "backup") -> None:
    """Write a file into the folder."""
    (place.folder / name).write_bytes(content)


def eventually(condition: t.Callable[[], bool]) -> None:
    """Wait until the condition holds; fail after 60 seconds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@contextlib.contextmanager
def start_relay(source: Place, place: Place) -> t.Iterator[subprocess.Popen[bytes]]:
    """Start the relay of the source's ``backup`` in a process of its own."""
    endpoint = replace(source.proxy.endpoint("source"), timeouts=source.timeouts)
    work = (endpoint, source.server.remote_bytes(source.folder / "backup"), place.destination())
    with subprocess.Popen([sys.executable, "-m", _RELAY_PROCESS], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(work))
        process.stdin.close()
        yield process
        process.kill()
