# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in: every kind of credential, each once, in the declared order, and none for unusual prompts."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import typing as t
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import (
    BackhaulError,
    InputError,
    LinkError,
    TrustError,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.actors.login_server import login_server
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import Account, paramiko_server
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab
from ansible_collections.backhaul.sftp.tests.lab.proxy import Proxy
from ansible_collections.backhaul.sftp.tests.trust import oracle
from ansible_collections.backhaul.sftp.tests.trust.material import Key, Workshop
from ansible_collections.backhaul.sftp.tests.trust.oracle import ssh_keygen

from .meeting import refusal, report_of, with_credentials
from .sshd import sshd

pytestmark = pytest.mark.integration
KINDS = ("ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048")
PASSPHRASE = "correct horse; ß 'battery'"


def rewritten(key: Key, form: str, passphrase: str) -> str:
    """Return the private key in another format."""
    loaded = serialization.load_ssh_private_key(key.path.read_bytes(), None)
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        hidden = serialization.BestAvailableEncryption(passphrase.encode())
    return loaded.private_bytes(serialization.Encoding.PEM, FORMS[form], hidden).decode("ascii")


FORMS = {
    "openssh": serialization.PrivateFormat.OpenSSH,
    "pem": serialization.PrivateFormat.TraditionalOpenSSL,
    "pkcs8": serialization.PrivateFormat.PKCS8,
}


@pytest.fixture(scope="module")
def server(workshop: Workshop) -> t.Iterator[Server]:
    """An sshd that accepts one key of each type, and every user certificate of one authority."""
    authority = workshop.key("ed25519", "user-authority")
    with sshd(workshop, f"TrustedUserCAKeys {authority.public_path}") as running:
        lines = [workshop.key(kind, "client").line for kind in KINDS]
        (running.folder / "authorized_keys").write_text("\n".join(lines) + "\n")
        yield running


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["plain", "encrypted"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_of_every_kind_and_form_logs_in(
    server: Server, workshop: Workshop, kind: str, form: str, passphrase: str
) -> None:
    if (kind, form) == ("ed25519", "pem"):
        pytest.skip("Ed25519 keys have no PEM form of their own")
    key = workshop.key(kind, "client")
    text = rewritten(key, form, passphrase)
    endpoint = with_credentials(server.endpoint(), private_key=text, private_key_passphrase=passphrase or None)
    assert report_of(endpoint).authenticated_by == f"key {fingerprint(key.public_path)}"


def fingerprint(path: Path) -> str:
    """Return a public key's fingerprint as ssh-keygen prints it."""
    return ssh_keygen("-l", "-f", path).stdout.split()[1].decode()


def test_a_key_as_ssh_keygen_writes_it_and_as_a_vault_returns_it(
    server: Server, workshop: Workshop, tmp_path: Path
) -> None:
    key = workshop.key("ecdsa256", "client")
    for index, options in enumerate((("-m", "PEM"), ("-m", "PKCS8"), ("-Z", "aes256-ctr"))):
        copy = tmp_path / f"key{index}"
        copy.write_text(key.path.read_text())
        copy.chmod(0o600)
        made = ssh_keygen("-p", "-q", "-N", "pass phrase", *options, "-f", copy)
        assert made.returncode == 0, made.stderr
        text = copy.read_text().replace("\n", "\r\n").strip()
        report_of(with_credentials(server.endpoint(), private_key=text, private_key_passphrase="pass phrase"))
        from_file = with_credentials(
            server.endpoint(), private_key_file=str(copy), private_key_passphrase="pass phrase"
        )
        report_of(from_file)


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_or_missing_passphrase_is_named_and_nothing_is_sent(
    server: Server, workshop: Workshop, form: str
) -> None:
    text = rewritten(workshop.key("rsa2048", "client"), form, PASSPHRASE)
    for passphrase, says in ((None, "no private_key_passphrase"), ("wrong-wrong", "passphrase is wrong")):
        endpoint = with_credentials(server.endpoint(), private_key=text, private_key_passphrase=passphrase)
        error = refusal(endpoint, InputError, "invalid_input")
        assert says in error.message
        assert "wrong-wrong" not in str(error.to_dict())
        assert text.splitlines()[2] not in str(error.to_dict())


def test_a_passphrase_for_an_unencrypted_key_is_ignored(server: Server, workshop: Workshop) -> None:
    text = workshop.key("ed25519", "client").path.read_text()
    report_of(with_credentials(server.endpoint(), private_key=text, private_key_passphrase=PASSPHRASE))


def user_certificate(workshop: Workshop, key: Key, *arguments: str) -> str:
    """Return a certificate for a key, signed by the server's authority."""
    authority = workshop.key("ed25519", "user-authority")
    return workshop.certificate(key, authority, "-I", "relay", "-V", "-1w:+1w", *arguments).path.read_text()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa521", "rsa2048"])
def test_a_user_certificate_logs_in(server: Server, workshop: Workshop, kind: str) -> None:
    key = workshop.key(kind, "certified")  # the key without its certificate is not authorized
    text = key.path.read_text()
    endpoint = with_credentials(
        server.endpoint(), private_key=text, certificate=user_certificate(workshop, key, "-n", server.user)
    )
    assert report_of(endpoint).authenticated_by == f"certificate of key {fingerprint(key.public_path)}"
    for_another = user_certificate(workshop, key, "-n", "somebody-else")
    error = refusal(with_credentials(server.endpoint(), private_key=text, certificate=for_another), TrustError, REFUSED)
    # The key without its certificate is another credential, which is tried as well.
    assert error.details["tried"] == [
        f"certificate of key {fingerprint(key.public_path)}",
        f"key {fingerprint(key.public_path)}",
    ]


REFUSED = "authentication_refused"


def test_a_certificate_of_another_key_is_refused_before_it_is_sent(server: Server, workshop: Workshop) -> None:
    other = user_certificate(workshop, workshop.key("ed25519", "certified"), "-n", server.user)
    key = workshop.key("ed25519", "client")
    for text, says in (
        (other, "another private key"),
        (user_certificate(workshop, workshop.key("rsa2048", "certified"), "-n", server.user), "another type"),
        (user_certificate(workshop, key, "-h", "-n", "127.0.0.1"), "host certificate"),
        ("no certificate at all", "no certificate"),
        (key.line, "no certificate"),
    ):
        endpoint = with_credentials(server.endpoint(), private_key=key.path.read_text(), certificate=text)
        assert says in refusal(endpoint, InputError, "invalid_input").message
    alone = with_credentials(server.endpoint(), certificate=other)
    assert "no private key" in refusal(alone, InputError, "invalid_input").message


@contextlib.contextmanager
def agent_with(folder: Path, *keys: Path) -> t.Iterator[str]:
    """Run an ssh-agent that holds these keys; yield the path of its socket."""
    path = folder / "agent.sock"
    agent = subprocess.Popen(
        [oracle.program("ssh-agent"), "-D", "-a", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
        # ssh-add -l: status 2 means that the agent cannot be reached, 1 that it has no keys.
        listing = [oracle.program("ssh-add"), "-l"]
        while subprocess.run(listing, env=environment, capture_output=True, check=False).returncode == 2:
            assert agent.poll() is None, "ssh-agent ended"
        for key in keys:
            command = [oracle.program("ssh-add"), "-q", str(key)]
            subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)
        yield str(path)
    finally:
        agent.kill()
        agent.wait()


@pytest.mark.parametrize("kind", ["ed25519", "rsa2048", "ecdsa384"])
def test_a_key_in_an_agent_logs_in(
    server: Server, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    key = workshop.key(kind, "client")
    endpoint = with_credentials(server.endpoint(), use_agent=True)
    with agent_with(tmp_path, key.path) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        report = report_of(endpoint)
        assert report.authenticated_by == f"agent key {fingerprint(key.public_path)}"
        without = refusal(with_credentials(server.endpoint(), use_agent=False), TrustError, REFUSED)
        assert without.details["tried"] == []
    # The agent has ended and its socket file still exists: that is no additional error.
    assert refusal(endpoint, TrustError, REFUSED).details["tried"] == []


def test_no_connection_to_the_agent_stays_open(
    server: Server, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent_with(tmp_path, workshop.key("ed25519", "client").path) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        for _time in range(3):
            report_of(with_credentials(server.endpoint(), use_agent=True))
        mine = [fd for fd in Path("/proc/self/fd").iterdir() if _peer_of(fd) == path]
    assert mine == []


def _peer_of(fd: Path) -> str:
    try:
        with socket.socket(fileno=os.dup(int(fd.name))) as copy:
            return str(copy.getpeername()) if copy.family == socket.AF_UNIX else ""
    except OSError:
        return ""


def test_sshd_that_wants_two_keys_gets_both(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = workshop.key("ed25519", "client"), workshop.key("ecdsa256", "client")
    with sshd(workshop, "AuthenticationMethods publickey,publickey") as server:
        (server.folder / "authorized_keys").write_text(f"{first.line}\n{second.line}\n")
        one = refusal(server.endpoint(), TrustError, REFUSED)
        assert one.details["succeeded"] == [f"key {fingerprint(first.public_path)}"]
        with agent_with(tmp_path, second.path) as path:
            monkeypatch.setenv("SSH_AUTH_SOCK", path)
            both = with_credentials(server.endpoint(), private_key=first.path.read_text(), use_agent=True)
            assert report_of(both).authenticated_by == (
                f"key {fingerprint(first.public_path)} + agent key {fingerprint(second.public_path)}"
            )


def test_more_keys_than_sshd_allows_attempts(
    server: Server, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right key is the last one: the server disconnects before that, and the error names a remedy."""
    strangers = [workshop.key("ed25519", f"stranger-{index}").path for index in range(3)]
    with (
        sshd(workshop, "MaxAuthTries 3") as strict,
        agent_with(tmp_path, *strangers, workshop.key("ed25519", "client").path) as path,
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        error = refusal(with_credentials(strict.endpoint(), use_agent=True), TrustError, REFUSED)
        assert "fewer attempts" in error.message and not error.retryable
        assert strict.log.read_text().count("Failed publickey") <= 3
    report_of(server.endpoint())


def test_a_wrong_key_is_tried_once_and_the_error_says_what_else_is_taken(server: Server, workshop: Workshop) -> None:
    stranger = workshop.key("ed25519", "stranger")
    before = server.log.read_text().count("Failed publickey")
    endpoint = with_credentials(server.endpoint(), private_key=stranger.path.read_text(), password="unused")
    error = refusal(endpoint, TrustError, REFUSED)
    assert server.log.read_text().count("Failed publickey") == before + 1
    assert error.details == {
        "user": server.user,
        "tried": [f"key {fingerprint(stranger.public_path)}"],
        "succeeded": [],
        "allowed": ["publickey"],
    }
    assert "takes publickey" in error.message and not error.retryable
    assert "unused" not in str(error.to_dict())


@pytest.mark.parametrize("kind", ["proftpd", "asyncssh"])
def test_a_password_logs_in_and_a_wrong_one_does_not(lab: SharedLab, kind: str) -> None:
    server = lab.proftpd() if kind == "proftpd" else lab.asyncssh()
    right = with_credentials(server.endpoint(), password=server.password)
    assert report_of(right).authenticated_by == "password"
    error = refusal(with_credentials(server.endpoint(), password="no-such-password"), TrustError, REFUSED)
    assert error.details["tried"] == ["password"]
    assert "password" in t.cast("list[str]", error.details["allowed"])
    assert "no-such-password" not in str(error.to_dict())


def test_keyboard_interactive_gives_the_password_to_asyncssh(lab: SharedLab) -> None:
    server = lab.asyncssh(authentications=("keyboard-interactive",))
    endpoint = with_credentials(server.endpoint(), password=server.password)
    assert report_of(endpoint).authenticated_by == "keyboard-interactive"
    refusal(with_credentials(server.endpoint(), password="no-such-password"), TrustError, REFUSED)


def test_every_wrong_credential_arrives_exactly_once(workshop: Workshop) -> None:
    stranger = workshop.key("ed25519", "stranger")
    with login_server(workshop) as server:
        endpoint = server.endpoint(private_key=stranger.path.read_text(), password="wrong")
        error = refusal(endpoint, TrustError, REFUSED)
    assert server.attempts == [
        f"publickey {stranger.encoded[-8:]}",
        "password wrong",
    ]
    assert error.details["tried"] == [
        f"key {fingerprint(stranger.public_path)}",
        "password",
    ]


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (("password", "key"), "password"),
        (("key", "password"), "publickey"),
        (("keyboard-interactive", "password", "key"), "keyboard-interactive"),
    ],
)
def test_the_declared_order_is_kept(workshop: Workshop, order: tuple[str, ...], first: str) -> None:
    with login_server(workshop) as server:
        report_of(server.endpoint(private_key=server.key_text, password=server.password, authentications=order))
    assert {attempt.split()[0] for attempt in server.attempts} == {first}


def test_a_method_that_is_not_among_the_authentications_is_never_tried(workshop: Workshop) -> None:
    with login_server(workshop) as server:
        endpoint = server.endpoint(password=server.password, authentications=("key",))
        error = refusal(endpoint, TrustError, REFUSED)
    assert server.attempts == [] and error.details["tried"] == []


def test_a_key_and_then_a_password(workshop: Workshop) -> None:
    with login_server(workshop, steps=[["publickey"], ["password"]]) as server:
        report = report_of(server.endpoint(private_key=server.key_text, password=server.password))
        assert re.fullmatch("key SHA256:.* \\+ password", report.authenticated_by)
        assert [attempt.split()[0] for attempt in server.attempts] == ["publickey", "password"]
        error = refusal(server.endpoint(private_key=server.key_text, password="wrong"), TrustError, REFUSED)
        assert error.details["succeeded"] and error.details["tried"] == ["password"]
        assert "after key SHA256:" in error.message


def test_the_server_may_require_methods_in_another_order_than_the_declared_one(workshop: Workshop) -> None:
    with login_server(workshop, steps=[["publickey"], ["password"]]) as server:
        endpoint = server.endpoint(
            private_key=server.key_text, password=server.password, authentications=("password", "key")
        )
        assert report_of(endpoint).authenticated_by.endswith(" + password")


def test_a_key_and_then_a_one_time_code(workshop: Workshop) -> None:
    rounds = [[("Verification code: ", False)]]
    with login_server(
        workshop, steps=[["publickey"], ["keyboard-interactive"]], rounds=rounds, password="492039"
    ) as server:
        report = report_of(server.endpoint(private_key=server.key_text, password="492039"))
    assert report.authenticated_by.endswith(" + keyboard-interactive")
    assert server.answers == [["492039"]]


def test_a_password_and_a_code_as_two_prompts_are_not_both_answered(workshop: Workshop) -> None:
    """The second prompt gets no answer: a server could repeat the same prompt to get the password twice."""
    rounds = [[("Password: ", False)], [("Verification code: ", False)]]
    with login_server(workshop, steps=[["keyboard-interactive"]], rounds=rounds) as server:
        report_of(server.endpoint(password=server.password))
    assert server.answers == [[server.password], [""]]


@pytest.mark.parametrize(
    "prompts",
    [
        [("Password: ", True)],
        [("Password: ", False), ("New password: ", False)],
        [("Your mother's name: ", True), ("Password: ", False)],
    ],
    ids=["shown", "two", "shown-first"],
)
def test_unusual_prompts_get_no_secret(workshop: Workshop, prompts: list[tuple[str, bool]]) -> None:
    with login_server(workshop, steps=[["keyboard-interactive"]], rounds=[prompts]) as server:
        refusal(server.endpoint(password=server.password), TrustError, REFUSED)
    assert server.answers == [[""] * len(prompts)]


def test_a_notice_without_a_question_is_answered_with_nothing(workshop: Workshop) -> None:
    """PAM sends a notice before or after the prompt (RFC 4256 section 3.2)."""
    with login_server(workshop, steps=[["keyboard-interactive"]], rounds=[[("Password: ", False)], []]) as server:
        report_of(server.endpoint(password=server.password))
    assert server.answers == [[server.password], []]


def test_no_credential_is_sent_to_an_unknown_server(workshop: Workshop) -> None:
    with login_server(workshop) as server:
        honest = server.endpoint(private_key=server.key_text, password=server.password)
        pin = workshop.key("ed25519", "stranger").line
        refusal(replace(honest, trust=replace(honest.trust, host_keys=(pin,))), TrustError, "host_key_mismatch")
        assert server.attempts == []
        report_of(honest)
        assert len(server.attempts) == 1


class _Disconnecting(Account):
    def check_auth_password(self, username: str, password: str) -> int:
        super().check_auth_password(username, password)
        self.transport.close()
        return t.cast(int, paramiko.AUTH_FAILED)


def test_a_password_is_not_sent_again_to_a_server_that_disconnects(workshop: Workshop) -> None:
    """The error looks like a lost link. A retry of that would lock the account."""
    key = workshop.key("ed25519", "host")
    with paramiko_server(key, account=_Disconnecting) as server:
        error = refusal(server.endpoint(key), TrustError, REFUSED)
    assert "after password was tried" in error.message and not error.retryable
    assert server.seen == 1


def cut_at_each_byte(server: Server, endpoint: Endpoint) -> list[BackhaulError]:
    """Log in through a proxy that cuts each connection at a later byte, in either direction; return the errors."""
    errors = []
    with Proxy(server) as proxy:
        through = replace(endpoint, host=proxy.host, port=proxy.port)
        connect(through).__exit__()
        lengths = [(direction, direction.passed_bytes) for direction in (proxy.downstream, proxy.upstream)]
        for direction, length_bytes in lengths:
            for position in range(length_bytes - 400, length_bytes, 20):
                direction.clear_faults()
                direction.cut_at(position)
                try:
                    connect(through).__exit__()
                except BackhaulError as exc:
                    errors.append(exc)
            direction.clear_faults()
    return errors


def test_a_link_that_breaks_over_a_key_is_lost_and_may_be_tried_again(server: Server, workshop: Workshop) -> None:
    errors = cut_at_each_byte(server, server.endpoint())
    assert {(type(error), error.code) for error in errors} == {(LinkError, "link_lost")}
    over_the_key = [error for error in errors if "after key SHA256:" in error.message]
    assert over_the_key and all("the link broke" in error.message for error in over_the_key)


def test_a_link_that_breaks_over_an_agents_key_is_lost_and_may_be_tried_again(
    server: Server, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent_with(tmp_path, workshop.key("ed25519", "client").path) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        errors = cut_at_each_byte(server, with_credentials(server.endpoint(), use_agent=True))
    assert {error.code for error in errors} == {"link_lost"}
    assert any("after agent key SHA256:" in error.message for error in errors)


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_a_link_that_breaks_over_a_password_is_not_tried_again_and_says_why(lab: SharedLab, method: str) -> None:
    server = lab.asyncssh(authentications=(method,))
    errors = cut_at_each_byte(server, with_credentials(server.endpoint(), password=server.password))
    refused = [error for error in errors if error.code == REFUSED]
    assert refused and {error.code for error in errors} <= {REFUSED, "link_lost"}
    for error in refused:
        assert "the link broke" in error.message and f"after {method} was tried" in error.message
        assert "to not lock the account" in error.message and not error.retryable


class _DisconnectingOnKeys(Account):
    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        return t.cast(int, paramiko.AUTH_FAILED)

    def check_auth_publickey(self, username: str, key: t.Any) -> int:
        self.transport.close()
        return t.cast(int, paramiko.AUTH_FAILED)


def test_a_link_that_breaks_over_a_key_after_a_password_was_sent_is_not_tried_again(workshop: Workshop) -> None:
    """A retry would start with the password."""
    key = workshop.key("ed25519", "host")
    with paramiko_server(key, account=_DisconnectingOnKeys) as server:
        text = workshop.key("ed25519", "client").path.read_text()
        both = {"password": "wrong", "private_key": text}
        after = with_credentials(server.endpoint(key), **both, authentications=("password", "key"))
        refused = refusal(after, TrustError, REFUSED)
        assert "after key SHA256:" in refused.message and "the password" in refused.message
        refusal(with_credentials(server.endpoint(key), **both), LinkError, "link_lost")


class _Expired(Account):
    def check_auth_password(self, username: str, password: str) -> int:
        message = paramiko.Message()
        message.add_byte(bytes([60]))  # USERAUTH_PASSWD_CHANGEREQ, RFC 4252 section 8
        message.add_string("Your password has expired.")
        message.add_string("en")
        self.transport._send_message(message)
        return t.cast(int, paramiko.AUTH_FAILED)


def test_an_expired_password_is_named_as_such(workshop: Workshop) -> None:
    key = workshop.key("ed25519", "host")
    with paramiko_server(key, account=_Expired) as server:
        error = refusal(server.endpoint(key), TrustError, REFUSED)
    assert "wants it changed" in error.message and not error.retryable
