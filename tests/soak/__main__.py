# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relay in a loop during injected faults, check every result, and print a summary; ``make soak MINUTES=60``.

Usage: python -m ansible_collections.backhaul.sftp.tests.soak [--minutes N] [--seed N]

The exit status is 0 if every result was right: after success the copy equals the source, after a failure it is the old
file or the new one, and a last relay without faults completes every copy.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import socket
import sys
import tempfile
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.backhaul.sftp.tests.actors.forking_host import ForkingHost, ModuleExit
from ansible_collections.backhaul.sftp.tests.actors.module_process import KillPoint, Params
from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server, start_asyncssh, start_openssh, start_proftpd
from ansible_collections.backhaul.sftp.tests.relay.scene import MIB, Place
from ansible_collections.backhaul.sftp.tests.soak.fault_injector import FaultInjector
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of

# Large enough that faults interrupt relays, small enough that some relays end between two faults.
_SIZES = (0, 1, 200_000, 3 * MIB, 12 * MIB)
_TIMES = {"connect_timeout": 10, "operation_timeout": 2, "stall_timeout": 2}
_KILLED_SHARE = 0.15
_STEPS = 150
# More than the sum of all deadlines of all attempts; a run that takes longer hangs and ends the soak.
_LONGEST_RUN_SECONDS = 300.0


@dataclass
class Tally:
    """Counts of all relays."""

    relays: int = 0
    done: int = 0
    failed: int = 0
    killed: int = 0
    sent_bytes: int = 0
    resumed_bytes: int = 0
    attempts: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, ended: ModuleExit) -> None:
        """Count the result of a run."""
        self.relays += 1
        if ended.status < 0:
            self.killed += 1
            return
        self.failed += bool(ended.result.get("failed"))
        self.done += not ended.result.get("failed")
        for entry in ended.result.get("destinations", ()):
            self.sent_bytes += entry["bytes_sent"]
            self.resumed_bytes += entry["bytes_resumed"]
            self.attempts += entry["attempts"]
            code = (entry["error"] or {}).get("code")
            if code:
                self.codes[code] = self.codes.get(code, 0) + 1


class Soak:
    """One source, three destinations, and the contents that each copy may have."""

    def __init__(
        self, source: Place, targets: t.Sequence[Place], forking_host: ForkingHost, folder: Path, seed: int
    ) -> None:
        self._source, self._targets = source, targets
        self._forking_host, self._folder = forking_host, folder
        self._random = random.Random(seed)
        self._content = b""
        # The contents that a copy may have: the last one seen, and those of all relays since.
        self._allowed: list[set[bytes | None]] = [{None} for _target in targets]
        self.tally = Tally()

    def relay(self) -> None:
        """Relay a new backup, or the same one again, and check the result."""
        if self._random.random() < 0.6 or not self.tally.relays:
            self._content = self._random.randbytes(self._random.choice(_SIZES))
            (self._source.folder / "backup").write_bytes(self._content)
        is_killed = self._random.random() < _KILLED_SHARE
        kill_at = KillPoint(self._random.randrange(1, _STEPS)) if is_killed else None
        self._check(self._run(retries=self._random.choice((0, 4)), kill_at=kill_at))

    def finish(self) -> None:
        """Relay without faults; check that every copy equals the source."""
        ended = self._run(retries=6)
        self._check(ended)
        for target in self._targets:
            if target.content() != self._content:
                self.tally.wrong.append(f"the last copy on {target.server.kind} is not the source: {ended.output}")

    def _run(self, *, retries: int, kill_at: KillPoint | None = None) -> ModuleExit:
        params: Params = {
            "source": self._end(self._source, "backup"),
            "destinations": [self._end(target, "copy") for target in self._targets],
            "retries": retries,
            "retry_delay": "0.3s",
        }
        try:
            return self._forking_host.run(self._folder / "run", "sftp_relay", params, kill_at=kill_at)
        except socket.timeout:
            self.tally.wrong.append("a relay hangs")
            return ModuleExit(-1, {}, (), "")

    @staticmethod
    def _end(place: Place, name: str) -> Params:
        path = place.server.remote_path(place.folder / name)
        return endpoint_of(place.server, host=place.proxy.host, port=place.proxy.port, path=path, **_TIMES)

    def _check(self, ended: ModuleExit) -> None:
        self.tally.add(ended)
        if ended.status >= 0 and "destinations" not in ended.result and "error" not in ended.result:
            self.tally.wrong.append(f"neither a result nor an error: {ended.output}")
        entries = ended.result.get("destinations") or [{"state": "unknown"}] * len(self._targets)
        for entry, target, allowed in zip(entries, self._targets, self._allowed):
            allowed.add(self._content)
            seen = target.content()
            is_done = entry["state"] in ("created", "replaced", "unchanged")
            if seen not in ({self._content} if is_done else allowed):
                said = f"{entry['state']}, and the copy has {'nothing' if seen is None else len(seen)}"
                self.tally.wrong.append(f"{target.server.kind}: {said} of {len(self._content)} bytes")
            if is_done:
                allowed.clear()
                allowed.add(self._content)


@contextlib.contextmanager
def _place(server: t.ContextManager[Server]) -> t.Iterator[Place]:
    with server as running, Proxy(running) as proxy:
        folder = running.root / "soak"
        folder.mkdir()
        yield Place(running, proxy, folder)


def main() -> int:
    """Run the soak and print the summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    wanted = parser.parse_args()
    print(f"soaking for {wanted.minutes:g} minutes, seed {wanted.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        starts = (start_openssh(), start_openssh(variant="internal"), start_proftpd(), start_asyncssh())
        places = [stack.enter_context(_place(start)) for start in starts]
        forking_host = stack.enter_context(ForkingHost(folder, timeout_seconds=_LONGEST_RUN_SECONDS))
        soak = Soak(places[0], places[1:], forking_host, folder, wanted.seed)
        faults = _soak(soak, places, wanted.minutes * 60, wanted.seed)
        soak.finish()
    tally = soak.tally
    print(f"relays {tally.relays}: done {tally.done}, failed {tally.failed}, killed {tally.killed}")
    print(f"bytes sent {tally.sent_bytes}, resumed {tally.resumed_bytes}; attempts {tally.attempts}")
    print(f"errors {tally.codes}")
    print(f"faults {sum(faults.counts.values())}: {dict(faults.counts)}")
    wrong = [*tally.wrong, *map(repr, faults.errors)]
    print(f"wrong results {len(wrong)}", *wrong, sep="\n  ")
    return 1 if wrong else 0


def _soak(soak: Soak, places: t.Sequence[Place], seconds: float, seed: int) -> FaultInjector:
    end, next_report = time.monotonic() + seconds, time.monotonic() + 60
    with FaultInjector(places, random.Random(seed)) as faults:
        while time.monotonic() < end and not faults.errors:
            soak.relay()
            if time.monotonic() > next_report:
                next_report += 60
                print(f"{soak.tally.relays} relays, {len(soak.tally.wrong)} wrong", flush=True)
    for place in places:
        for direction in (place.proxy.upstream, place.proxy.downstream):
            direction.clear_faults()
            direction.throttle(0)
            direction.resume()
        place.server.start()
        place.server.resume_sessions()
    return faults


if __name__ == "__main__":
    sys.exit(main())
