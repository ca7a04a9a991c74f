# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults found in a review: endless waits, credentials sent twice, and keys under false names."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import typing as t
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import audit, trust
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.errors import watchdog
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.scan import scan_host_keys
from ansible_collections.backhaul.sftp.tests.actors.login_server import login_server
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import Account, paramiko_server
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop
from ansible_collections.backhaul.sftp.tests.trust.oracle import ssh_keygen

from .meeting import names, refusal, report_of, trusting, within
from .sshd import sshd

pytestmark = pytest.mark.integration
REFUSED = "authentication_refused"


def framed(payload: bytes) -> bytes:
    """Return a string in SSH's encoding, with its length in front (RFC 4251 section 5)."""
    return struct.pack(">I", len(payload)) + payload


@contextlib.contextmanager
def agent_that_answers_once(folder: Path, answer: bytes | None) -> t.Iterator[str]:
    """Run an agent that answers the first request, or none, and hangs afterwards; yield its socket's path."""
    path = str(folder / "agent")
    done = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _address = listener.accept()
            with connection:
                connection.recv(1000)
                if answer is not None:
                    connection.sendall(framed(answer))
                done.wait(60)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(5)
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield path
        finally:
            done.set()


@pytest.mark.parametrize("answer", [None, b"", b"\x05", b"\x0c\x00\x00\x00\x01" + b"\xff" * 9])
def test_an_agent_that_hangs_or_sends_malformed_replies_has_no_keys_and_the_login_continues(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    with login_server(workshop) as server, agent_that_answers_once(tmp_path, answer) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        endpoint = within(server.endpoint(use_agent=True, password=server.password), 6)
        assert report_of(endpoint).authenticated_by == "password"


def test_an_agent_that_never_signs_is_named_and_nothing_is_retried(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = workshop.key("ed25519", "client")
    answer = b"\x0c" + struct.pack(">I", 2) + (framed(key.blob) + framed(b"comment")) * 2
    with login_server(workshop) as server, agent_that_answers_once(tmp_path, answer) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        error = refusal(within(server.endpoint(use_agent=True), 4), TrustError, REFUSED)
        assert server.attempts == []
    tried = t.cast("list[str]", error.details["tried"])
    assert len(tried) == 2 and all(text.endswith("(it does not answer)") for text in tried)
    assert not error.retryable


def test_an_agent_that_is_asked_too_late_is_named_in_the_refusal(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with login_server(workshop) as server, agent_that_answers_once(tmp_path, None) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        error = refusal(within(server.endpoint(use_agent=True), 4), TrustError, REFUSED)
    assert error.details["tried"] == ["agent (it does not answer)"]


class Resetting(Account):
    """Resets the connection when it receives a password."""

    seen: t.ClassVar[list[str]] = []

    def check_auth_password(self, username: str, password: str) -> int:
        self.seen.append(password)
        sock = self.transport.sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        return t.cast(int, paramiko.AUTH_FAILED)


def test_a_connection_that_is_reset_after_a_password_is_a_refusal(workshop: Workshop) -> None:
    host_key = workshop.key("ed25519", "host")
    Resetting.seen.clear()
    with paramiko_server(host_key, account=Resetting) as listener:
        error = refusal(listener.endpoint(host_key), TrustError, REFUSED)
    assert Resetting.seen == ["pass-word"] and not error.retryable
    assert error.details["tried"] == ["password"]


@pytest.mark.parametrize(
    ("order", "attempts"),
    [
        (("password", "keyboard-interactive"), ["password wrong"]),
        (("keyboard-interactive", "password"), ["keyboard-interactive", "keyboard-interactive answered"]),
    ],
)
def test_a_password_that_was_refused_is_not_sent_by_another_method(
    workshop: Workshop, order: tuple[str, ...], attempts: list[str]
) -> None:
    with login_server(workshop) as server:
        refusal(server.endpoint(password="wrong", authentications=order), TrustError, REFUSED)
    assert server.attempts == attempts


def test_a_password_that_no_prompt_requested_is_still_tried(workshop: Workshop) -> None:
    odd = [[("Your name: ", True)]]
    with login_server(workshop, rounds=odd) as server:
        order = ("keyboard-interactive", "password")
        report = report_of(server.endpoint(password=server.password, authentications=order))
    assert report.authenticated_by == "password" and server.answers == [[""]]


def test_a_certificate_in_place_of_the_agreed_plain_key_is_refused(workshop: Workshop) -> None:
    host_key, authority = workshop.key("ed25519", "host"), workshop.key("ed25519", "authority")
    blob = workshop.certificate(host_key, authority, "-h", "-I", "x", "-n", "127.0.0.1", "-V", "-1w:+1w").blob

    class Certified(paramiko.Transport):  # type: ignore[misc]
        def get_server_key(self) -> t.Any:
            key = super().get_server_key()
            key.asbytes = lambda: blob
            return key

    pin = ssh_keygen("-l", "-f", workshop.key("ed25519", "stranger").public_path).stdout.split()[1].decode()
    with paramiko_server(host_key, transport_class=Certified) as listener:
        for pins in ((host_key.line,), (pin,)):
            endpoint = trusting(listener.endpoint(host_key), host_keys=pins)
            error = refusal(endpoint, TrustError, "algorithm_mismatch")
            assert "ssh-ed25519-cert-v01@openssh.com though ssh-ed25519 was agreed" in error.message


def test_a_fifo_is_refused_without_waiting(workshop: Workshop, tmp_path: Path) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    with login_server(workshop) as server:
        endpoint = server.endpoint(private_key_file=fifo)
        assert "no regular file" in refusal(endpoint, InputError, "invalid_input").message
        for path in (fifo, "/dev/zero"):
            from_files = trusting(endpoint, known_hosts_files=(path,))
            assert "no regular file" in refusal(from_files, InputError, "invalid_input").message
            revoking = replace(endpoint, trust=replace(endpoint.trust, revoked_host_keys=path))
            refusal(revoking, TrustError, "host_key_revoked")
        assert server.attempts == []
    for path in (fifo, os.devnull):
        with pytest.raises(InputError, match="log_file"), audit.recording(path, "info"):
            pass


def test_no_known_hosts_may_be_called_dev_null(workshop: Workshop) -> None:
    with login_server(workshop) as server:
        none = trusting(server.endpoint(password=server.password), known_hosts_files=(os.devnull,))
        refusal(none, TrustError, "host_key_unknown")


def test_an_endless_private_key_file_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    large = tmp_path / "key"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    with login_server(workshop) as server:
        error = refusal(server.endpoint(private_key_file=str(large)), InputError, "invalid_input")
    assert "larger than" in error.message


def test_an_account_without_an_entry_has_its_files_in_its_home() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    # Import before changing the account, which may be unable to read this checkout.
    code = (
        f"import os; from {trust.__name__} import default_files; os.setuid(54321);"
        " print(default_files()[0], default_files()[2])"
    )
    environment = {**os.environ, "HOME": "/somewhere"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "/somewhere/.ssh/known_hosts /etc/ssh/ssh_known_hosts\n"


def test_a_scan_reports_a_key_as_trusted_by_its_certificate(workshop: Workshop) -> None:
    authority = workshop.key("ed25519", "authority")
    arguments = ("-h", "-I", "host", "-n", "127.0.0.1", "-V", "-1w:+1w")
    certificate = workshop.certificate(workshop.key("ed25519", "host"), authority, *arguments)
    with sshd(workshop, certificates=[certificate]) as server:
        line = f"{names(server, '@cert-authority')}{authority.line}\n"
        (scanned,) = scan_host_keys(trusting(server.endpoint(), known_hosts=line))
        (unknown,) = scan_host_keys(trusting(server.endpoint()))
        assert "userauth" not in server.log.read_text()
    assert scanned.key.blob == unknown.key.blob == workshop.key("ed25519", "host").blob
    assert scanned.verdict is not None and scanned.verdict.trusted_by == "certificate"
    assert unknown.verdict is None


def test_a_log_record_that_cannot_be_written_is_dropped_silently(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys;"
        f"from {audit.__name__} import recording, refused;"
        f"from {InputError.__module__} import TrustError;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        "rec = recording(sys.argv[1], 'info'); rec.__enter__();"
        "[refused(TrustError('host_key_unknown', 'x' * 90)) for _time in range(3)];"
        "rec.__exit__(None, None, None); print('went on')"
    )
    log = tmp_path / "log"
    result = subprocess.run([sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("went on\n", "", 0)
    assert log.stat().st_size == 100


def test_timeouts_beyond_the_range_of_timers_are_accepted(workshop: Workshop) -> None:
    with watchdog(1e300, lambda: None, phase="waiting"):
        pass
    with sshd(workshop) as server, connect(server.endpoint()) as connection:
        status, output = connection.run_command("echo here", stdin=b"", timeout_seconds=1e300, limit_bytes=100)
    assert (status, output) == (0, b"here\n")
