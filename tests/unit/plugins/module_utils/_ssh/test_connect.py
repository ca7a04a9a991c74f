# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connecting: the host key is verified before a credential is sent, and every wait has a deadline."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint, Timeouts, Trust
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import Connection, connect
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab
from ansible_collections.backhaul.sftp.tests.lab.keys import make_key
from ansible_collections.backhaul.sftp.tests.unit.fakes import listeners

QUICK = Timeouts(connect_seconds=0.5, operation_seconds=5, stall_seconds=5)


def refused(endpoint: Endpoint) -> BackhaulError:
    with pytest.raises(BackhaulError) as caught, connect(endpoint):
        pass
    assert (caught.value.role, caught.value.host) == (endpoint.role, endpoint.label)
    return caught.value


def untrusted(port: int, **more: t.Any) -> Endpoint:
    """Return an endpoint without any trust, with a password that must never be sent."""
    credentials = Credentials(user="u", password="canary-password", use_agent=False)
    return Endpoint(
        role="source",
        host=listeners.HOST,
        port=port,
        credentials=credentials,
        timeouts=QUICK,
        trust=Trust(known_hosts_files=()),
        **more,
    )


def test_a_connection_reports_how_it_was_made(lab: SharedLab) -> None:
    server = lab.openssh()
    with connect(server.endpoint("destination")) as connection:
        report = connection.report
    assert (report.host, report.port, report.user, report.address) == (
        server.host,
        server.port,
        server.user,
        server.host,
    )
    assert (report.trusted_by, report.host_key_type, report.strict_kex, report.mac) == ("pin", "ssh-ed25519", True, "")
    assert report.server_version.startswith("SSH-2.0-OpenSSH")
    assert "gcm" in report.cipher
    assert report.kex
    assert report.host_key_fingerprint.startswith("SHA256:")
    assert report.authenticated_by.startswith("key SHA256:")


def test_many_sessions_run_on_one_connection_and_end_with_it(lab: SharedLab) -> None:
    with connect(lab.openssh().endpoint()) as connection:
        with connection.file_system() as one, connection.file_system() as other:
            assert one.canonical(b".") == other.canonical(b".")
        with connection.file_system() as again:
            assert again.features().can_replace
        kept = connection
    with pytest.raises(BackhaulError), kept.file_system():
        pass


