# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake SFTP server behind a real SSH server, in the process of the test, so that replies pass the whole client.

    with EventLoop() as loop, loop.serve(FakeSftp({b"/a": b"content"})) as server:
        server.suboptions()  # of an endpoint in a task

Each SFTP channel is a session of its own on the same fake. Commands are refused, so the server computes no digests.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import typing as t

import asyncssh

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint, Timeouts, Trust
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp
from ansible_collections.backhaul.sftp.tests.lab.processes import HOST

_USER, _PASSWORD = "backup", "let me in"


class _Channel(asyncssh.SSHServerSession[bytes]):
    """One SFTP channel. It is closed when the session of the fake has ended."""

    def __init__(self, fake: FakeSftp) -> None:
        self._fake = fake.session()

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        replies = self._fake.feed(data)
        if replies:
            self._chan.write(replies)
        if self._fake.has_ended():
            self._chan.close()


class _Login(asyncssh.SSHServer):
    def __init__(self, fake: FakeSftp) -> None:
        self._fake = fake

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (_USER, _PASSWORD)

    def session_requested(self) -> _Channel:
        return _Channel(self._fake)


class FakeServer:
    """The address and the host key of a running fake."""

    def __init__(self, fake: FakeSftp, port: int, host_key: str) -> None:
        self.fake = fake
        self.port = port
        self.host_key = host_key

    def suboptions(self, **more: t.Any) -> dict[str, t.Any]:
        """Return the suboptions of an endpoint for a task."""
        return {
            "host": HOST,
            "port": self.port,
            "user": _USER,
            "password": _PASSWORD,
            "host_keys": [self.host_key],
            "known_hosts_files": [],
            "use_agent": False,
            **more,
        }

    def endpoint(self, role: str, *, timeouts: Timeouts) -> Endpoint:
        """Return the server as an ``Endpoint``."""
        return Endpoint(
            role=role,
            host=HOST,
            port=self.port,
            trust=Trust(host_keys=(self.host_key,), known_hosts_files=()),
            credentials=Credentials(user=_USER, password=_PASSWORD, use_agent=False),
            timeouts=timeouts,
        )


class EventLoop:
    """Context manager: a thread with an event loop that serves any number of fakes."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._key = asyncssh.generate_private_key("ssh-ed25519")

    def __enter__(self) -> EventLoop:
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @contextlib.contextmanager
    def serve(self, fake: FakeSftp) -> t.Iterator[FakeServer]:
        """Serve a fake on a port of its own until the block ends."""
        acceptor = self._run(self._listen(fake))
        try:
            yield FakeServer(fake, acceptor.get_port(), self._key.export_public_key().decode("ascii").strip())
        finally:
            self._run(_close(acceptor))

    async def _listen(self, fake: FakeSftp) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Login(fake), HOST, 0, server_host_keys=[self._key], encoding=None, login_timeout=60
        )

    def _run(self, work: t.Coroutine[t.Any, t.Any, t.Any]) -> t.Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


async def _close(acceptor: asyncssh.SSHAcceptor) -> None:
    acceptor.close()
