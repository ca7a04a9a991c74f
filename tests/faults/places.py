# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source and destination of a relay, on fakes and on real servers, and checks of the files after it."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import File
from ansible_collections.backhaul.sftp.tests.actors.fake_ssh_server import FakeServer
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of

CONTENT = bytes(range(256)) * 16 + b"the end"
OLD = b"what was there before"
BACKUP, COPY = b"backup", b"copy"


class Place(t.Protocol):
    """A folder on a server."""

    def end(self, name: bytes = b"", **more: t.Any) -> task.Json:
        """Return an endpoint's suboptions for a name in the folder, or for the folder itself (with a slash)."""

    def put(self, name: bytes, content: bytes) -> None:
        """Make a file without SFTP."""

    def files(self) -> dict[bytes, bytes]:
        """Return names and contents of all files, hidden ones included."""


class FakePlace:
    """The root of a fake server."""

    def __init__(self, server: FakeServer) -> None:
        self.fake = server.fake
        self._server = server

    def end(self, name: bytes = b"", **more: t.Any) -> task.Json:
        """Return suboptions."""
        return self._server.suboptions(path="/" + os.fsdecode(name), **more)

    def put(self, name: bytes, content: bytes) -> None:
        """Make a file."""
        self.fake.files[b"/" + name] = File(bytearray(content))

    def files(self) -> dict[bytes, bytes]:
        """Return everything."""
        return {path[1:]: bytes(file.content) for path, file in self.fake.files.items()}


class RealPlace:
    """A folder on a real server."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        folder.mkdir()
        os.chown(folder, server.root.stat().st_uid, server.root.stat().st_gid)

    def local(self, name: bytes) -> bytes:
        """Return the local path of a name in the folder."""
        return os.fsencode(self.folder) + b"/" + name

    def end(self, name: bytes = b"", **more: t.Any) -> task.Json:
        """Return suboptions."""
        path = self.server.remote_path(self.folder) + "/" + os.fsdecode(name)
        return endpoint_of(self.server, path=path, **more)

    def put(self, name: bytes, content: bytes) -> None:
        """Make a file."""
        with open(self.local(name), "wb") as file:
            file.write(content)

    def files(self) -> dict[bytes, bytes]:
        """Return everything."""
        return {name: Path(os.fsdecode(self.local(name))).read_bytes() for name in os.listdir(os.fsencode(self.folder))}


@dataclass
class Scene:
    """A source with a backup, and a destination with an older copy of it; ``options`` are those of every relay."""

    source: Place
    destination: Place
    options: task.Json = field(default_factory=dict)
    waiting: task.Json = field(default_factory=lambda: dict(task.LONG_TIMEOUTS))

    def __post_init__(self) -> None:
        self.source.put(BACKUP, CONTENT)
        self.destination.put(COPY, OLD)

    def relay(self, **options: t.Any) -> task.Result:
        """Relay the backup to the copy."""
        source, destination = self.source.end(BACKUP, **self.waiting), self.destination.end(COPY, **self.waiting)
        return task.relay(source, destination, **{**self.options, **options})

    def fails(self, *codes: str, role: str, **options: t.Any) -> task.Result:
        """Relay; check that it fails with one of these codes at this end and changes and leaves nothing."""
        result = self.relay(**options)
        assert (result.code, result.error.get("role")) in [(code, role) for code in codes], result
        assert result.error["message"]
        assert not result.value["changed"]
        assert [entry["state"] for entry in result.value.get("destinations", ())] in ([], ["failed"])
        assert self.destination.files() == {COPY: OLD}
        return result

    def succeeds(self, **options: t.Any) -> task.Result:
        """Relay; check that the copy is right and nothing is left beside it."""
        result = self.relay(**options)
        assert not result.error, result
        assert (result.entry["state"], result.entry["path"]) == ("replaced", self.destination.end(COPY)["path"])
        assert self.destination.files() == {COPY: CONTENT}
        return result

    def recovers(self) -> None:
        """Remove the faults; check that the next run succeeds."""
        for place in (self.source, self.destination):
            if isinstance(place, FakePlace):
                place.fake.heal()
        self.succeeds()