class TestTrust:
    """Trust comes before every credential, as the servers' own logs prove."""

    @staticmethod
    def attempts_seen(server: Server, endpoint: Endpoint) -> tuple[BackhaulError, str]:
        before = server.log.read_text(errors="replace")
        error = refused(endpoint)
        deadline = time.monotonic() + 5
        while (said := server.log.read_text(errors="replace")[len(before) :]) == "" and time.monotonic() < deadline:
            time.sleep(0.02)
        return error, said

    @pytest.mark.parametrize("way", ["pin", "known_hosts"])
    def test_another_key_is_a_mismatch_and_no_login_is_tried(self, lab: SharedLab, way: str, tmp_path: t.Any) -> None:
        server = lab.openssh(extra=("LogLevel DEBUG1",))
        other = make_key(tmp_path / "other", "ed25519")
        trust = (
            Trust(host_keys=(other,), known_hosts_files=())
            if way == "pin"
            else Trust(known_hosts=f"[{server.host}]:{server.port} {other}", known_hosts_files=())
        )
        error, said = self.attempts_seen(server, replace(server.endpoint(), trust=trust))
        assert (error.code, error.retryable) == ("host_key_mismatch", False)
        assert "userauth" not in said
        assert said

    def test_an_unknown_key_is_refused_with_the_way_to_pin_it(self, lab: SharedLab) -> None:
        server = lab.openssh(extra=("LogLevel DEBUG1",))
        error, said = self.attempts_seen(server, replace(server.endpoint(), trust=Trust(known_hosts_files=())))
        assert error.code == "host_key_unknown"
        assert "host_keys" in error.remedy
        assert "userauth" not in said

    def test_the_environment_cannot_switch_it_off(self, lab: SharedLab, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "False")
        monkeypatch.setenv("ANSIBLE_SSH_HOST_KEY_CHECKING", "False")
        endpoint = replace(lab.openssh().endpoint(), trust=Trust(known_hosts_files=()))
        assert refused(endpoint).code == "host_key_unknown"

    @pytest.mark.parametrize("key_type", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
    def test_any_known_one_of_several_host_keys_is_accepted(self, lab: SharedLab, key_type: str) -> None:
        server = lab.openssh()
        trust = Trust(known_hosts=server.known_hosts_line(key_type=key_type), known_hosts_files=())
        with connect(replace(server.endpoint(), trust=trust)) as connection:
            assert (connection.report.trusted_by, connection.report.host_key_type) == ("known_hosts", key_type)


class TestAuthentication:
    """Each credential once, in the declared order."""

    @staticmethod
    def logged_in(server: Server, **credentials: t.Any) -> str:
        mine = Credentials(user=server.user, use_agent=False, **credentials)
        with connect(replace(server.endpoint(), credentials=mine)) as connection:
            return connection.report.authenticated_by

    @staticmethod
    def refusal(server: Server, **credentials: t.Any) -> BackhaulError:
        mine = Credentials(**{"user": server.user, "use_agent": False, **credentials})
        error = refused(replace(server.endpoint(), credentials=mine))
        said = f"{error} {error.to_dict()}"
        for name in ("password", "private_key_passphrase"):
            assert not credentials.get(name) or credentials[name] not in said
        return error

    def test_a_key_as_text_or_file(self, lab: SharedLab) -> None:
        server = lab.asyncssh()
        assert self.logged_in(server, private_key=server.client_key.text).startswith("key SHA256:")
        assert self.logged_in(server, private_key_file=str(server.client_key.path)).startswith("key SHA256:")

    def test_a_password(self, lab: SharedLab) -> None:
        server = lab.asyncssh()
        assert self.logged_in(server, password=server.password) == "password"

    def test_keyboard_interactive_by_the_password(self, lab: SharedLab) -> None:
        server = lab.asyncssh(authentications=("keyboard-interactive",))
        assert self.logged_in(server, password=server.password) == "keyboard-interactive"

    def test_the_declared_order_decides(self, lab: SharedLab) -> None:
        server = lab.asyncssh()
        both = {"private_key": server.client_key.text, "password": server.password}
        assert self.logged_in(server, **both, authentications=("password", "key")) == "password"
        assert self.logged_in(server, **both, authentications=("key", "password")).startswith("key")

    def test_what_is_not_declared_is_not_tried(self, lab: SharedLab) -> None:
        server = lab.asyncssh()
        error = self.refusal(server, password=server.password, authentications=("key",))
        assert (error.code, error.details["tried"]) == ("authentication_refused", [])

    def test_a_wrong_password_is_tried_once_and_the_error_says_what_the_server_takes(self, lab: SharedLab) -> None:
        server = lab.asyncssh(authentications=("publickey", "password"))
        error = self.refusal(server, password="canary-wrong")
        assert (error.code, error.retryable, error.details["tried"]) == ("authentication_refused", False, ["password"])
        assert error.details["allowed"] == ["publickey", "password"]

    def test_a_key_that_the_server_does_not_know_is_refused_by_its_fingerprint(
        self, lab: SharedLab, tmp_path: t.Any
    ) -> None:
        make_key(tmp_path / "stranger", "ed25519")
        error = self.refusal(lab.asyncssh(), private_key=(tmp_path / "stranger").read_text())
        assert (error.code, "key SHA256:" in error.cause) == ("authentication_refused", True)

    def test_no_credential_at_all(self, lab: SharedLab) -> None:
        error = self.refusal(lab.asyncssh())
        assert (error.code, error.details["tried"]) == ("authentication_refused", [])

    def test_an_unknown_user(self, lab: SharedLab) -> None:
        assert self.refusal(lab.asyncssh(), user="nobody-here", password="x").code == "authentication_refused"

    @pytest.mark.parametrize("content", ["", " \n"])
    def test_a_blank_key_file_is_no_key_given(self, lab: SharedLab, tmp_path: t.Any, content: str) -> None:
        server = lab.asyncssh()
        (tmp_path / "blank").write_text(content)
        assert self.logged_in(server, private_key_file=str(tmp_path / "blank"), password=server.password) == "password"

    def test_a_key_file_that_cannot_be_read_is_invalid_input(self, lab: SharedLab, tmp_path: t.Any) -> None:
        assert self.refusal(lab.asyncssh(), private_key_file=str(tmp_path / "none")).code == "invalid_input"

    def test_an_encrypted_key_without_its_passphrase_is_invalid_input(self, lab: SharedLab, tmp_path: t.Any) -> None:
        make_key(tmp_path / "key", "ecdsa", pem=True, passphrase="canary")
        text = (tmp_path / "key").read_text()
        assert self.refusal(lab.asyncssh(), private_key=text).code == "invalid_input"
        assert (
            self.refusal(lab.asyncssh(), private_key=text, private_key_passphrase="canary-wrong").code
            == "invalid_input"
        )


class TestBeforeTheKeyExchange:
    """Peers that are no SSH server, or end the connection before the key exchange."""

    def test_a_silent_server_is_timed_out_with_the_name_of_the_phase(self) -> None:
        with listeners.listener(listeners.silent) as port:
            error = refused(untrusted(port))
        assert (error.code, "exchanging keys" in error.cause) == ("timed_out", True)

    def test_a_server_that_sends_only_its_version_is_timed_out(self) -> None:
        with listeners.listener(listeners.saying(b"SSH-2.0-slow\r\n", close=False)) as port:
            assert refused(untrusted(port)).code == "timed_out"

    def test_a_server_that_closes_the_connection_is_a_lost_link(self) -> None:
        with listeners.listener(listeners.hanging_up) as port:
            assert refused(untrusted(port)).code == "link_lost"

    @pytest.mark.parametrize(
        "piece", [b"x" * 4096, b"line\r\n" * 100, b"SSH-2.0-" + b"x" * 4096, b"\0" * 4096, b"\xff\n" * 500]
    )
    def test_a_banner_that_never_ends_is_ended(self, piece: bytes) -> None:
        with listeners.listener(listeners.repeating(piece)) as port:
            assert refused(untrusted(port)).code in ("link_lost", "timed_out")

    def test_the_reply_of_a_web_server_is_quoted_in_printable_form(self) -> None:
        with listeners.listener(listeners.saying(b"HTTP/1.1 400 \x1b[2JBad Request\r\n\r\n")) as port:
            error = refused(untrusted(port))
        assert (error.code, "HTTP/1.1 400" in error.cause) == ("link_lost", True)
        assert "\x1b" not in str(error)

    def test_a_server_that_is_full_is_called_busy(self) -> None:
        with listeners.listener(listeners.saying(b"Exceeded MaxStartups\r\n")) as port:
            assert refused(untrusted(port)).code == "server_busy"

    @pytest.mark.parametrize("after", [b"", b"\0\0\0\x0c\x0a" + b"\x14" * 11, b"\xff" * 64, b"\0" * 64])
    def test_nonsense_after_the_version_is_a_lost_link(self, after: bytes) -> None:
        with listeners.listener(listeners.saying(b"SSH-2.0-odd\r\n", after)) as port:
            # The second one is a KEXINIT with empty lists.
            assert refused(untrusted(port)).code in ("link_lost", "timed_out", "algorithm_mismatch")

    def test_ssh_version_1_is_refused(self) -> None:
        with listeners.listener(listeners.saying(b"SSH-1.5-old\r\n")) as port:
            assert refused(untrusted(port)).code in ("link_lost", "algorithm_mismatch")

    def test_no_server_at_all(self) -> None:
        assert refused(untrusted(listeners.unused_port())).code == "connect_failed"

    def test_text_before_the_version_is_allowed(self, lab: SharedLab) -> None:
        server = lab.openssh()

        def prefixed(connection: t.Any) -> None:
            import socket

            with contextlib.suppress(OSError), socket.create_connection((server.host, server.port)) as upstream:
                connection.sendall(b"Welcome, all is logged\r\nsecond line\r\n")
                listeners.pump(connection, upstream)

        with listeners.listener(prefixed) as port:
            endpoint = replace(server.endpoint(), host=listeners.HOST, port=port)
            with connect(endpoint) as connection:
                assert isinstance(connection, Connection)
