# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay between real servers with a fault, and checks of the files after it."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Outcome, Timeouts
from ansible_collections.backhaul.sftp.tests.relay.scene import MIB, Place, Report, random_content, run

OLD = b"what was there before"
# Upper bound of one relay; the sum of its deadlines is far below.
LONGEST_SECONDS = 60.0
SHORT_TIMEOUTS = Timeouts(connect_seconds=10, operation_seconds=1.5, stall_seconds=1.5)


@dataclass
class Journey:
    """A backup at the source, and an older file where its copy goes."""

    source: Place
    target: Place
    size: int = 5 * MIB + 4321

    def __post_init__(self) -> None:
        self.bytes = random_content(self.size)
        (self.source.folder / "backup").write_bytes(self.bytes)
        (self.target.folder / "copy").write_bytes(OLD)

    def hurry(self) -> None:
        """Use short timeouts for servers that stop replying."""
        self.source.timeouts = self.target.timeouts = SHORT_TIMEOUTS

    def run(self, **options: t.Any) -> Report:
        """Relay; fail after ``LONGEST_SECONDS``."""
        started = time.monotonic()
        report = run(self.source, self.target, **options)
        assert time.monotonic() - started < LONGEST_SECONDS
        return report

    def fails(
        self, *codes: str, role: str = "", says: str = "", keeps: bool = False, **options: t.Any
    ) -> BackhaulError:
        """Relay; check the error, the unchanged old file, and that a partial file is kept only with ``keeps``."""
        (error,) = self.run(**options).results
        assert isinstance(error, BackhaulError), error
        assert error.code in codes and role in ("", error.role), error.message
        assert says in error.message
        assert self.target.content() == OLD
        assert bool(self.target.partial_files()) is keeps
        assert bool(error.details.get("resumable")) is keeps
        return error

    def arrives(self, *, state: str = "replaced", **options: t.Any) -> Outcome:
        """Relay; check that the copy equals the source and that nothing else is left."""
        (outcome,) = self.run(**options).outcomes
        assert (outcome.state, self.target.content() == self.bytes) == (state, True)
        assert sorted(path.name for path in self.target.folder.iterdir()) == ["copy"]
        return outcome

    def recovers(self) -> Outcome:
        """Relay with long timeouts; check the copy."""
        self.source.timeouts = self.target.timeouts = replace(SHORT_TIMEOUTS, operation_seconds=30, stall_seconds=30)
        return self.arrives()
