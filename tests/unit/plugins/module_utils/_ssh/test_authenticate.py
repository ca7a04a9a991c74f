# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins with unusual requests of the server; ``test_connect`` covers the usual ones."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.unit.fakes.ssh_server import (
    DONE,
    FAILED,
    PARTIAL,
    FakeSshServer,
    Login,
    fake_ssh_server,
    new_key,
)

PASSWORD = "canary-password"


def private_text(key: t.Any) -> str:
    import io

    text = io.StringIO()
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    text.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode())
    return text.getvalue()


@pytest.fixture(scope="module")
def private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return private_text(ed25519.Ed25519PrivateKey.generate())


def logged_in(server: FakeSshServer, **credentials: t.Any) -> str:
    with connect(server.endpoint(**credentials)) as connection:
        return connection.report.authenticated_by


def refusal(server: FakeSshServer, **credentials: t.Any) -> BackhaulError:
    with pytest.raises(BackhaulError) as caught, connect(server.endpoint(**credentials)):
        pass
    assert PASSWORD not in f"{caught.value} {caught.value.to_dict()}"
    return caught.value


class TwoSteps(Login):
    """Requires the key and then the password."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        self.allowed = "password"
        return PARTIAL

    def check_auth_password(self, username: str, password: str) -> int:
        super().check_auth_password(username, password)
        return DONE if password == PASSWORD else FAILED


@pytest.mark.parametrize("order", [("key", "password"), ("password", "key")])
def test_a_key_and_then_a_password(private_key: str, order: tuple[str, ...]) -> None:
    with fake_ssh_server(TwoSteps()) as server:
        how = logged_in(server, private_key=private_key, password=PASSWORD, authentications=order)
    assert how.startswith("key SHA256:")
    assert how.endswith(" + password")


def test_half_of_two_steps_is_no_login_and_the_error_says_what_is_missing(private_key: str) -> None:
    with fake_ssh_server(TwoSteps()) as server:
        error = refusal(server, private_key=private_key)
        wrong = refusal(server, private_key=private_key, password="wrong")
    assert error.code == wrong.code == "authentication_refused"
    assert (len(t.cast("list[str]", error.details["succeeded"])), error.details["allowed"]) == (1, ["password"])
    assert wrong.details["tried"] == ["password"]


def test_the_password_is_not_shown_to_a_server_that_does_not_take_passwords() -> None:
    login = Login()
    login.allowed = "publickey"
    with fake_ssh_server(login) as server:
        refusal(server, password=PASSWORD)
    assert login.seen == ["none"]


def test_the_password_is_not_shown_to_a_server_with_another_key() -> None:
    login = Login()
    with fake_ssh_server(login) as server:
        endpoint = server.endpoint(password=PASSWORD)
        server.host_key = new_key()
        with pytest.raises(BackhaulError) as caught:
            connect(endpoint)
    assert caught.value.code == "host_key_mismatch"
    assert login.seen == []


def test_names_of_methods_that_a_server_invents_are_made_printable() -> None:
    login = Login()
    login.allowed = "\x1b[2Jevil,publickey"
    with fake_ssh_server(login) as server:
        error = refusal(server, password=PASSWORD)
    assert "\x1b" not in str(error)
    assert "\x1b" not in str(error.to_dict()["message"])


class Asking(Login):
    """Sends the given rounds of prompts, and accepts a login that answers all of them as expected."""

    allowed = "keyboard-interactive"

    def __init__(self, *rounds: tuple[tuple[str, bool], ...]) -> None:
        super().__init__()
        self.rounds = list(rounds)
        self.answers: list[list[str]] = []

    def _next(self) -> t.Any:
        if not self.rounds:
            return DONE if self.answers and self.answers[-1] == [PASSWORD] else FAILED
        return paramiko.InteractiveQuery("name", "instructions", *self.rounds.pop(0))

    def check_auth_interactive(self, username: str, submethods: str) -> t.Any:
        return self._next()

    def check_auth_interactive_response(self, responses: list[str]) -> t.Any:
        self.answers.append(list(responses))
        return self._next()


def test_one_hidden_question_is_answered_by_the_password() -> None:
    login = Asking((("Password: ", False),))
    with fake_ssh_server(login) as server:
        assert logged_in(server, password=PASSWORD) == "keyboard-interactive"


@pytest.mark.parametrize(
    "asked", [(("Your name: ", True),), (("Password: ", False), ("Code: ", False)), (("Old: ", False), ("New: ", True))]
)
def test_any_other_question_gets_no_secret(asked: tuple[tuple[str, bool], ...]) -> None:
    login = Asking(asked)
    with fake_ssh_server(login) as server:
        assert refusal(server, password=PASSWORD).code == "authentication_refused"
    assert login.answers == [[""] * len(asked)]


def test_a_second_hidden_question_does_not_get_the_password_again() -> None:
    login = Asking((("Password: ", False),), (("New password: ", False),))
    with fake_ssh_server(login) as server:
        refusal(server, password=PASSWORD)
    assert login.answers == [[PASSWORD], [""]]


def test_endless_questions_are_refused() -> None:
    login = Asking(*[(("Again: ", False),)] * 1000)
    with fake_ssh_server(login) as server:
        error = refusal(server, password=PASSWORD)
    assert (error.code, error.details["tried"]) == ("authentication_refused", ["keyboard-interactive"])
    assert len(login.answers) < 100


def test_a_password_that_the_server_checks_too_slowly_is_not_sent_again() -> None:
    class Slow(Login):
        def check_auth_password(self, username: str, password: str) -> int:
            import time

            time.sleep(2)
            return FAILED

    with fake_ssh_server(Slow()) as server:
        endpoint = server.endpoint(password=PASSWORD)
        quick = replace(endpoint, timeouts=replace(endpoint.timeouts, connect_seconds=0.7))
        with pytest.raises(BackhaulError) as caught:
            connect(quick)
    assert (caught.value.code, caught.value.retryable) == ("authentication_refused", False)
    assert "no answer in time after password" in caught.value.cause
    assert caught.value.details["tried"] == ["password"]
